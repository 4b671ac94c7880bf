#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <random>
#include <sstream>
#include <stdexcept>

#include <ATen/Parallel.h>
#include <ATen/ops/isfinite.h>
#include <torch/version.h>

#include <descent/landscape/evaluate.h>
#include <descent/landscape/fused.h>
#include <descent/landscape/loop.h>
#include <descent/landscape/workers.h>

namespace descent::landscape {
namespace {

using torch::Tensor;

// Points of a row that one worker computes in one go: long enough to pay for center + beta * v,
// short enough to share a small grid between the workers and to report progress.
constexpr int64_t kSegment = 32;

constexpr int kCheckedPoints = 3;

template <class... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
  std::ostringstream text;
  text << "evaluate: ";
  (text << ... << parts);
  throw std::invalid_argument(text.str());
}

void check_tensor(const char* field, const std::string& name, const Tensor& tensor,
                  const Tensor& parameter) {
  if (!tensor.defined()) {
    refuse("the plane's ", field, " has no tensor for parameter '", name, "'");
  }
  if (tensor.sizes() != parameter.sizes() || tensor.scalar_type() != parameter.scalar_type() ||
      tensor.device() != parameter.device()) {
    refuse("the plane does not fit the module: parameter '", name, "' is ", parameter.scalar_type(),
           parameter.sizes(), " on ", parameter.device(), ", the plane's ", field, " is ",
           tensor.scalar_type(), tensor.sizes(), " on ", tensor.device());
  }
  if (!at::isfinite(tensor).all().item<bool>()) {
    refuse("the plane's ", field, " of parameter '", name, "' has values that are not finite");
  }
}

void check_plane(const torch::nn::Module& module, const Plane& plane) {
  const Parameters model = parameters_of(module);
  const size_t count = model.tensors.size();
  if (count == 0) refuse("the module of type ", module.name(), " has no parameters");
  for (const auto* list : {&plane.center, &plane.u, &plane.v}) {
    if (list->size() != count) {
      refuse("the plane does not fit the module: it has ", list->size(), " tensors in ",
             list == &plane.center ? "center" : (list == &plane.u ? "u" : "v"), ", the module has ",
             count, " parameters");
    }
  }
  for (size_t k = 0; k < count; ++k) {
    check_tensor("center", model.names[k], plane.center[k], model.tensors[k]);
    check_tensor("u", model.names[k], plane.u[k], model.tensors[k]);
    check_tensor("v", model.names[k], plane.v[k], model.tensors[k]);
  }
}

void check_data(const Data& data) {
  if (!data.input.defined() || data.input.numel() == 0) refuse("data.input is empty");
  if (!data.target.defined() || data.target.numel() == 0) refuse("data.target is empty");
}

void check_prediction(const Problem& problem, const Tensor& prediction) {
  if (!prediction.defined()) refuse("forward() of the module returned an undefined tensor");
  if (problem.loss_is_mse && prediction.sizes() != problem.data.target.sizes()) {
    refuse("data.target has shape ", problem.data.target.sizes(),
           ", but the module's predictions have shape ", prediction.sizes(),
           "; mse needs equal shapes");
  }
}

/// Whether two values of one loss differ by rounding only, on the scale of what was predicted. The
/// root of the loss is compared, because near a minimum the loss itself amplifies rounding without
/// bound.
bool agree(double a, double b, double target_scale, double tolerance, double* difference) {
  if (!std::isfinite(a) || !std::isfinite(b)) return a == b || (std::isnan(a) && std::isnan(b));
  const double gap = std::abs(std::sqrt(a) - std::sqrt(b));
  const double scale = std::sqrt(b) + target_scale;
  *difference = std::max(*difference, scale > 0 ? gap / scale : gap);
  return gap <= tolerance * scale;
}

/// Compares both paths on three fixed but arbitrary points of the grid. Returns "" and describes
/// the check, or the reason to distrust the fused path.
std::string self_check(const Problem& problem, const Axis& x, const Axis& y, Evaluator& fused,
                       Evaluator& loop, std::string* description) {
  const Tensor target = problem.data.target.to(at::kDouble);
  const double scale = std::sqrt(target.square().mean().item<double>());
  const double tolerance = problem.plane.center[0].scalar_type() == at::kDouble ? 1e-12 : 1e-5;
  std::mt19937_64 generator(2018);
  double difference = 0;
  for (int k = 0; k < kCheckedPoints; ++k) {
    const double alpha = x.at(static_cast<int64_t>(generator() % static_cast<uint64_t>(x.n)));
    const double beta = y.at(static_cast<int64_t>(generator() % static_cast<uint64_t>(y.n)));
    double fast = 0, sure = 0;
    fused.segment(0, beta, {alpha}, &fast);
    loop.segment(0, beta, {alpha}, &sure);
    if (!agree(fast, sure, scale, tolerance, &difference)) {
      std::ostringstream text;
      text.precision(17);
      text << "the fused path failed its self-check at alpha = " << alpha << ", beta = " << beta
           << ": " << fast << " instead of " << sure;
      return text.str();
    }
  }
  char text[80];
  std::snprintf(text, sizeof text, "%d points equal the loop within %.1e", kCheckedPoints,
                difference);
  *description = text;
  return "";
}

bool fill(Grid& grid, Evaluator& evaluator, int threads,
          const std::function<bool(double)>& progress) {
  const int64_t segments = (grid.x.n + kSegment - 1) / kSegment;
  const auto first = [&](int64_t segment) { return segment * grid.x.n / segments; };
  evaluator.prepare(threads);
  return for_each_item(
      threads, grid.y.n * segments,
      [&](int worker, int64_t item) {
        const int64_t row = item / segments, segment = item % segments;
        std::vector<double> alphas;
        for (int64_t j = first(segment); j < first(segment + 1); ++j) {
          alphas.push_back(grid.x.at(j));
        }
        evaluator.segment(worker, grid.y.at(row), alphas,
                          grid.values.data() + row * grid.x.n + first(segment));
      },
      progress);
}

std::string hexadecimal(uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

}  // namespace

Grid evaluate(const Problem& problem, const Axis& x, const Axis& y,
              const EvaluateOptions& options) {
  check(x, "evaluate: axis x");
  check(y, "evaluate: axis y");
  if (options.threads < 0) {
    refuse("options.threads is ", options.threads,
           "; allowed are 1, 2, ... and 0 for all of LibTorch's");
  }
  const at::NoGradGuard no_grad;
  check_plane(problem.module, problem.plane);
  check_data(problem.data);

  Loop loop(problem);
  const Tensor prediction = loop.center_prediction();
  check_prediction(problem, prediction);
  loss_value(problem, prediction);  // a loss that is not scalar is refused here, before the work

  Grid grid;
  grid.x = x;
  grid.y = y;
  grid.values.assign(static_cast<size_t>(x.n * y.n), std::numeric_limits<double>::quiet_NaN());
  auto& notes = grid.notes;
  notes["plane"] = problem.plane.how;
  if (problem.plane.seed) notes["seed"] = std::to_string(*problem.plane.seed);
  notes["directions"] = hexadecimal(problem.plane.hash());
  notes["torch"] = TORCH_VERSION;

  std::unique_ptr<Fused> fused;
  std::string why_not = "asked for";
  if (options.path != Path::Loop) {
    fused = Fused::of(problem, prediction, x, y, &why_not);
    if (fused) {
      fused->prepare(1);
      why_not = self_check(problem, x, y, *fused, loop, &notes["self_check"]);
      if (!why_not.empty()) {
        fused.reset();
        notes.erase("self_check");
      }
    }
    if (!fused && options.path == Path::Fused) refuse("path is Fused, but ", why_not);
  }
  notes["path"] = fused ? "fused" : "loop";
  notes["reason"] = fused ? fused->description() : why_not;
  if (fused) notes["kernel"] = fused->kernel();

  const bool parallel = problem.plane.center[0].is_cpu() && !at::in_parallel_region();
  const int threads = options.threads > 0 ? options.threads : at::get_num_threads();
  Evaluator& evaluator = fused ? static_cast<Evaluator&>(*fused) : loop;
  const int team = parallel ? static_cast<int>(std::min<int64_t>(threads, x.n * y.n)) : 1;
  if (!fill(grid, evaluator, team, options.on_progress)) {
    notes["stopped"] = "on_progress returned false; points that were not reached are NaN";
  }
  return grid;
}

}  // namespace descent::landscape
