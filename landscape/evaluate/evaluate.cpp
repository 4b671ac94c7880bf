#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include <ATen/core/grad_mode.h>

#include <descent/landscape/evaluate/arguments.h>
#include <descent/landscape/evaluate/choose.h>
#include <descent/landscape/evaluate/evaluate.h>
#include <descent/landscape/evaluate/fill.h>
#include <descent/landscape/evaluate/provenance.h>
#include <descent/landscape/evaluate/refuse.h>
#include <descent/landscape/evaluate/self_check.h>
#include <descent/landscape/planes/weights.h>
#include <descent/tensors/fingerprint.h>
#include <descent/tensors/workers.h>

namespace descent {
namespace {

/// For the work before the first network, which may take long, too.
tensors::Pulse pulse_of(const EvaluateOptions& options) {
  if (!options.on_progress) return {};
  return [&options](double) {
    if (!options.on_progress(0)) throw tensors::Stopped();
  };
}

}  // namespace

std::vector<Grid> evaluate(const Network& network, const std::vector<Metric>& metrics,
                           const Batches& data, const Plane& plane, const Axis& x, const Axis& y,
                           const EvaluateOptions& options) {
  using namespace landscape;
  check_options(plane, metrics, x, y, options);
  const at::NoGradGuard no_grad;
  const BatchNorm batch_norm = chosen(options.batch_norm, plane);
  check_plane(network.model(), plane, batch_norm);
  for (const auto& [axis, name] : {std::pair{&x, "x"}, std::pair{&y, "y"}}) {
    check_range(*axis, name, plane.center);
    if (batch_norm == BatchNorm::Interpolate) check_range(*axis, name, plane.buffers.center);
  }
  check_data(data);

  std::vector<Metric> measured = metrics;
  if (std::all_of(metrics.begin(), metrics.end(),
                  [](const Metric& m) { return m.traits.choices; })) {
    measured.push_back(witness());
  }
  const Plane with_v = plane.is_line() ? widened(plane) : plane;
  Problem problem{.model = network.model(),
                  .metrics = measured,
                  .data = data,
                  .plane = with_v,
                  .batch_norm = batch_norm,
                  .precision = options.precision,
                  .moves_buffers = batch_norm == BatchNorm::Interpolate,
                  .memory = memory_of(options)};
  Loop loop(problem);
  Notes notes = notes_of(problem, plane);
  Choice choice;
  std::optional<Filling> filling;
  bool whole = false;
  try {
    const Center center = loop.try_center(pulse_of(options));
    fit_budget(problem, loop, options);
    choice = choose(problem, center.predictions, x, y, options, loop);
    Evaluator& evaluator = choice.fast ? *choice.fast : loop;
    std::optional<Tiles> tiles;
    if (!options.tiles.empty()) {
      EvaluateOptions taken = options;  // what Auto stood for
      taken.path = choice.path;
      taken.batch_norm = batch_norm;
      tiles.emplace("evaluate", options.tiles,
                    fingerprint(problem, taken, notes, choice, evaluator, x, y, center, loop));
    }
    filling.emplace(x, y, measured.size(), evaluator);
    const int workers = workers_for(problem, evaluator, x.n * y.n, options);
    evaluator.prepare(workers);
    whole = filling->run(workers, tiles ? &*tiles : nullptr, options.store, options.on_progress);
    if (tiles) notes["tiles"] = tensors::hexadecimal(tiles->job());
  } catch (const tensors::Stopped&) {  // at the center
    filling.emplace(x, y, measured.size(), loop);
  }

  notes["path"] = to_text(fields::value_of(choice.path));
  notes["reason"] = choice.reason;
  if (!choice.kernel.empty()) notes["kernel"] = choice.kernel;
  if (choice.fast) notes["self_check"] = choice.check;
  if (!choice.fast && loop.samples_at_once() > 0) {
    notes["samples_at_once"] = std::to_string(loop.samples_at_once());
  }
  if (!whole) {
    notes["stopped"] = "on_progress returned false; points that were not reached are NaN";
  }
  std::vector<Grid> grids;
  for (size_t m = 0; m < metrics.size(); ++m) {
    Grid grid{x, y, filling->metric(m)};
    grid.value_name = metrics[m].name;
    grid.notes = notes;
    grid.notes["metric"] = metrics[m].name;
    const std::string narrower = loop.about_precision(m);
    if (!narrower.empty()) grid.notes["precision"] = narrower;
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
                              const EvaluateOptions& options,
                              const std::vector<std::vector<at::Tensor>>& buffers) {
  using namespace landscape;
  if (options.batch_norm == BatchNorm::Interpolate) {
    refuse(
        "evaluate: losses_at() takes weights, not points of a plane: options.batch_norm = "
        "Interpolate has nothing to interpolate");
  }
  if (!options.tiles.empty()) {
    refuse("evaluate: losses_at() keeps no tiles: options.tiles = ", options.tiles.string(),
           ", must be empty");
  }
  if (!buffers.empty() && buffers.size() != weights.size()) {
    refuse("evaluate: losses_at() was given ", buffers.size(), " lists of buffers for ",
           weights.size(), " networks; there must be one for each, or none");
  }
  if (weights.empty()) return {};
  const at::NoGradGuard no_grad;
  const Parameters own = parameters_of(network.model());
  const Parameters own_buffers = floating_buffers_of(network.model());
  for (const auto& list : weights) check_lists("weights", own, list, list, list, /*line=*/false);
  for (const auto& list : buffers) {
    if (!list.empty()) check_lists("buffers", own_buffers, list, list, list, /*line=*/false);
  }
  check_data(data);
  const std::vector<Metric> metrics{metric};
  Plane plane;
  plane.names = own.names;
  plane.center = plane.u = plane.v = weights.front();
  plane.buffers.center = copied(own_buffers.tensors);
  check_options(plane, metrics, Axis{0, 0, 1}, Axis{0, 0, 1}, options);
  Problem problem{.model = network.model(),
                  .metrics = metrics,
                  .data = data,
                  .plane = plane,
                  .batch_norm = chosen(options.batch_norm, plane),
                  .precision = options.precision,
                  .moves_buffers = !buffers.empty(),
                  .memory = memory_of(options)};
  Loop loop(problem);
  std::vector<double> values(weights.size(), std::numeric_limits<double>::quiet_NaN());
  try {
    loop.try_center(pulse_of(options));
  } catch (const tensors::Stopped&) {
    return values;
  }
  fit_budget(problem, loop, options);
  const auto count = static_cast<int64_t>(weights.size());
  const int workers = workers_for(problem, loop, count, options);
  loop.prepare(workers);
  tensors::for_each_item(
      workers, count,
      [&](int worker, int64_t item, const tensors::Pulse& pulse) {
        const auto k = static_cast<size_t>(item);
        const auto& its_buffers =
            buffers.empty() || buffers[k].empty() ? plane.buffers.center : buffers[k];
        loop.measure_weights(worker, weights[k], its_buffers, &values[k], pulse);
      },
      options.on_progress);
  return values;
}

}  // namespace descent
