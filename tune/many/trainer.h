#pragma once
#include <memory>
#include <vector>

#include <descent/tune/many/fast_training.h>

namespace descent::many {

/// Trains the candidates of a job, by the first path that applies and agrees with single trainings.
class Trainer {
 public:
  /// Chooses the path for so many trainings that can be made together. The job must outlive it.
  /// LibTorch works on one thread from then on in all threads that train, this one included:
  /// OneThreadEach ends it.
  Trainer(const Job& job, int64_t trainings);
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// How many candidates are best given to train() together.
  int64_t at_once() const { return fast_ ? fast_->at_once() : 1; }
  /// Threads that may work on so many calls of train().
  int workers(int64_t calls) const;
  /// Sets up the private memory of workers 0 .. workers-1.
  void prepare(int workers);

  /// With the private memory of a worker; candidates may be such that the job does not have, with
  /// options of the same names.
  std::vector<Trained> train(int worker, std::span<const Candidate> candidates,
                             const tensors::Pulse& pulse);

  Path path() const { return fast_ ? fast_->path() : Path::Loop; }
  const std::string& reason() const { return reason_; }
  const std::string& check() const { return check_; }
  std::string kernel() const { return fast_ ? fast_->kernel() : ""; }

 private:
  const Job& job_;
  std::unique_ptr<FastTraining> fast_;
  std::vector<std::unique_ptr<Single>> singles_;
  std::string reason_, check_;
  int64_t threads_;
};

}  // namespace descent::many
