#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>
#include <torch/version.h>

#include <descent/landscape/evaluate/evaluate.h>
#include <descent/landscape/evaluate/refuse.h>
#include <descent/landscape/evaluate/tiles.h>
#include <descent/landscape/paths/batched/batched.h>
#include <descent/landscape/paths/fused/fused.h>
#include <descent/landscape/paths/loop/loop.h>
#include <descent/tensors/fingerprint.h>
#include <descent/tensors/one_thread.h>
#include <descent/tensors/workers.h>

namespace descent {
namespace landscape {
namespace {

using at::Tensor;

constexpr int kCheckedPoints = 3;

/// Tiles of a job, if its chunks are not longer.
constexpr int64_t kTiles = 256;

void check_tensor(const char* field, const std::string& name, const Tensor& tensor,
                  const Tensor& own) {
  if (!tensor.defined()) {
    refuse("evaluate: the plane's ", field, " has no tensor for '", name, "'");
  }
  if (tensor.sizes() != own.sizes() || tensor.scalar_type() != own.scalar_type() ||
      tensor.device() != own.device()) {
    refuse("evaluate: the plane does not fit the network: '", name, "' is ", own.scalar_type(),
           own.sizes(), " on ", own.device(), ", the plane's ", field, " is ", tensor.scalar_type(),
           tensor.sizes(), " on ", tensor.device());
  }
  if (!at::isfinite(tensor).all().item<bool>()) {
    refuse("evaluate: the plane's ", field, " of '", name, "' has values that are not finite");
  }
}

void check_lists(const char* what, const Parameters& own, const std::vector<Tensor>& center,
                 const std::vector<Tensor>& u, const std::vector<Tensor>& v, bool line) {
  const size_t count = own.tensors.size();
  const std::pair<const char*, const std::vector<Tensor>*> lists[] = {
      {"center", &center}, {"u", &u}, {"v", &v}};
  for (const auto& [field, list] : lists) {
    if (list == &v && line) continue;
    if (list->size() != count) {
      refuse("evaluate: the plane does not fit the network: it has ", list->size(), " ", what,
             " in ", field, ", the network has ", count);
    }
    for (size_t k = 0; k < count; ++k)
      check_tensor(field, own.names[k], (*list)[k], own.tensors[k]);
  }
}

void check_plane(const Model& model, const Plane& plane, BatchNorm batch_norm) {
  const Parameters own = parameters_of(model);
  if (own.tensors.empty())
    refuse("evaluate: the network of type ", model.type(), " has no parameters");
  check_lists("parameters", own, plane.center, plane.u, plane.v, plane.is_line());
  if (batch_norm != BatchNorm::Interpolate) return;
  if (floating_buffers_of(model).tensors.empty()) {
    refuse("evaluate: options.batch_norm is Interpolate, but the network of type ", model.type(),
           " has no buffers of a floating type; take BatchNorm::Keep");
  }
  if (plane.buffers.names.empty()) {
    refuse(
        "evaluate: options.batch_norm is Interpolate, but the plane has no directions for buffers; "
        "planes "
        "between networks have, and random ones with buffers = true");
  }
  check_lists("buffers", floating_buffers_of(model), plane.buffers.center, plane.buffers.u,
              plane.buffers.v, plane.is_line());
}

void check_data(const Batches& data) {
  if (data.size() == 0) refuse("evaluate: the data has no batches");
  for (const Data& batch : data) {
    if (!batch.input.defined() || batch.input.numel() == 0) refuse("evaluate: data.input is empty");
    if (!batch.target.defined() || batch.target.numel() == 0)
      refuse("evaluate: data.target is empty");
  }
}

/// Weights are computed in float32 unless they are float64, so a coordinate must be a float32.
void check_range(const Axis& axis, const char* name, const std::vector<Tensor>& moving) {
  constexpr double kMost = std::numeric_limits<float>::max();
  const double end = std::abs(axis.at(0)) > kMost ? axis.at(0) : axis.at(axis.n - 1);
  if (std::abs(end) <= kMost) return;
  for (const Tensor& tensor : moving) {
    if (tensor.scalar_type() == at::kDouble) continue;
    refuse("evaluate: axis ", name, " reaches ", end, "; allowed with weights of type ",
           tensor.scalar_type(), " is from ", -kMost, " to ", kMost);
  }
}

void check_options(const Plane& plane, const std::vector<Metric>& metrics, const Axis& x,
                   const Axis& y, const EvaluateOptions& options) {
  check(x, "evaluate: axis x");
  check(y, "evaluate: axis y");
  if (plane.is_line() && (y.n != 1 || y.lo != 0)) {
    refuse("evaluate: axis y has ", y.n, " points from ", y.lo,
           ", but the plane is a line: it has no v");
  }
  if (metrics.empty()) refuse("evaluate: there are no metrics");
  // Division, because the product of the sizes may overflow.
  const auto most = static_cast<int64_t>(std::vector<double>().max_size() / (metrics.size() + 1));
  if (x.n > most / y.n) {
    refuse("evaluate: axis x has ", x.n, " points and axis y has ", y.n,
           ", which is more than the ", most, " values that a grid can hold");
  }
  if (options.threads < 0) {
    refuse("evaluate: options.threads is ", options.threads,
           "; allowed are 1, 2, ... and 0 for all of LibTorch's");
  }
  if (options.memory < 1)
    refuse("evaluate: options.memory is ", options.memory, "; allowed is 1 and more");
}

/// Compares two ways to compute a metric up to rounding.
class Comparison {
 public:
  Comparison(const Problem& problem, double tolerance) : problem_(problem), tolerance_(tolerance) {
    double squares = 0, count = 0;
    for (const Data& batch : problem.data) {
      if (!batch.target.is_floating_point()) continue;
      squares += batch.target.to(at::kDouble).square().sum().item<double>();
      count += static_cast<double>(batch.target.numel());
    }
    if (count > 0) target_scale_ = std::sqrt(squares / count);
  }

