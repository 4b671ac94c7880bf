#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/autograd.h>

#include <descent/tensors/record.h>
#include <descent/tune/trust_region.h>

namespace descent {
namespace {

constexpr const char* kName = "TrustRegion";

/// The region's options are the optimizer's own: a group has none.
struct NoOptions final : torch::optim::OptimizerCloneableOptions<NoOptions> {};

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}
double norm(const Vector& a) { return std::sqrt(dot(a, a)); }
/// a + t b
Vector sum(const Vector& a, double t, const Vector& b) {
  Vector c(a);
  for (size_t i = 0; i < a.size(); ++i) c[i] += t * b[i];
  return c;
}

/// The elements of tensors, one after the other; zeros of one that is undefined.
Vector flat(const std::vector<at::Tensor>& tensors, const std::vector<at::Tensor>& like) {
  const at::NoGradGuard no_grad;
  Vector all;
  for (size_t i = 0; i < like.size(); ++i) {
    const auto count = static_cast<size_t>(like[i].numel());
    if (!tensors[i].defined()) {
      all.resize(all.size() + count, 0.0);
      continue;
    }
    const at::Tensor x = tensors[i].detach().to(at::kCPU, at::kDouble).contiguous();
    const double* const values = x.const_data_ptr<double>();
    all.insert(all.end(), values, values + count);
  }
  return all;
}

/// The same elements as tensors of the parameters' shapes and types.
std::vector<at::Tensor> shaped(Vector v, const std::vector<at::Tensor>& like) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> tensors;
  double* at = v.data();
  for (const at::Tensor& p : like) {
    tensors.push_back(at::from_blob(at, p.sizes(), at::kDouble).to(p.options(), false, true));
    at += p.numel();
  }
  return tensors;
}

/// The t at which z + t d is as long as the radius, the lower one first.
std::pair<double, double> boundary(const Vector& z, const Vector& d, double radius) {
  const double a = dot(d, d), b = 2 * dot(z, d), c = dot(z, z) - radius * radius;
  const double aux = b + std::copysign(std::sqrt(b * b - 4 * a * c), b);
  const double one = -aux / (2 * a), other = -2 * c / aux;
  return std::minmax(one, other);
}

struct Proposal {
  Vector p;
  bool on_boundary = false;
};

/// Solves H x = b by Cholesky's factors; empty if H is not positive definite.
Vector solve(std::vector<Vector> h, Vector b) {
  const size_t n = b.size();
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j <= i; ++j) {
      double left = h[i][j];
      for (size_t k = 0; k < j; ++k) left -= h[i][k] * h[j][k];
      if (j < i) {
        h[i][j] = left / h[j][j];
      } else {
        if (!(left > 0)) return {};
        h[i][i] = std::sqrt(left);
      }
    }
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 0; k < i; ++k) b[i] -= h[i][k] * b[k];
    b[i] /= h[i][i];
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t k = i + 1; k < n; ++k) b[i] -= h[k][i] * b[k];
    b[i] /= h[i][i];
  }
  return b;
}

/// Gives parameters the memory back that they had, with the values that they have by then.
class OwnMemory {
 public:
  explicit OwnMemory(const std::vector<at::Tensor>& params) : params_(params) {
    for (const at::Tensor& p : params) memory_.push_back(p.detach());
  }
  ~OwnMemory() {
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < memory_.size(); ++i) {
      const at::Tensor now = params_[i].detach();
      if (!now.is_alias_of(memory_[i])) memory_[i].copy_(now);
      at::Tensor(params_[i]).set_data(memory_[i]);
    }
  }
  OwnMemory(const OwnMemory&) = delete;
  OwnMemory& operator=(const OwnMemory&) = delete;

 private:
  const std::vector<at::Tensor>& params_;
  std::vector<at::Tensor> memory_;
};

}  // namespace

/// What is known of a place: the loss, its gradient, and the graph that gives products.
struct TrustRegion::Point {
  at::Tensor loss;
  double value = 0;
  std::vector<at::Tensor> slopes;
  Vector gradient;
  bool finite() const { return std::isfinite(value) && std::isfinite(norm(gradient)); }

