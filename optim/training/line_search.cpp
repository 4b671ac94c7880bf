#include <cmath>
#include <numbers>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

#include <descent/optim/training/line_search.h>
#include <descent/tensors/fit.h>

namespace descent {
namespace {

constexpr const char* kLineSearch = "line_search";
constexpr double kGolden = 1 / std::numbers::phi;
constexpr double kSmallestDenominator = 1e-30;
constexpr double kLargestLeap = 10;
constexpr int kShrinks = 20, kGrowths = 50;

/// phi and its derivative at a step.
struct Point {
  double e = 0, loss = 0, slope = 0;
};

/// The function along the line. Keeps parameters and gradients, and puts them back at the end.
class Line {
 public:
  Line(const std::vector<at::Tensor>& params, const LineSearchClosure& closure)
      : params_(params), closure_(closure) {
    TORCH_CHECK(!params.empty(), kLineSearch, ": params is empty, must hold a tensor");
    for (size_t i = 0; i < params.size(); ++i) {
      const at::Tensor& p = params[i];
      TORCH_CHECK(p.defined(), kLineSearch, ": params[", i, "] is undefined, must be a tensor");
      TORCH_CHECK(at::isFloatingType(p.scalar_type()), kLineSearch, ": params[", i, "] has dtype ",
                  p.scalar_type(), ", must be a real floating-point type");
      TORCH_CHECK(p.is_leaf(), kLineSearch, ": params[", i,
                  "] is the result of an operation, must be a leaf (detach it)");
      const std::string problem = tensors::misfit(p, p.sizes());
      TORCH_CHECK(problem.empty(), kLineSearch, ": params[", i, "] ", problem);
    }
    for (const at::Tensor& p : params) {
      values_.push_back(p.detach().clone());
      grads_.push_back(p.grad());
    }
  }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  ~Line() {
    for (size_t i = 0; i < params_.size(); ++i) {
      params_[i].mutable_grad() = grads_[i];
      try {
        // A closure may have given a parameter other sizes; evaluate() has said so.
        if (tensors::misfit(params_[i], values_[i].sizes()).empty()) move(i, kept_);
      } catch (const c10::Error&) {
        // The device has failed, which every later call will say; a destructor must not.
      }
    }
  }

  /// The loss at theta; the gradient there becomes the direction if there is none.
  Point begin(std::vector<at::Tensor> direction) {
    const at::NoGradGuard no_grad;
    direction_ = std::move(direction);
    const double loss = evaluate();
    const bool own = direction_.empty();
    for (const at::Tensor& p : params_) {
      if (own) direction_.push_back(p.grad().defined() ? p.grad().detach().clone() : at::Tensor());
    }
    return {0, loss, slope()};
  }

  Point at(double e) {
    const at::NoGradGuard no_grad;
    move_to(e);
    const double loss = evaluate();
    const Point point{e, loss, slope()};
    move_to(0);
    return point;
  }

  /// Where the parameters will be in the end.
  void keep(double e) { kept_ = e; }
  int64_t evaluations() const { return evaluations_; }
  std::vector<at::Tensor> direction() const { return direction_; }

 private:
  void move_to(double e) {
    for (size_t i = 0; i < params_.size(); ++i) move(i, e);
  }

  void move(size_t i, double e) {
    const at::NoGradGuard no_grad;
    at::Tensor p = params_[i];
    p.copy_(values_[i]);
    if (e != 0 && direction_[i].defined()) p.sub_(direction_[i], e);
  }

  double evaluate() {
    for (const at::Tensor& p : params_) p.mutable_grad() = at::Tensor();
    at::Tensor loss;
    {
      const at::AutoGradMode with_grad(true);
      ++evaluations_;
      loss = closure_();
    }
    TORCH_CHECK(loss.defined() && loss.numel() == 1, kLineSearch,
                ": the closure returned no loss, must return a tensor of one element");
    bool any = false;
    for (size_t i = 0; i < params_.size(); ++i) {
      const std::string problem = tensors::misfit(params_[i], values_[i].sizes());
      TORCH_CHECK(problem.empty(), kLineSearch, ": after the closure params[", i, "] ", problem);
      const at::Tensor& g = params_[i].grad();
      if (!g.defined()) continue;
      any = true;
      TORCH_CHECK(g.layout() != at::kStrided || g.sizes() == params_[i].sizes(), kLineSearch,
                  ": the gradient of params[", i, "] has sizes ", g.sizes(), ", must have ",
                  params_[i].sizes());
      TORCH_CHECK(g.layout() == at::kStrided, kLineSearch, ": the gradient of params[", i, "] is ",
                  g.layout(), ", must be dense");
    }
    TORCH_CHECK(any, kLineSearch,
                ": the closure gave no parameter a gradient, must call backward()");
    return loss.item().toDouble();
  }

  /// phi' = - gradient . direction, of the last evaluation.
  double slope() const {
    double sum = 0;
    for (size_t i = 0; i < params_.size(); ++i)
      if (params_[i].grad().defined() && direction_[i].defined())
        sum += (params_[i].grad().to(at::kDouble) * direction_[i].to(at::kDouble))
                   .sum()
                   .item<double>();
    return -sum;
  }