  /// Whether metric m came out alike.
  bool agree(size_t m, double a, double b) {
    if (!std::isfinite(a) || !std::isfinite(b)) return a == b || (std::isnan(a) && std::isnan(b));
    const MetricTraits& traits = problem_.metrics[m].traits;
    if (traits.choices) {  // rounding may turn a choice in a hundred, or one
      return std::abs(a - b) <= std::max(1.5 / problem_.batch_weights.total(m), 0.01);
    }
    ++compared;
    // Near a minimum the mean of squares amplifies rounding without bound, its root does not.
    const double gap = traits.squares ? std::abs(std::sqrt(a) - std::sqrt(b)) : std::abs(a - b);
    const double scale = traits.squares ? std::sqrt(b) + target_scale_ : std::abs(b) + 1;
    difference = std::max(difference, scale > 0 ? gap / scale : gap);
    return gap <= tolerance_ * scale;
  }

  double difference = 0;  ///< the largest, on the scale of the values
  int64_t compared = 0;   ///< numbers that are finite, choices aside: NaN is a choice as well

 private:
  const Problem& problem_;
  double tolerance_, target_scale_ = 0;
};

/// Goes along where shares of right choices alone are measured, which predictions that are NaN or wrong might share
/// with the right ones by chance.
Metric witness() {
  Metric result = cross_entropy;
  result.value = [](const Tensor& prediction, const Tensor& target) {
    if (target.scalar_type() != at::kLong) return prediction.mean();
    const Tensor known = target.clamp(0, prediction.size(1) - 1);
    return cross_entropy(prediction, at::where(target == kIgnoredClass, target, known));
  };
  return result;
}

/// Compares an evaluator with the loop at the center and on three fixed but arbitrary points of the
/// grid. Returns "" and describes the check, or the reason to distrust it.
std::string self_check(const Problem& problem, const Axis& x, const Axis& y, const char* path,
                       Evaluator& fast, Loop& loop, std::string* description) {
  Comparison comparison(problem,
                        problem.plane.center[0].scalar_type() == at::kDouble ? 1e-12 : 1e-5);
  std::mt19937_64 generator(2018);
  std::vector<Point> points{{0, 0}};
  for (int k = 0; k < kCheckedPoints; ++k) {
    const auto j = static_cast<int64_t>(generator() % static_cast<uint64_t>(x.n));
    const auto i = static_cast<int64_t>(generator() % static_cast<uint64_t>(y.n));
    points.push_back({x.at(j), y.at(i)});
  }
  const size_t metrics = problem.metrics.size();
  std::vector<double> quick(points.size() * metrics), sure(quick.size());
  try {
    for (size_t k = 0; k < points.size();) {
      const size_t count =
          std::min(points.size() - k, static_cast<size_t>(std::max<int64_t>(fast.chunk(), 1)));
      fast.measure(0, std::span(points).subspan(k, count), quick.data() + k * metrics);
      k += count;
    }
  } catch (const c10::Error& error) {
    return std::string("the ") + path + " path failed: " + error.what_without_backtrace();
  } catch (const std::exception& error) {
    return std::string("the ") + path + " path failed: " + error.what();
  }
  loop.measure(0, points, sure.data());
  for (size_t k = 0; k < quick.size(); ++k) {
    if (comparison.agree(k % metrics, quick[k], sure[k])) continue;
    const Point& point = points[k / metrics];
    std::ostringstream text;
    text.precision(17);
    text << "the " << path << " path failed its self-check at alpha = " << point.x
         << ", beta = " << point.y << ": " << quick[k] << " instead of " << sure[k];
    return text.str();
  }
  if (comparison.compared == 0) {
    return std::string("the ") + path + " path cannot be checked: no value there is finite";
  }
  char text[80];
  std::snprintf(text, sizeof text, "the center and %d points equal the loop within %.1e",
                kCheckedPoints, comparison.difference);
  *description = text;
  return "";
}

/// A path that was chosen, and what the grid says about it.
struct Choice {
  std::unique_ptr<Evaluator> fast;  // null: the loop
  std::string path = "loop", reason = "asked for", kernel, check;
};

Choice choose(const Problem& problem, const std::vector<Tensor>& predictions, const Axis& x,
              const Axis& y, const EvaluateOptions& options, Loop& loop) {
  Choice choice;
  if (options.path == Path::Loop) return choice;
  std::string reasons;
  const auto try_path = [&](const char* name, std::unique_ptr<Evaluator> fast,
                            std::string why_not) {
    if (fast) {
      fast->prepare(1);
      why_not = self_check(problem, x, y, name, *fast, loop, &choice.check);
      if (why_not.empty()) {
        why_not = over_budget(fast->shared_bytes() + fast->bytes(), options.memory);
      }
      if (why_not.empty()) {
        choice.fast = std::move(fast);
        choice.path = name;
        return true;
      }
    }
    if (options.path != Path::Auto) refuse("evaluate: path is ", name, ", but ", why_not);
    reasons += (reasons.empty() ? "" : "; ") + std::string("not ") + name + ": " + why_not;
    return false;
  };
  if (options.path == Path::Auto || options.path == Path::Fused) {
    std::string why_not;
    auto fused = Fused::of(problem, predictions, x, y, &why_not);
    const std::string description = fused ? fused->description() : "";
    const std::string kernel = fused ? fused->kernel() : "";
    if (try_path("fused", std::move(fused), why_not)) {
      choice.reason = description;
      choice.kernel = kernel;
      return choice;
    }
  }
  if (options.path == Path::Auto || options.path == Path::Batched) {
    std::string why_not;
    auto batched = Batched::of(problem, loop.activation_bytes(), &why_not);
    if (try_path("batched", std::move(batched), why_not)) {
      choice.reason = reasons.empty() ? "asked for" : reasons;
      return choice;
    }
  }
  choice.reason = reasons;
  return choice;
}

/// The line as a plane that does not move along beta.
Plane widened(const Plane& line) {
  const auto zeros = [](const std::vector<Tensor>& like) {
    std::vector<Tensor> result;
    for (const Tensor& tensor : like) result.push_back(at::zeros_like(tensor));
    return result;
  };
  Plane plane = line;
  plane.v = zeros(line.u);
  plane.buffers.v = zeros(line.buffers.u);
  return plane;
}

uint64_t weights_hash(const Problem& problem) {
  tensors::Fingerprint weights;
  for (const Tensor& tensor : problem.plane.center) weights.add(tensor);
  for (const Tensor& tensor : problem.plane.buffers.center) weights.add(tensor);
  for (const auto& [name, buffer] : problem.model.buffers()) weights.add(buffer);
  return weights.value();
}

uint64_t data_hash(const Batches& data) {
  tensors::Fingerprint hash;
  for (const Data& batch : data) {
    hash.add(batch.input);
    hash.add(batch.target);
  }
  return hash.value();
}

const char* name_of(BatchNorm mode) {
  switch (mode) {
    case BatchNorm::Keep:
      return "keep";
    case BatchNorm::Interpolate:
      return "interpolate";
    case BatchNorm::Recompute:
      return "recompute";
    case BatchNorm::Batch:
      break;
  }
  return "batch";
}

using Notes = std::map<std::string, std::string>;

/// Grid::notes of what is measured, whatever the path.
Notes notes_of(const Problem& problem, const Plane& plane) {
  int64_t samples = 0, parameters = 0;
  for (const Data& batch : problem.data) samples += samples_of(batch);
  std::set<std::string> types;
  for (const Tensor& tensor : plane.center) {
    parameters += tensor.numel();
    types.insert(c10::toString(tensor.scalar_type()));
  }
  std::string dtype;
  for (const std::string& type : types) dtype += (dtype.empty() ? "" : ", ") + type;
  Notes notes{{"plane", plane.how},
              {"directions", tensors::hexadecimal(plane.hash())},
              {"weights", tensors::hexadecimal(weights_hash(problem))},
              {"data_hash", tensors::hexadecimal(data_hash(problem.data))},
              {"network", problem.model.type()},
              {"parameters", std::to_string(parameters)},
              {"dtype", dtype},
              {"samples", std::to_string(samples)},
              {"batch_norm", name_of(problem.batch_norm)},
              {"torch", TORCH_VERSION},
              {"descent", DESCENT_VERSION}};
  if (plane.seed) notes["seed"] = std::to_string(*plane.seed);
  return notes;
}

/// Of all that the values depend on. How the network and the metrics compute is known by what they
/// give: at the center, and at two corners of the grid.
uint64_t fingerprint(const Problem& problem, const Notes& notes, const Choice& choice,
                     const Evaluator& evaluator, const Axis& x, const Axis& y, const Center& center,
                     Loop& loop) {
  tensors::Fingerprint job;
  for (const auto& [name, note] : notes) {
    job.add(name);
    job.add(note);
  }
  for (const uint64_t hash : center.hashes) job.add(static_cast<int64_t>(hash));
  job.add(static_cast<int64_t>(center.values));
  const Point corners[] = {{x.at(0), y.at(0)}, {x.at(x.n - 1), y.at(y.n - 1)}};
  std::vector<double> values(2 * problem.metrics.size());
  loop.measure(0, corners, values.data());
  for (const double value : values) job.add(value);
  for (const Metric& metric : problem.metrics) {
    job.add(metric.name);
    job.add(static_cast<int64_t>(metric.traits.kernel));
  }
  for (const Axis* axis : {&x, &y}) {
    job.add(axis->lo);
    job.add(axis->hi);
    job.add(axis->n);
  }
  job.add(choice.path);
  job.add(choice.kernel);
  if (choice.path == "fused") job.add(choice.reason);  // its shortcuts
  job.add(evaluator.chunk());
  return job.value();
}

/// The points of two axes, row by row, in chunks; chunks in tiles.
class Filling {
 public:
  Filling(const Axis& x, const Axis& y, size_t metrics, Evaluator& evaluator)
      : x_(x), y_(y), metrics_(metrics), evaluator_(evaluator), points_(x.n * y.n) {
    chunk_ = std::max<int64_t>(evaluator.chunk(), 1);
    chunks_ = (points_ + chunk_ - 1) / chunk_;
    values_.assign(static_cast<size_t>(points_) * metrics,
                   std::numeric_limits<double>::quiet_NaN());
  }

