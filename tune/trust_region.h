#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <torch/optim/optimizer.h>

#include <descent/tune/methods/domains.h>

namespace descent {

/// SteihaugCG: conjugate gradients that end at the boundary or in a direction of negative
/// curvature; needs products with the Hessian alone. Dogleg: from Cauchy's point towards Newton's;
/// builds the Hessian, which must be positive definite, for a few parameters.
DESCENT_ENUM(TrustRegionSolver, SteihaugCG, Dogleg)
inline constexpr TrustRegionSolver SteihaugCG = TrustRegionSolver::SteihaugCG;
inline constexpr TrustRegionSolver Dogleg = TrustRegionSolver::Dogleg;

struct TrustRegionOptions {
  TrustRegionSolver solver = TrustRegionSolver::SteihaugCG;
  double radius = 1;         ///< Delta_0
  double max_radius = 1000;  ///< Delta_max
  double eta = 0.15;         ///< a step is taken if rho is larger
  double gtol = 1e-4;        ///< stops at a gradient of a smaller norm
  DESCENT_OPTIONS((solver), (radius, positive), (max_radius, positive), (eta, below_quarter),
                  (gtol, non_negative))
};

/// Why a trust region goes no further.
///   None               it may go on
///   Iterations         minimize() has made as many as it may; stop() is None, and it may go on
///   Gradient           the gradient's norm is below gtol
///   NoReduction        the model promises no lower loss: rounding has the upper hand
///   NotFinite          the loss or its gradient is not finite where the parameters are
///   IndefiniteHessian  the Hessian is not positive definite, which Dogleg needs
DESCENT_ENUM(TrustRegionStop, None, Gradient, NoReduction, NotFinite, IndefiniteHessian, Iterations)

/// Newton's method in a region in which the quadratic model of the loss is trusted: it leaves
/// saddles and needs no rate. Nocedal & Wright, algorithms 4.1, 7.2 (Steihaug) and section 4.1
/// (dogleg), as scipy.optimize: with rho = (f - f(x + p)) / (m(0) - m(p)), the radius shrinks to a
/// quarter if rho < 1/4, and doubles if rho > 3/4 and p lies on the boundary.
///
///   descent::TrustRegion newton(net->parameters());
///   while (newton.stop() == descent::TrustRegionStop::None) newton.step(closure);
///
/// The closure computes the loss and does not call backward(). The loss must be deterministic and
/// twice differentiable by LibTorch. One group: the region is one for all parameters.
class TrustRegion final : public torch::optim::Optimizer {
 public:
  /// Throws c10::Error for options out of range and parameters that are not leaves of a
  /// floating-point type.
  explicit TrustRegion(std::vector<at::Tensor> params, TrustRegionOptions options = {});

  /// One iteration, taken or not; does nothing once there is a reason to stop. Returns the loss
  /// ahead of it. Parameters are as they were if the closure throws. Gradients are not touched.
  /// Throws c10::Error without a closure.
  at::Tensor step(LossClosure closure = nullptr) override;

  /// Iterations until there is a reason to stop, at most so many. The loss at a point that was
  /// taken is not computed again.
  TrustRegionStop minimize(const LossClosure& closure, int64_t max_iterations = 1000);

  TrustRegionStop stop() const { return stop_; }
  double radius() const { return radius_; }
  int64_t iterations() const { return iterations_; }
  int64_t evaluations() const { return evaluations_; }

  /// Refused, with c10::Error: there is one region.
  void add_param_group(const torch::optim::OptimizerParamGroup& group);

  /// Writes radius, counts and reason; load() reads them, after which the trust region goes on as
  /// the saved one, or throws c10::Error with nothing changed.
  void save(torch::serialize::OutputArchive& archive) const override;
  void load(torch::serialize::InputArchive& archive) override;

 private:
  struct Point;

  const std::vector<at::Tensor>& parameters() const { return param_groups_[0].params(); }
  Point evaluate(const LossClosure& closure);
  /// Moves to the next point, or stays; what was computed there.
  Point iterate(const LossClosure& closure, Point here);

  TrustRegionOptions options_;
  double radius_;
  TrustRegionStop stop_ = TrustRegionStop::None;
  int64_t iterations_ = 0, evaluations_ = 0;
};

}  // namespace descent
