#pragma once
#include <memory>
#include <vector>

#include <descent/tune/many/chain_training.h>
#include <descent/tune/many/single.h>

namespace descent::many {

/// Trains the candidates of a job, by the first path that applies and, if that is the fused one,
/// agrees with single trainings.
class Trainer {
 public:
  /// Chooses the path. The job must outlive it. LibTorch works on one thread from then on in all
  /// threads that train, this one included: OneThreadEach ends it.
  explicit Trainer(const Job& job);
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Threads that may work on so many trainings.
  int workers(int64_t trainings) const;
  /// Sets up the private memory of workers 0 .. workers-1.
  void prepare(int workers);

  /// With the private memory of a worker; the candidate may be one that the job does not have, with
  /// options of the same names.
  Trained train(int worker, const Candidate& candidate, const tensors::Pulse& pulse);

  Path path() const { return fast_ ? Path::Fused : Path::Loop; }
  const std::string& reason() const { return reason_; }
  const std::string& check() const { return check_; }
  std::string kernel() const { return fast_ ? fast_->kernel() : ""; }

 private:
  const Job& job_;
  std::unique_ptr<ChainTraining> fast_;
  std::vector<std::unique_ptr<Single>> singles_;
  std::string reason_, check_;
  int64_t threads_;
};

}  // namespace descent::many
