#pragma once
#include <vector>

#include <ATen/core/Tensor.h>

namespace descent::tensors {

/// Copies of tensors' values, put back exactly when asked to or at the end of the scope.
class KeptValues {
 public:
  KeptValues() = default;
  KeptValues(KeptValues&&) = default;
  KeptValues(const KeptValues&) = delete;
  KeptValues& operator=(const KeptValues&) = delete;
  KeptValues& operator=(KeptValues&&) = delete;
  ~KeptValues();

  void keep(const at::Tensor& x);
  /// Throws c10::Error if a tensor was given other sizes meanwhile; all others are put back.
  void restore();
  /// Leaves the tensors as they are now.
  void forget() { kept_.clear(); }

 private:
  struct Kept {
    at::Tensor tensor, values;
  };
  std::vector<Kept> kept_;
};

/// Other tensors in the .grad slots of parameters, for a while: the gradients themselves are never
/// written, and come back when asked for or at the end of the scope. A slot that somebody else has
/// filled or emptied since is theirs and stays so, until they put back what they found.
class ExchangedGradients {
 public:
  ExchangedGradients() = default;
  ExchangedGradients(const ExchangedGradients&) = delete;
  ExchangedGradients& operator=(const ExchangedGradients&) = delete;
  ~ExchangedGradients() { restore(); }

  void exchange(const at::Tensor& parameter, const at::Tensor& gradient);
  void restore() noexcept;

 private:
  struct Exchanged {
    at::Tensor parameter, own, shown;
  };
  std::vector<Exchanged> exchanged_;
};

}  // namespace descent::tensors
