#pragma once
#include <vector>

#include <descent/optim/wrappers/wrapper.h>
#include <descent/tensors/restore.h>

namespace descent {

/// A wrapper that shows its inner optimizer other gradients than those that the backward pass left.
///
/// Gradients are never written: during step() each parameter's .grad slot holds the transformed
/// tensor, and afterwards, also when something throws, the user's own again. The user's closure
/// meets its own gradients too, however often the inner optimizer calls it, so zero_grad and
/// backward work as ever. Of several transforms around each other the outermost comes first:
///   ClipNorm(GradientNoise(SGD))   clips, then adds noise, then steps
class GradientTransform : public Wrapper {
 public:
  at::Tensor step(LossClosure closure = nullptr) override;

 protected:
  using Wrapper::Wrapper;

  struct Gradient {
    at::Tensor parameter;
    at::Tensor value;  ///< or its real view; to be exchanged for another tensor, never written
    size_t group;
  };
  /// Exchanges the values of all gradients that there are, in group order.
  virtual void transform(std::vector<Gradient>& gradients) = 0;
  /// Called when a step is done.
  virtual void stepped() {}

 private:
  void exchange(tensors::ExchangedGradients& exchanged);
};

}  // namespace descent
