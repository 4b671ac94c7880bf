#pragma once
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <descent/tune/many/single.h>

namespace descent::many {

/// Trainings by another way than one after the other through LibTorch's autograd.
class FastTraining {
 public:
  virtual ~FastTraining() = default;

  virtual Path path() const = 0;
  /// What it takes, and the instruction set of its kernels if it has some.
  virtual std::string description() const = 0;
  virtual std::string kernel() const { return ""; }

  /// Sets up the private memory of workers 0 .. workers-1.
  virtual void prepare(int workers) = 0;

  /// How many candidates are best given to train() together: 1 or more.
  virtual int64_t at_once() const = 0;
  virtual std::vector<Trained> train(int worker, std::span<const Candidate> candidates,
                                     int64_t steps, const tensors::Pulse& pulse = {}) = 0;

  /// The loss of the first batch at a candidate's initial weights and its gradient, one tensor for
  /// each parameter; undefined for one that is not trained.
  virtual std::pair<double, Tensors> gradient(int worker, const Candidate& candidate) = 0;
};

/// Chains of Linear and activations without tensors: forward, backward and update of a network by
/// kernels, one network after the other on each thread. Nothing, and in `why_not` the reason, where
/// the kernels do not apply. `predictions` are those of the network for each batch.
std::unique_ptr<FastTraining> chain_training(const Job& job, const Tensors& predictions,
                                             std::string* why_not);

/// Any network of float or double on the CPU: the weights of several are stacked, LibTorch's vmap
/// takes their losses, and one backward of the sum of these their gradients; each is stepped in its
/// own memory, by the rule's own loops. One that has diverged leaves the stack. Nothing, and in
/// `why_not` the reason, where that does not apply, and, unless options.path asks for it, where the
/// loop is as fast. `trainings` is how many there will be.
std::unique_ptr<FastTraining> batched_training(const Job& job, Single& single, int64_t trainings,
                                               std::string* why_not);

}  // namespace descent::many