  Vector product(const std::vector<at::Tensor>& params, const Vector& v) const {
    std::vector<at::Tensor> outputs, by;
    const std::vector<at::Tensor> all = shaped(v, params);
    for (size_t i = 0; i < params.size(); ++i) {
      if (!slopes[i].defined() || !slopes[i].requires_grad()) continue;
      outputs.push_back(slopes[i]);
      by.push_back(all[i]);
    }
    if (outputs.empty()) return Vector(v.size(), 0.0);  // the loss is linear
    return flat(torch::autograd::grad(outputs, params, by, /*retain_graph=*/true,
                                      /*create_graph=*/false, /*allow_unused=*/true),
                params);
  }
};

TrustRegion::TrustRegion(std::vector<at::Tensor> params, TrustRegionOptions options)
    : torch::optim::Optimizer(std::vector<torch::optim::OptimizerParamGroup>{},
                              std::make_unique<NoOptions>()),
      options_(options),
      radius_(options.radius) {
  std::string wrong = fields::problem(options);
  if (wrong.empty() && !(options.radius < options.max_radius))
    wrong = fields::out_of_range("radius", options.radius,
                                 "< max_radius = " + to_text(OptionValue(options.max_radius)));
  TORCH_CHECK(wrong.empty(), kName, ": ", wrong);
  TORCH_CHECK(!params.empty(), kName, ": params is empty, must hold a tensor");
  for (size_t i = 0; i < params.size(); ++i) {
    const at::Tensor& p = params[i];
    TORCH_CHECK(
        p.defined() && p.is_leaf() && p.requires_grad() && at::isFloatingType(p.scalar_type()),
        kName, ": params[", i,
        "] must be a leaf of a real floating-point type that requires a gradient");
  }
  param_groups_.emplace_back(std::move(params), defaults_->clone());
}

void TrustRegion::add_param_group(const torch::optim::OptimizerParamGroup&) {
  TORCH_CHECK(false, kName, ": has one group, because the region is one for all parameters");
}

TrustRegion::Point TrustRegion::evaluate(const LossClosure& closure) {
  const at::AutoGradMode with_grad(true);
  Point point;
  ++evaluations_;
  point.loss = closure();
  TORCH_CHECK(point.loss.defined() && point.loss.numel() == 1, kName,
              ": the closure returned no loss, must return a tensor of one element");
  TORCH_CHECK(point.loss.requires_grad(), kName,
              ": the closure's loss does not depend on the parameters");
  point.value = point.loss.item().toDouble();
  point.slopes = torch::autograd::grad({point.loss.sum()}, parameters(), {}, /*retain_graph=*/true,
                                       /*create_graph=*/true, /*allow_unused=*/true);
  point.gradient = flat(point.slopes, parameters());
  return point;
}

