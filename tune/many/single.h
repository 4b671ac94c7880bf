#pragma once
#include <memory>
#include <utility>

#include <descent/optim/optimizer/registry.h>
#include <descent/tune/many/job.h>

namespace descent::many {

/// One training after another by LibTorch's autograd and the optimizers of this library, on a clone
/// of the network: any network, and what the fused path is compared with.
class Single {
 public:
  explicit Single(const Job& job);

  Trained train(const Candidate& candidate, const Tensors& initial, int64_t steps,
                const tensors::Pulse& pulse = {});

  /// The loss of the first batch and its gradient, one tensor for each parameter; undefined for a
  /// parameter that it does not depend on.
  std::pair<double, Tensors> gradient(const Tensors& initial);

  /// What the network gives for each batch; also refuses a network that draws random numbers.
  Tensors predictions();

  /// The buffers of floating types that predictions() found to be changed by the network, as the
  /// statistics of batch normalisation, by their number.
  const std::vector<size_t>& changed_buffers() const { return changed_; }

 private:
  at::Tensor loss_of(const Data& batch);
  double total_loss();
  void take(const Tensors& weights);
  MadeOptimizer optimizer_for(const Candidate& candidate) const;

  const Job& job_;
  std::unique_ptr<landscape::Model> model_;
  landscape::Parameters own_;
  Tensors buffers_, first_buffers_;  ///< of the clone, and as they were
  std::vector<size_t> changed_;
};

}  // namespace descent::many
