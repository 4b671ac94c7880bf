#pragma once
#include <memory>
#include <string>

#include <descent/tune/many/job.h>

namespace descent::many {

/// Trainings of chains of Linear and activations without tensors: forward, backward and update of a
/// network by kernels, one network after the other on each thread.
class ChainTraining {
 public:
  virtual ~ChainTraining() = default;

  /// Nothing, and in `why_not` the reason, where the kernels do not apply. `predictions` are those
  /// of the network for each batch.
  static std::unique_ptr<ChainTraining> of(const Job& job, const Tensors& predictions,
                                           std::string* why_not);

  virtual std::string description() const = 0;
  virtual std::string kernel() const = 0;

  /// Sets up the private memory of workers 0 .. workers-1.
  virtual void prepare(int workers) = 0;

  virtual Trained train(int worker, const Candidate& candidate, const Tensors& initial,
                        int64_t steps, const tensors::Pulse& pulse = {}) = 0;

  /// The loss of the first batch and its gradient, one tensor for each parameter.
  virtual std::pair<double, Tensors> gradient(int worker, const Tensors& initial) = 0;
};

}  // namespace descent::many