  const std::vector<at::Tensor>& params_;
  const LineSearchClosure& closure_;
  std::vector<at::Tensor> values_, grads_, direction_;
  int64_t evaluations_ = 0;
  double kept_ = 0;
};

/// What a search came to; a loss not below phi(0) where it came to nothing.
struct Found {
  Point point;
  bool converged = false;
};

Found secant(Line& line, const Point& zero, const LineSearchOptions& options) {
  const Found nothing{zero, false};
  const double enough = options.tol * std::abs(zero.slope);
  Point before = zero, now = line.at(options.lr);
  double largest = options.lr;
  for (int64_t i = 0; i < options.max_iter && !(std::abs(now.slope) <= enough); ++i) {
    const double change = now.slope - before.slope;
    if (!(std::abs(change) >= kSmallestDenominator)) return nothing;
    const double e = now.e - now.slope * (now.e - before.e) / change;
    if (!(e > 0 && e <= kLargestLeap * largest)) return nothing;
    largest = std::max(largest, e);
    before = now;
    now = line.at(e);
  }
  return {now, std::abs(now.slope) <= enough};
}

Found golden_section(Line& line, const Point& zero, const LineSearchOptions& options) {
  Point lowest = zero;
  const auto loss_at = [&](double e) {
    const Point point = line.at(e);
    if (point.loss < lowest.loss) lowest = point;
    return std::isnan(point.loss) ? kInfinity : point.loss;
  };
  double a = 0, m = options.lr, b = m, loss_m = loss_at(m);
  if (loss_m < zero.loss) {
    b = m + (m - a) / kGolden;
    double loss_b = loss_at(b);
    for (int i = 0; i < kGrowths && loss_b < loss_m; ++i) {
      a = m, m = b, loss_m = loss_b;
      b = m + (m - a) / kGolden;
      loss_b = loss_at(b);
    }
  } else {
    for (int i = 0; i < kShrinks && !(loss_m < zero.loss); ++i) {
      b = m, m /= 10;
      loss_m = loss_at(m);
    }
    if (!(loss_m < zero.loss)) return {zero, false};
  }

  const auto short_enough = [&] { return b - a <= options.tol * std::max(1.0, std::abs(b)); };
  double x1 = b - kGolden * (b - a), x2 = a + kGolden * (b - a);
  double loss_1 = loss_at(x1), loss_2 = loss_at(x2);
  for (int64_t i = 0; i < options.section_iters && !short_enough(); ++i) {
    // Where the right one is infinite, so may the left one be, and the valley is left of both.
    if (loss_1 < loss_2 || loss_2 == kInfinity) {
      b = x2, x2 = x1, loss_2 = loss_1;
      x1 = b - kGolden * (b - a), loss_1 = loss_at(x1);
    } else {
      a = x1, x1 = x2, loss_1 = loss_2;
      x2 = a + kGolden * (b - a), loss_2 = loss_at(x2);
    }
  }
  const Point middle = line.at((a + b) / 2);
  return {middle.loss < zero.loss ? middle : lowest, short_enough()};
}

LineSearchResult search(const std::vector<at::Tensor>& params, std::vector<at::Tensor> direction,
                        const LineSearchClosure& closure, const LineSearchOptions& options) {
  const std::string problem = fields::problem(options);
  TORCH_CHECK(problem.empty(), kLineSearch, ": ", problem);
  TORCH_CHECK(closure != nullptr, kLineSearch, ": closure is empty, must compute the loss");
  Line line(params, closure);
  const Point zero = line.begin(std::move(direction));
  LineSearchResult result;
  result.initial_loss = result.loss = zero.loss;
  result.method = options.method;
  result.converged = zero.slope == 0;  // nothing to gain
  if (!result.converged && std::isfinite(zero.loss) && std::isfinite(zero.slope)) {
    Found found{zero, false};
    if (options.method == LineSearchMethod::Secant) found = secant(line, zero, options);
    if (!(found.point.loss < zero.loss)) {
      result.method = LineSearchMethod::GoldenSection;
      found = golden_section(line, zero, options);
    }
    if (found.point.loss < zero.loss) {
      result.step = found.point.e;
      result.loss = found.point.loss;
      result.converged = found.converged;
    }
  }
  result.failed = result.step == 0 && zero.slope != 0;
  result.evaluations = line.evaluations();
  result.direction = line.direction();
  if (options.apply) line.keep(result.step);
  return result;
}

}  // namespace

LineSearchResult line_search(const std::vector<at::Tensor>& params,
                             const LineSearchClosure& closure, const LineSearchOptions& options) {
  return search(params, {}, closure, options);
}

LineSearchResult line_search(const std::vector<at::Tensor>& params,
                             const std::vector<at::Tensor>& direction,
                             const LineSearchClosure& closure, const LineSearchOptions& options) {
  TORCH_CHECK(direction.size() == params.size(), kLineSearch, ": direction has ", direction.size(),
              " tensors, must have one for each of the ", params.size(), " parameters");
  for (size_t i = 0; i < params.size(); ++i)
    TORCH_CHECK(!direction[i].defined() ||
                    (params[i].defined() && direction[i].sizes() == params[i].sizes()),
                kLineSearch, ": direction[", i, "] must have the sizes of params[", i, "]");
  return search(params, direction, closure, options);
}

}  // namespace descent
