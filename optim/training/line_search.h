#pragma once
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

#include <descent/base/fields.h>

namespace descent {

DESCENT_ENUM(LineSearchMethod, Secant, GoldenSection)

struct LineSearchOptions {
  LineSearchMethod method = LineSearchMethod::Secant;
  double lr = 1e-2;             ///< the first step length that is tried
  double tol = 1e-4;            ///< see below
  int64_t max_iter = 20;        ///< corrections of the secant
  int64_t section_iters = 100;  ///< sections of the bracket
  bool apply = false;           ///< leaves the parameters at the step that was found
  DESCENT_OPTIONS((method), (lr, positive), (tol, non_negative), (max_iter, at_least_one),
                  (section_iters, at_least_one), (apply))
};

struct LineSearchResult {
  double step = 0;                    ///< e; 0 if the search failed or the gradient is zero
  double loss = 0;                    ///< phi(step)
  double initial_loss = 0;            ///< phi(0)
  int64_t evaluations = 0;            ///< calls of the closure
  LineSearchMethod method{};          ///< what found the step
  bool converged = false;             ///< within tol, not stopped by the number of iterations
  bool failed = false;                ///< no lower loss was found; the parameters are as they were
  std::vector<at::Tensor> direction;  ///< g, undefined for a parameter that does not move
};

/// Zeroes nothing, computes the loss, calls backward() and returns the loss, as for
/// torch::optim::Optimizer::step.
using LineSearchClosure = std::function<at::Tensor()>;

/// Searches the step e > 0 that minimizes phi(e) = f(theta - e g) along a fixed g: the gradient at
/// theta, or `direction`.
///
///   line_search(net->parameters(), closure, {.lr = 0.1, .apply = true});   // steepest descent
///
/// Secant, for a smooth f: seeks phi'(e) = 0 from e = 0 and e = lr by
///   e <- e_j - phi'(e_j) (e_j - e_{j-1}) / (phi'(e_j) - phi'(e_{j-1}))
/// until |phi'(e)| <= tol |phi'(0)|; exact after one correction if f is quadratic. Goes over to the
/// golden section where the denominator is below 1e-30 in magnitude, where e is not finite, not
/// positive or more than 10 times the largest tried, and where phi(e) is not below phi(0).
/// GoldenSection, for any f: finds a bracket by shrinking lr tenfold while phi is not below phi(0),
/// at most 20 times, or else growing it while phi falls, at most 50 times; then cuts it until it is
/// no longer than tol max(1, b). Kiefer 1953, Proc. AMS 4. A point whose loss is NaN counts as
/// infinitely high. If the middle of the last bracket is not below phi(0), which takes more than
/// one valley, the lowest point that was seen is the result.
///
/// The closure is called with gradients enabled and every `.grad` undefined, so it need not zero
/// them. Afterwards each parameter holds its `.grad` of before and, bit for bit, its values, unless
/// a step is applied; also if the closure throws. Parameters that do not require a gradient or get
/// none do not move. Throws c10::Error for options out of range, parameters that are undefined, not
/// leaves or not floating-point, sparse gradients, a closure that gives no loss or no gradient, and
/// directions of other sizes.
LineSearchResult line_search(const std::vector<at::Tensor>& params,
                             const LineSearchClosure& closure,
                             const LineSearchOptions& options = {});
LineSearchResult line_search(const std::vector<at::Tensor>& params,
                             const std::vector<at::Tensor>& direction,
                             const LineSearchClosure& closure,
                             const LineSearchOptions& options = {});

}  // namespace descent