  /// Whether everything is there now.
  bool run(int threads, const Tiles* tiles, const std::function<bool(double)>& progress) {
    const int64_t a_tile = tiles ? (chunks_ + kTiles - 1) / kTiles : chunks_;
    const int64_t count = (chunks_ + a_tile - 1) / a_tile;
    std::vector<std::atomic<int64_t>> missing(static_cast<size_t>(count));
    std::vector<int64_t> left;
    for (int64_t tile = 0; tile < count; ++tile) {
      const int64_t end = std::min(chunks_, (tile + 1) * a_tile);
      if (tiles && tiles->read(tile * a_tile * chunk_, values(tile * a_tile, end))) continue;
      missing[static_cast<size_t>(tile)] = end - tile * a_tile;
      for (int64_t chunk = tile * a_tile; chunk < end; ++chunk) left.push_back(chunk);
    }
    const double before = 1 - static_cast<double>(left.size()) / static_cast<double>(chunks_);
    const auto scaled = [&](double fraction) { return progress(before + (1 - before) * fraction); };
    return tensors::for_each_item(
        threads, static_cast<int64_t>(left.size()),
        [&](int worker, int64_t item) {
          const int64_t chunk = left[static_cast<size_t>(item)], tile = chunk / a_tile;
          measure(worker, chunk);
          if (--missing[static_cast<size_t>(tile)] == 0 && tiles) {
            const int64_t end = std::min(chunks_, (tile + 1) * a_tile);
            tiles->write(tile * a_tile * chunk_, values(tile * a_tile, end));
          }
        },
        progress ? std::function<bool(double)>(scaled) : nullptr);
  }