TrustRegion::Point TrustRegion::iterate(const LossClosure& closure, Point here) {
  const auto stop = [&](TrustRegionStop reason) {
    stop_ = reason;
    return here;
  };
  const Vector& g = here.gradient;
  const double length = norm(g);
  if (!here.finite()) return stop(TrustRegionStop::NotFinite);
  if (length < options_.gtol || length == 0) return stop(TrustRegionStop::Gradient);
  const auto product = [&](const Vector& v) { return here.product(parameters(), v); };
  // The change of the model.
  const auto model = [&](const Vector& p) { return dot(g, p) + 0.5 * dot(p, product(p)); };

  const auto steihaug = [&]() -> Proposal {
    const double tolerance = std::min(0.5, std::sqrt(length)) * length;
    Vector z(g.size(), 0.0), r = g, d = sum(Vector(g.size(), 0.0), -1, g);
    for (;;) {
      const Vector hd = product(d);
      const double curvature = dot(d, hd), rr = dot(r, r);
      if (!(curvature > 0)) {
        const auto [a, b] = boundary(z, d, radius_);
        const Vector one = sum(z, a, d), other = sum(z, b, d);
        return {model(one) < model(other) ? one : other, true};
      }
      const double alpha = rr / curvature;
      const Vector next = sum(z, alpha, d);
      if (norm(next) >= radius_) return {sum(z, boundary(z, d, radius_).second, d), true};
      r = sum(r, alpha, hd);
      const double next_rr = dot(r, r);
      if (std::sqrt(next_rr) < tolerance) return {next, false};
      for (size_t i = 0; i < d.size(); ++i) d[i] = -r[i] + next_rr / rr * d[i];
      z = next;
    }
  };
  const auto dogleg = [&]() -> Proposal {
    std::vector<Vector> hessian;
    for (size_t i = 0; i < g.size(); ++i) {
      Vector unit(g.size(), 0.0);
      unit[i] = 1;
      hessian.push_back(product(unit));
    }
    const Vector newton = solve(hessian, sum(Vector(g.size(), 0.0), -1, g));
    if (newton.empty()) return {};
    if (norm(newton) < radius_) return {newton, false};
    const Vector cauchy = sum(Vector(g.size(), 0.0), -dot(g, g) / dot(g, product(g)), g);
    if (norm(cauchy) >= radius_)
      return {sum(Vector(g.size(), 0.0), radius_ / norm(cauchy), cauchy), true};
    const Vector way = sum(newton, -1, cauchy);
    return {sum(cauchy, boundary(cauchy, way, radius_).second, way), true};
  };
  const Proposal proposal = options_.solver == TrustRegionSolver::Dogleg ? dogleg() : steihaug();
  if (proposal.p.empty()) return stop(TrustRegionStop::IndefiniteHessian);
  const double promised = -model(proposal.p);
  if (!(promised > 0)) return stop(TrustRegionStop::NoReduction);

  // The graphs of both places stay valid: other memory takes the place of the parameters', which is
  // not written.
  std::vector<at::Tensor> before;
  const auto go_back = [&] {
    for (size_t i = 0; i < before.size(); ++i) at::Tensor(parameters()[i]).set_data(before[i]);
  };
  Point there;
  try {
    const at::NoGradGuard no_grad;
    const std::vector<at::Tensor> step = shaped(proposal.p, parameters());
    for (size_t i = 0; i < step.size(); ++i) {
      const at::Tensor data = parameters()[i].detach();
      at::Tensor(parameters()[i]).set_data(data + step[i]);
      before.push_back(data);
    }
    there = evaluate(closure);
  } catch (...) {
    go_back();
    throw;
  }
  ++iterations_;
  const double rho = there.finite() ? (here.value - there.value) / promised : -1;
  if (rho < 0.25)
    radius_ /= 4;
  else if (rho > 0.75 && proposal.on_boundary)
    radius_ = std::min(2 * radius_, options_.max_radius);
  if (!(rho > options_.eta)) {
    go_back();
    return here;
  }
  if (norm(there.gradient) < options_.gtol) stop_ = TrustRegionStop::Gradient;
  return there;
}

at::Tensor TrustRegion::step(LossClosure closure) {
  TORCH_CHECK(closure, kName, ": step() needs a closure that computes the loss");
  if (stop_ != TrustRegionStop::None) {
    const at::NoGradGuard no_grad;
    return closure();
  }
  const OwnMemory own_memory(parameters());
  Point here = evaluate(closure);
  const at::Tensor loss = here.loss.detach();
  iterate(closure, std::move(here));
  return loss;
}

TrustRegionStop TrustRegion::minimize(const LossClosure& closure, int64_t max_iterations) {
  TORCH_CHECK(closure, kName, ": minimize() needs a closure that computes the loss");
  if (stop_ != TrustRegionStop::None) return stop_;
  const OwnMemory own_memory(parameters());
  Point point = evaluate(closure);
  for (int64_t i = 0; i < max_iterations && stop_ == TrustRegionStop::None; ++i)
    point = iterate(closure, std::move(point));
  return stop_ == TrustRegionStop::None ? TrustRegionStop::Iterations : stop_;
}

void TrustRegion::save(torch::serialize::OutputArchive& archive) const {
  tensors::RecordWriter record(archive);
  record.write("optimizer", std::string(kName));
  record.write("radius", radius_);
  record.write("iterations", iterations_);
  record.write("evaluations", evaluations_);
  record.write("stop", static_cast<int64_t>(stop_));
  record.close();
}

void TrustRegion::load(torch::serialize::InputArchive& archive) {
  const tensors::RecordReader record(archive, kName);
  record.expect("optimizer", kName);
  const double radius = record.read<double>("radius");
  const int64_t iterations = record.count("iterations"), evaluations = record.count("evaluations");
  const auto stop = static_cast<TrustRegionStop>(record.count("stop"));
  TORCH_CHECK(radius > 0 && radius <= options_.max_radius, kName,
              ": the archive's radius = ", radius,
              ", must be in (0, max_radius = ", options_.max_radius, "]");
  TORCH_CHECK(fields::holds(stop, fields::anything), kName, ": the archive's stop is unknown");
  radius_ = radius;
  iterations_ = iterations;
  evaluations_ = evaluations;
  stop_ = stop;
}

}  // namespace descent
