#include "commands/landscape/compute.h"

#include <chrono>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <descent/landscape/planes/only.h>

#include "choices.h"
#include "commands/landscape/planes.h"
#include "commands/landscape/report.h"

namespace descent::cli {
namespace {

/// The point of the axis at a coordinate, up to rounding; none if there is no such point.
std::optional<int64_t> index_of(const Axis& axis, double at) {
  for (int64_t i = 0; i < axis.n; ++i)
    if (std::abs(axis.at(i) - at) <= 1e-9 * std::abs(axis.hi - axis.lo)) return i;
  return std::nullopt;
}

/// What each metric is at one point of a plane: the value of its grid, where the grid has that
/// point, since another way to compute rounds differently and one point must not have two values.
std::vector<double> values_at(const Job& job, const Plane& plane, const std::vector<Grid>& grids,
                              double alpha, double beta) {
  const auto j = index_of(grids[0].x, alpha), i = index_of(grids[0].y, beta);
  std::vector<double> values;
  if (i && j) {
    for (const Grid& grid : grids) values.push_back(grid.at(*i, *j));
    return values;
  }
  EvaluateOptions options = job.options;
  options.path = Path::Loop;
  const Axis x{alpha, alpha, 1}, y{beta, beta, 1};
  for (const Grid& grid : evaluate(job.network(), job.metrics, job.data, plane, x, y, options))
    values.push_back(grid.values.front());
  return values;
}

/// Where the plane's networks lie, as tracks of one point over it.
std::vector<Track> marks_of(const Job& job, const Plane& plane, const std::vector<Grid>& grids) {
  std::vector<Track> tracks;
  if (plane.is_line()) return tracks;
  for (const Plane::Mark& mark : plane.marks) {
    const double loss = values_at(job, plane, grids, mark.alpha, mark.beta).front();
    tracks.push_back({.label = mark.label,
                      .x = {mark.alpha},
                      .y = {mark.beta},
                      .losses = {loss},
                      .smooth_losses = {loss}});
  }
  return tracks;
}

void add_metric(std::vector<Metric>& metrics, const std::string& name) {
  for (const Metric& metric : metrics)
    if (metric.name == name) throw std::invalid_argument("--metrics: " + name + " stands twice");
  metrics.push_back(find_metric(name));
}

/// The loss along each layer of the plane alone.
std::vector<NamedGrid> losses_of_layers(const Job& job, const PlaneToDraw& laid,
                                        const EvaluateOptions& options) {
  std::vector<NamedGrid> grids;
  const std::vector<std::string> names = layers(laid.plane);
  if (names.empty())
    throw std::invalid_argument("--layers: no layer moves along both directions of the plane");
  for (const std::string& name : names) {
    Progress progress;
    EvaluateOptions taken = options;
    taken.on_progress = shown_by(progress, "networks of layer " + std::to_string(grids.size() + 1) +
                                               " of " + std::to_string(names.size()) + ", " + name);
    grids.push_back({name, evaluate(job.network(), job.metrics[0], job.data,
                                    only_layer(laid.plane, name), laid.x, laid.y, taken)});
    stop_if_interrupted();
  }
  return grids;
}

/// What the files of a grid say of the run.
void note(const Job& job, Grid& grid) {
  grid.notes["model"] = job.model_file.filename().string();
  grid.notes["data"] = job.data_file.filename().string();
}

std::string mebibytes(int64_t bytes) { return std::to_string(bytes >> 20) + "MiB"; }

}  // namespace

void add_computation(CLI::App& command, Job& job) {
  command
      .add_option_function<std::vector<std::string>>(
          "--metrics",
          [&job](const std::vector<std::string>& names) {
            for (const std::string& name : names) add_metric(job.metrics, name);
          },
          "what is measured beside the loss: accuracy, ...")
      ->delimiter(',');
  add_choice<BatchNorm>(command, "--batch-norm", job.options.batch_norm, "by which statistics: ");
  add_choice<Precision>(command, "--precision", job.options.precision,
                        "what networks compute in: ");
  add_choice<Path>(command, "--path", job.options.path, "how it is computed: ");
  command.add_option("--threads", job.options.threads, "0: as many as LibTorch uses")
      ->capture_default_str();
  command.add_option_function<std::string>(
      "--memory",
      [&job](const std::string& text) { job.memory = job.options.memory = bytes_of(text); },
      "for what is computed at once (default: " + mebibytes(EvaluateOptions::kMemory) +
          " of networks or snapshots, or what one network takes; " +
          mebibytes(CurvatureOptions().memory) + " of vectors for eigenvalues)");
  command.add_option_function<double>(
      "--weight-decay",
      [&job](double decay) {
        if (!domains::positive.holds(decay))
          throw std::invalid_argument(
              fields::out_of_range("--weight-decay", decay, domains::positive.text));
        job.weight_decay = decay;
      },
      "of the training: what it adds to the loss, as a landscape apart");
  command.add_flag("--curvature", job.with_curvature,
                   "also eigenvalues, trace and spectrum of the Hessian");
  command.add_flag("--layers", job.with_layers,
                   "also the loss along each layer alone, a small picture of each on one sheet");
}

Results compute(const Job& job, const PlaneToDraw& laid, const std::filesystem::path& tiles) {
  Results results;
  EvaluateOptions options = job.options;
  options.tiles = tiles;
  options.store = job.store();
  {
    Progress progress;
    options.on_progress = shown_by(progress, job.share ? "networks of all" : "networks");
    const auto start = std::chrono::steady_clock::now();
    results.grids =
        evaluate(job.network(), job.metrics, job.data, laid.plane, laid.x, laid.y, options);
    results.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    stop_if_interrupted();
  }
  results.at_center = values_at(job, laid.plane, results.grids, 0, 0);
  results.tracks = laid.projection
                       ? std::vector<Track>{laid.projection->on_plane, laid.projection->true_loss}
                       : marks_of(job, laid.plane, results.grids);
  if (job.with_layers) results.layers = losses_of_layers(job, laid, options);
  for (Grid& grid : results.grids) note(job, grid);
  for (auto& [name, grid] : results.layers) {
    note(job, grid);
    grid.notes["layer"] = name;
  }
  if (job.weight_decay) {
    results.decay = squared_norm(laid.plane, laid.x, laid.y);
    for (double& value : results.decay->values) value *= *job.weight_decay / 2;
    results.decay->value_name = "weight decay";
    results.decay->notes["weight_decay"] = number(*job.weight_decay);
  }
  if (job.with_curvature) {
    Progress progress;
    results.curvature = curvature(job.network(), job.metrics[0], job.data,
                                  curvature_options(job, progress, "curvature"));
    stop_if_interrupted();
  }
  return results;
}

}  // namespace descent::cli