  /// The values of one metric.
  std::vector<double> metric(size_t m) const {
    std::vector<double> result;
    for (size_t k = m; k < values_.size(); k += metrics_) result.push_back(values_[k]);
    return result;
  }

 private:
  std::span<double> values(int64_t first_chunk, int64_t end_chunk) {
    const int64_t begin = first_chunk * chunk_, end = std::min(points_, end_chunk * chunk_);
    return std::span(values_).subspan(static_cast<size_t>(begin) * metrics_,
                                      static_cast<size_t>(end - begin) * metrics_);
  }

  void measure(int worker, int64_t chunk) {
    std::vector<Point> points;
    for (int64_t k = chunk * chunk_; k < std::min(points_, (chunk + 1) * chunk_); ++k) {
      points.push_back({x_.at(k % x_.n), y_.at(k / x_.n)});
    }
    evaluator_.measure(worker, points, values(chunk, chunk + 1).data());
  }

  const Axis &x_, &y_;
  size_t metrics_;
  Evaluator& evaluator_;
  int64_t points_, chunk_, chunks_;
  std::vector<double> values_;
};

/// Threads that may work, and that the budget allows.
int workers_for(const Problem& problem, const Evaluator& evaluator, int64_t items,
                const EvaluateOptions& options) {
  if (!problem.plane.center[0].is_cpu() || at::in_parallel_region()) return 1;
  const int64_t threads = options.threads > 0 ? options.threads : at::get_num_threads();
  const int64_t affordable =
      (options.memory - evaluator.shared_bytes()) / std::max<int64_t>(evaluator.bytes(), 1);
  return static_cast<int>(std::max<int64_t>(1, std::min({threads, affordable, items})));
}

void check_budget(const Loop& loop, const EvaluateOptions& options) {
  if (loop.bytes() > options.memory) {
    refuse("evaluate: options.memory is ", options.memory,
           " bytes, but one network on this data needs ", loop.bytes(),
           "; allow more, or use smaller batches");
  }
}

}  // namespace
}  // namespace landscape

std::vector<Grid> evaluate(const Network& network, const std::vector<Metric>& metrics,
                           const Batches& data, const Plane& plane, const Axis& x, const Axis& y,
                           const EvaluateOptions& options) {
  using namespace landscape;
  check_options(plane, metrics, x, y, options);
  const at::NoGradGuard no_grad;
  check_plane(network.model(), plane, options.batch_norm);
  for (const auto& [axis, name] : {std::pair{&x, "x"}, std::pair{&y, "y"}}) {
    check_range(*axis, name, plane.center);
    if (options.batch_norm == BatchNorm::Interpolate) {
      check_range(*axis, name, plane.buffers.center);
    }
  }
  check_data(data);

  std::vector<Metric> measured = metrics;
  if (std::all_of(metrics.begin(), metrics.end(),
                  [](const Metric& m) { return m.traits.choices; })) {
    measured.push_back(witness());
  }
  const Plane with_v = plane.is_line() ? widened(plane) : plane;
  const Problem problem{network.model(), measured,           data,
                        with_v,          options.batch_norm, options.memory};
  Loop loop(problem);
  const Center center = loop.try_center();
  check_budget(loop, options);
  Choice choice = choose(problem, center.predictions, x, y, options, loop);
  Evaluator& evaluator = choice.fast ? *choice.fast : loop;

  Notes notes = notes_of(problem, plane);
  std::optional<Tiles> tiles;
  if (!options.tiles.empty()) {
    tiles.emplace(options.tiles,
                  fingerprint(problem, notes, choice, evaluator, x, y, center, loop));
  }
  Filling filling(x, y, measured.size(), evaluator);
  const int workers = workers_for(problem, evaluator, x.n * y.n, options);
  evaluator.prepare(workers);
  const bool whole = filling.run(workers, tiles ? &*tiles : nullptr, options.on_progress);

  notes["path"] = choice.path;
  notes["reason"] = choice.reason;
  if (!choice.kernel.empty()) notes["kernel"] = choice.kernel;
  if (choice.fast) notes["self_check"] = choice.check;
  if (tiles) notes["tiles"] = tensors::hexadecimal(tiles->job());
  if (!whole) {
    notes["stopped"] = "on_progress returned false; points that were not reached are NaN";
  }
  std::vector<Grid> grids;
  for (size_t m = 0; m < metrics.size(); ++m) {
    Grid grid{x, y, filling.metric(m)};
    grid.value_name = metrics[m].name;
    grid.notes = notes;
    grid.notes["metric"] = metrics[m].name;
    grids.push_back(std::move(grid));
  }
  return grids;
}

std::vector<Grid> evaluate(const Network& network, const std::vector<Metric>& metrics,
                           const Batches& data, const Plane& plane, const Axis& x,
                           const EvaluateOptions& options) {
  return evaluate(network, metrics, data, plane, x, Axis{0, 0, 1}, options);
}

Grid evaluate(const Network& network, const Metric& metric, const Batches& data, const Plane& plane,
              const Axis& x, const Axis& y, const EvaluateOptions& options) {
  Grid grid =
      std::move(evaluate(network, std::vector<Metric>{metric}, data, plane, x, y, options).front());
  if (metric.traits.is_loss) grid.value_name = "loss";
  return grid;
}

Grid evaluate(const Network& network, const Metric& metric, const Batches& data, const Plane& plane,
              const Axis& x, const EvaluateOptions& options) {
  return evaluate(network, metric, data, plane, x, Axis{0, 0, 1}, options);
}

std::vector<double> losses_at(const Network& network, const Metric& metric, const Batches& data,
                              const std::vector<std::vector<at::Tensor>>& weights,
                              const EvaluateOptions& options) {
  using namespace landscape;
  if (options.batch_norm == BatchNorm::Interpolate) {
    refuse(
        "evaluate: losses_at() takes weights, not points of a plane: options.batch_norm = "
        "Interpolate has "
        "nothing to interpolate");
  }
  if (!options.tiles.empty()) {
    refuse("evaluate: losses_at() keeps no tiles: options.tiles = ", options.tiles.string(),
           ", must be empty");
  }
  if (weights.empty()) return {};
  const at::NoGradGuard no_grad;
  const Parameters own = parameters_of(network.model());
  for (const auto& list : weights) check_lists("weights", own, list, list, list, /*line=*/false);
  check_data(data);
  const std::vector<Metric> metrics{metric};
  Plane plane;
  plane.names = own.names;
  plane.center = plane.u = plane.v = weights.front();
  check_options(plane, metrics, Axis{0, 0, 1}, Axis{0, 0, 1}, options);
  const Problem problem{network.model(), metrics, data, plane, options.batch_norm, options.memory};
  Loop loop(problem);
  loop.try_center();
  check_budget(loop, options);
  std::vector<double> values(weights.size(), std::numeric_limits<double>::quiet_NaN());
  const auto count = static_cast<int64_t>(weights.size());
  const int workers = workers_for(problem, loop, count, options);
  loop.prepare(workers);
  tensors::for_each_item(
      workers, count,
      [&](int worker, int64_t k) {
        loop.measure_weights(worker, weights[static_cast<size_t>(k)],
                             &values[static_cast<size_t>(k)]);
      },
      options.on_progress);
  return values;
}

Grid squared_norm(const Plane& plane, const Axis& x, const Axis& y) {
  check(x, "squared_norm: axis x");
  check(y, "squared_norm: axis y");
  const tensors::OneThread one;
  const auto product = [](const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
    double sum = 0;
    for (size_t k = 0; k < std::min(a.size(), b.size()); ++k) {
      sum += (a[k].to(at::kDouble) * b[k].to(at::kDouble)).sum().item<double>();
    }
    return sum;
  };
  const double cc = product(plane.center, plane.center), cu = product(plane.center, plane.u),
               cv = product(plane.center, plane.v), uu = product(plane.u, plane.u),
               uv = product(plane.u, plane.v), vv = product(plane.v, plane.v);
  Grid grid{x, y};
  for (int64_t i = 0; i < y.n; ++i) {
    for (int64_t j = 0; j < x.n; ++j) {
      const double a = x.at(j), b = y.at(i);
      grid.values.push_back(cc + 2 * a * cu + 2 * b * cv + a * a * uu + 2 * a * b * uv +
                            b * b * vv);
    }
  }
  grid.value_name = "squared norm";
  grid.notes["plane"] = plane.how;
  return grid;
}

}  // namespace descent
