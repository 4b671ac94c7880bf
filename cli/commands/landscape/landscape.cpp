#include "commands/landscape/landscape.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <descent/landscape/curvature/curvature.h>
#include <descent/landscape/data/data_file.h>
#include <descent/landscape/evaluate/evaluate.h>
#include <descent/landscape/network/script.h>
#include <descent/landscape/trajectory/trajectory.h>
#include <descent/networks.h>
#include <descent/pictures.h>

#include "arguments.h"
#include "library.h"
#include "output.h"
#include "progress.h"

namespace descent::cli {
namespace {

namespace fs = std::filesystem;

/// The options as they are spelled.
struct LandscapeSettings {
  fs::path model, data;
  fs::path weights, library;  // empty: none
  std::string output;         // of the network; empty: the only one
  std::string parameters;     // those that move; empty: all
  std::string scale;          // of inputs; empty: 1
  std::string loss;
  std::vector<std::string> metrics;  // beside the loss
  std::string plane = "filter";
  std::optional<double> weight_decay{};  // of the training; none: its term is not drawn
  std::string norm;                      // of a random plane; empty: none
  std::optional<uint64_t> seed{};        // of what is drawn at random
  std::string axes;  // "-1:1:51" or "-1:1:51,-2:2:31"; empty: what suits the plane
  bool log = false, linear = false;
  std::string batch_norm = "auto", path = "auto";
  int threads = 0;
  std::optional<std::string> memory{};  // none: what each computation takes by default
  bool curvature = false, resume = false, force = false;
  fs::path out = "out/landscape";
};

/// Where evaluate() keeps what it has computed, in the folder of the results. What is empty at the
/// end goes away.
class Tiles {
 public:
  Tiles(const fs::path& out, bool resume, bool force)
      : out_(out), existed_(check_output(out, /*replace=*/true)) {
    if (!fs::exists(folder())) {
      check_output(out, force);
      return;
    }
    if (!resume && !force)
      throw std::invalid_argument(out.string() +
                                  " holds what an interrupted run has computed: --resume goes on "
                                  "with it, --force begins anew");
    if (!resume) fs::remove_all(folder());
  }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
  ~Tiles() {
    std::error_code ignored;
    fs::remove(folder(), ignored);
    if (!existed_) fs::remove(out_, ignored);
  }

  fs::path folder() const { return out_ / ".tiles"; }
  bool has_any() const {
    std::error_code none;
    return fs::exists(folder(), none) && !fs::is_empty(folder(), none);
  }
  std::string kept() const {
    return "; what was computed is kept in " + folder().string() +
           ", and --resume goes on from there";
  }
  /// Takes away those of one job; others may still be wanted.
  void clear(const std::string& job) const {
    std::vector<fs::path> done;
    for (const auto& entry : fs::directory_iterator(folder()))
      if (entry.path().filename().string().starts_with(job + "-")) done.push_back(entry.path());
    for (const fs::path& file : done) fs::remove(file);
  }

 private:
  fs::path out_;
  bool existed_;
};

/// "pca:snapshots" taken apart.
struct PlaneName {
  std::string kind, of;
};

/// The arguments, read.
struct Job {
  std::string title;
  std::vector<Metric> metrics{};  ///< the loss first
  PlaneName plane;
  Norm norm;
  uint64_t seed;
  std::optional<Axes> axes{};
  EvaluateOptions options{};
  std::shared_ptr<SavedNetwork> model;
  Network network;
  Batches data;
};

/// A plane and what goes with it.
struct Laid {
  Plane plane;
  Axis x, y;
  std::optional<Projection> projection{};  ///< of a training on its plane
  std::string about{};                     ///< what a caption says beside plane.how
};

/// What was computed.
struct Results {
  std::vector<double> at_center{};  ///< of each metric
  std::vector<Grid> grids{};        ///< of each metric
  std::vector<Track> tracks{};      ///< over the loss: a training, or the plane's networks
  std::optional<Grid> decay{};      ///< the term of weight decay
  std::optional<Curvature> curvature{};
  double seconds = 0;  ///< that the grids took
};

std::function<bool(double)> shown_by(Progress& progress, const std::string& what) {
  return [&progress, what](double fraction) {
    progress.reach(fraction, what);
    return !interrupted();
  };
}

std::string number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.5g", std::isnan(x) ? std::abs(x) : x);
  return text;
}

/// A network of --plane: a file of its own, or other weights of that of --model.
std::shared_ptr<SavedNetwork> other_network(const SavedNetwork& model, const fs::path& file) {
  if (file.extension() != ".safetensors" && file.extension() != ".json" && !fs::is_directory(file))
    return load_network(file);
  std::shared_ptr<SavedNetwork> network = model.clone();
  load_weights(*network, file);
  return network;
}

/// Whether a pattern fits a name; "*" stands for any text.
bool fits(std::string_view pattern, std::string_view name) {
  const size_t star = pattern.find('*');
  if (star == pattern.npos) return pattern == name;
  if (!name.starts_with(pattern.substr(0, star))) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (size_t at = star; at <= name.size(); ++at)
    if (fits(rest, name.substr(at))) return true;
  return false;
}

/// Planes and Hessians leave parameters that are frozen where they are.
void freeze_all_but(const SavedNetwork& network, const std::string& pattern) {
  std::string names;
  bool any = false;
  for (const auto& [name, parameter] : network.named_parameters()) {
    const bool moves = fits(pattern, name);
    any |= moves;
    names += (names.empty() ? "" : ", ") + name;
    parameter.set_requires_grad(moves);
  }
  if (!any)
    throw std::invalid_argument("--parameters = " + pattern + " fits no parameter; there are " +
                                names);
}

/// "1/255" or "0.5".
double scale_of(const std::string& text) {
  const size_t slash = text.find('/');
  const auto number_of = [&](const std::string& digits) {
    size_t used = 0;
    double value = 0;
    try {
      value = std::stod(digits, &used);
    } catch (const std::exception&) {
    }
    if (used == 0 || used != digits.size() || !std::isfinite(value) || value == 0)
      throw std::invalid_argument("--scale = " + text +
                                  ", must be a number other than 0, as 1/255 or 0.5");
    return value;
  };
  if (slash == text.npos) return number_of(text);
  return number_of(text.substr(0, slash)) / number_of(text.substr(slash + 1));
}

Batches data_of(const LandscapeSettings& settings) {
  Batches data = load_data(settings.data);
  if (settings.scale.empty()) return data;
  const double scale = scale_of(settings.scale);
  std::vector<Data> scaled;
  for (const Data& batch : data) {
    if (!batch.named.empty())
      throw std::invalid_argument("--scale = " + settings.scale +
                                  " with inputs by name, allowed with one input only");
    const bool is_real = batch.input.is_floating_point();
    const at::Tensor input = is_real ? batch.input : batch.input.to(at::kFloat);
    scaled.push_back({input * scale, batch.target});
  }
  return scaled;
}

std::shared_ptr<SavedNetwork> network_of(const LandscapeSettings& settings) {
  if (!settings.library.empty()) load_library(settings.library);
  std::shared_ptr<SavedNetwork> network = load_network(settings.model);
  if (!settings.weights.empty()) load_weights(*network, settings.weights);
  if (!settings.output.empty()) network->choose_output(settings.output);
  if (!settings.parameters.empty()) freeze_all_but(*network, settings.parameters);
  return network;
}

PlaneName plane_name(const std::string& text) {
  const size_t colon = text.find(':');
  PlaneName name{text.substr(0, colon), colon == text.npos ? "" : text.substr(colon + 1)};
  const auto follows = named<std::string>("--plane", name.kind,
                                          {{"random", ""},
                                           {"filter", ""},
                                           {"hessian", ""},
                                           {"pca", ":FOLDER"},
                                           {"line", ":OTHER.pt"},
                                           {"between", ":B.pt,C.pt"}});
  if (follows.empty() ? colon != text.npos : name.of.empty())
    throw std::invalid_argument("--plane = " + text + ", must be " + name.kind + follows);
  return name;
}

Norm norm_of(const LandscapeSettings& settings, const PlaneName& plane) {
  if (settings.norm.empty()) return plane.kind == "filter" ? Norm::Filter : Norm::None;
  if (plane.kind != "random")
    throw std::invalid_argument("--norm = " + settings.norm + " with --plane " + settings.plane +
                                ", allowed with --plane random only");
  return named<Norm>("--norm", settings.norm,
                     {{"none", Norm::None},
                      {"filter", Norm::Filter},
                      {"layer", Norm::Layer},
                      {"weight", Norm::Weight},
                      {"dfilter", Norm::DFilter},
                      {"dlayer", Norm::DLayer}});
}

uint64_t seed_of(const LandscapeSettings& settings, const PlaneName& plane) {
  const bool drawn = plane.kind == "random" || plane.kind == "filter" || plane.kind == "hessian";
  if (settings.seed && !drawn && !settings.curvature)
    throw std::invalid_argument("--seed = " + std::to_string(*settings.seed) + " with --plane " +
                                settings.plane + ", where nothing is drawn at random");
  return settings.seed.value_or(0);
}

std::vector<Metric> metrics_of(const LandscapeSettings& settings) {
  std::vector<Metric> metrics{find_metric(settings.loss)};
  if (!metrics[0].traits.is_loss) {
    std::string losses;
    for (const Metric& metric : known_metrics())
      if (metric.traits.is_loss) losses += (losses.empty() ? "" : ", ") + metric.name;
    throw std::invalid_argument("--loss = " + metrics[0].name + ", must be " + losses +
                                "; see --metrics");
  }
  for (const std::string& name : settings.metrics) {
    for (const Metric& metric : metrics)
      if (metric.name == name) throw std::invalid_argument("--metrics: " + name + " stands twice");
    metrics.push_back(find_metric(name));
  }
  return metrics;
}

Job read(const LandscapeSettings& settings) {
  PlaneName plane = plane_name(settings.plane);
  const Norm norm = norm_of(settings, plane);
  const uint64_t seed = seed_of(settings, plane);
  std::vector<Metric> metrics = metrics_of(settings);
  EvaluateOptions options{
      .path = named<Path>("--path", settings.path,
                          {{"auto", Path::Auto},
                           {"loop", Path::Loop},
                           {"batched", Path::Batched},
                           {"fused", Path::Fused}}),
      .threads = settings.threads,
      .batch_norm = named<BatchNorm>("--batch-norm", settings.batch_norm,
                                     {{"keep", BatchNorm::Keep},
                                      {"interpolate", BatchNorm::Interpolate},
                                      {"recompute", BatchNorm::Recompute},
                                      {"batch", BatchNorm::Batch},
                                      {"auto", BatchNorm::Auto}}),
      .memory = settings.memory ? bytes_of(*settings.memory) : EvaluateOptions().memory};
  if (settings.weight_decay &&
      !(*settings.weight_decay > 0 && std::isfinite(*settings.weight_decay)))
    throw std::invalid_argument("--weight-decay = " + number(*settings.weight_decay) +
                                ", must be finite and > 0");
  const bool one_network =
      options.batch_norm != BatchNorm::Interpolate && options.batch_norm != BatchNorm::Recompute;
  if ((settings.curvature || plane.kind == "hessian") && !one_network)
    throw std::invalid_argument("--batch-norm = " + settings.batch_norm +
                                ", must be keep or batch for curvature");
  if (plane.kind == "pca" && options.batch_norm == BatchNorm::Interpolate)
    throw std::invalid_argument(
        "--batch-norm = interpolate with --plane pca, which has no directions for statistics");
  std::optional<Axes> axes;
  if (!settings.axes.empty()) axes = axes_of(settings.axes);
  const std::shared_ptr<SavedNetwork> model = network_of(settings);
  return {.title = settings.model.stem().string(),
          .metrics = std::move(metrics),
          .plane = std::move(plane),
          .norm = norm,
          .seed = seed,
          .axes = axes,
          .options = std::move(options),
          .model = model,
          .network = model,
          .data = data_of(settings)};
}

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
  for (const Grid& grid : evaluate(job.network, job.metrics, job.data, plane, x, y, options))
    values.push_back(grid.values.front());
  return values;
}

/// Where the plane's networks lie, in words.
std::string about_marks(const Plane& plane) {
  std::string about;
  for (const Plane::Mark& mark : plane.marks) {
    about += (about.empty() ? "" : ", ") + mark.label + " at alpha = " + number(mark.alpha);
    if (!plane.is_line()) about += ", beta = " + number(mark.beta);
  }
  return about.empty() ? "" : about + ".";
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

Laid along_line(const Job& job, const std::string& file) {
  Laid laid{.plane = line_between(job.network, other_network(*job.model, file)),
            .x = {-0.5, 1.5, 201},
            .y = {0, 0, 1}};
  laid.about = about_marks(laid.plane);
  return laid;
}

/// Axes that hold all marks with some room around them.
std::pair<Axis, Axis> axes_around_marks(const Plane& plane) {
  Axis x{0, 0, 51}, y{0, 0, 51};
  for (const Plane::Mark& mark : plane.marks)
    for (const auto& [axis, at] : {std::pair{&x, mark.alpha}, std::pair{&y, mark.beta}}) {
      axis->lo = std::min(axis->lo, at);
      axis->hi = std::max(axis->hi, at);
    }
  for (Axis* const axis : {&x, &y}) {
    const double room = 0.3 * (axis->hi - axis->lo);
    axis->lo -= room;
    axis->hi += room;
  }
  return {x, y};
}

Laid between(const Job& job, const std::string& files) {
  const size_t comma = files.find(',');
  if (comma == files.npos)
    throw std::invalid_argument("--plane = between:" + files + ", must be between:B.pt,C.pt");
  Laid laid{.plane = plane_between(job.network, other_network(*job.model, files.substr(0, comma)),
                                   other_network(*job.model, files.substr(comma + 1))),
            .x = {},
            .y = {}};
  std::tie(laid.x, laid.y) = axes_around_marks(laid.plane);
  laid.about = about_marks(laid.plane);
  return laid;
}

Laid along_trajectory(const Job& job, const std::string& folder) {
  const Trajectory trajectory = Trajectory::load(folder);
  Laid laid{.plane = pca_plane(job.network, trajectory, job.options.memory), .x = {}, .y = {}};
  Progress progress;
  EvaluateOptions options = job.options;
  options.on_progress = shown_by(progress, "losses along the trajectory");
  laid.projection = project(trajectory, laid.plane, job.network, job.metrics[0], job.data, options);
  stop_if_interrupted();
  std::tie(laid.x, laid.y) = axes_around(*laid.projection, 51);
  laid.about = laid.projection->about();
  return laid;
}

CurvatureOptions curvature_options(const Job& job, const LandscapeSettings& settings,
                                   Progress& progress, const std::string& what) {
  CurvatureOptions options{.batch_norm = job.options.batch_norm,
                           .seed = job.seed,
                           .on_progress = shown_by(progress, what)};
  if (settings.memory) options.memory = job.options.memory;
  return options;
}

Laid along_eigenvectors(const Job& job, const LandscapeSettings& settings) {
  Progress progress;
  Laid laid{.plane = hessian_plane(job.network, job.metrics[0], job.data,
                                   curvature_options(job, settings, progress, "eigenvectors")),
            .x = {-1, 1, 51},
            .y = {-1, 1, 51}};
  stop_if_interrupted();
  return laid;
}

Laid along_random(const Job& job) {
  return {.plane = random_plane(job.network,
                                {.seed = job.seed,
                                 .draw = Draw::Gaussian,
                                 .norm = job.norm,
                                 .buffers = job.options.batch_norm == BatchNorm::Interpolate}),
          .x = {-1, 1, 51},
          .y = {-1, 1, 51}};
}

Laid lay(const Job& job, const LandscapeSettings& settings) {
  const auto& [kind, of] = job.plane;
  Laid laid = kind == "pca"       ? along_trajectory(job, of)
              : kind == "line"    ? along_line(job, of)
              : kind == "between" ? between(job, of)
              : kind == "hessian" ? along_eigenvectors(job, settings)
                                  : along_random(job);
  if (job.axes && job.axes->second && laid.plane.is_line())
    throw std::invalid_argument("--axes = " + settings.axes +
                                ": two axes, but the plane is a line");
  if (job.axes) laid.x = job.axes->x;
  if (job.axes && !laid.plane.is_line()) laid.y = job.axes->y;
  return laid;
}

Results compute(const Job& job, const Laid& laid, const LandscapeSettings& settings,
                const fs::path& tiles) {
  Results results;
  {
    Progress progress;
    EvaluateOptions options = job.options;
    options.tiles = tiles;
    options.on_progress = shown_by(progress, "networks");
    const auto start = std::chrono::steady_clock::now();
    results.grids =
        evaluate(job.network, job.metrics, job.data, laid.plane, laid.x, laid.y, options);
    results.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    stop_if_interrupted();
  }
  results.at_center = values_at(job, laid.plane, results.grids, 0, 0);
  results.tracks = laid.projection
                       ? std::vector<Track>{laid.projection->on_plane, laid.projection->true_loss}
                       : marks_of(job, laid.plane, results.grids);
  for (Grid& grid : results.grids) {
    grid.notes["model"] = settings.model.filename().string();
    grid.notes["data"] = settings.data.filename().string();
  }
  if (settings.weight_decay) {
    results.decay = squared_norm(laid.plane, laid.x, laid.y);
    for (double& value : results.decay->values) value *= *settings.weight_decay / 2;
    results.decay->value_name = "weight decay";
    results.decay->notes["weight_decay"] = number(*settings.weight_decay);
  }
  if (settings.curvature) {
    Progress progress;
    results.curvature = curvature(job.network, job.metrics[0], job.data,
                                  curvature_options(job, settings, progress, "curvature"));
    stop_if_interrupted();
  }
  return results;
}

bool is_curve(const Grid& grid) { return grid.x.n == 1 || grid.y.n == 1; }

bool has_finite(const Grid& grid) {
  return std::any_of(grid.values.begin(), grid.values.end(),
                     [](double value) { return std::isfinite(value); });
}

/// Whether the axis of a picture of losses has something to show.
bool shows_a_loss(const std::vector<Track>& tracks, bool log) {
  return std::any_of(tracks.begin(), tracks.end(), [log](const Track& track) {
    return std::any_of(track.losses.begin(), track.losses.end(),
                       [log](double loss) { return std::isfinite(loss) && (loss > 0 || !log); });
  });
}

/// Whether heights and colours are logarithms: as asked for, else where values spread far.
bool is_log(const Grid& grid, const Metric& metric, const LandscapeSettings& settings) {
  if (metric.traits.higher_is_better || settings.linear) return false;
  double lowest = 0, least = std::numeric_limits<double>::infinity(), most = 0;
  for (const double value : grid.values) {
    if (!std::isfinite(value)) continue;
    lowest = std::min(lowest, value);
    if (value > 0) least = std::min(least, value);
    most = std::max(most, value);
  }
  if (settings.log && (lowest < 0 || most == 0))
    throw std::runtime_error("--log with " + metric.name + " = " +
                             number(lowest < 0 ? lowest : most) +
                             " on the plane, must be above 0 for a logarithm");
  return lowest == 0 && most > 0 && (settings.log || most > 100 * least);
}

std::string place(double alpha, double beta, const Grid& grid) {
  return "alpha = " + number(alpha) + (grid.y.n == 1 ? "" : ", beta = " + number(beta));
}

/// Below a picture of a metric.
std::string caption(const Job& job, const Laid& laid, const Results& results, size_t m) {
  const Grid& grid = results.grids[m];
  std::string text = laid.plane.how;
  if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  if (laid.plane.seed) text += ", seed " + std::to_string(*laid.plane.seed);
  text += ". " + job.metrics[m].name + " on " + grid.notes.at("samples") +
          " samples: " + number(results.at_center[m]) + " at the network (" + place(0, 0, grid) +
          ").";
  if (!laid.about.empty()) text += " " + laid.about;
  if (const auto found = grid.notes.find("statistics"); found != grid.notes.end())
    text += " On the plane, " + found->second + ".";
  return text;
}

/// The files of a run.
class Files {
 public:
  Files(const Job& job, const Laid& laid, const Results& results, const LandscapeSettings& settings)
      : job_(job), laid_(laid), results_(results), settings_(settings) {
    for (size_t m = 0; m < results.grids.size(); ++m) add_metric(m);
    if (results.decay) add_decay();
    if (!panels_.empty())
      add("landscape.html", [this](const fs::path& file) {
        draw_page(panels_, file, {.title = job_.title, .caption = laid_.plane.how});
      });
    if (laid.projection) add_trajectory();
    if (results.curvature) add_curvature();
  }
  Files(const Files&) = delete;  // what writes refers to it
  Files& operator=(const Files&) = delete;

  void write(const OutputFolder& output) const {
    Progress progress(files_.size());
    for (const auto& [name, write_to] : files_) {
      write_to(output / name);
      progress.step(name);
    }
  }

 private:
  using WriteTo = std::function<void(const fs::path&)>;
  void add(std::string name, WriteTo write_to) {
    files_.emplace_back(std::move(name), std::move(write_to));
  }

  void add_metric(size_t m) {
    const Metric& metric = job_.metrics[m];
    const Grid& grid = results_.grids[m];
    add_grid(grid, metric.name, m == 0 ? "landscape" : "landscape_" + metric.name,
             {.title = job_.title + ": " + metric.name,
              .caption = caption(job_, laid_, results_, m),
              .log = is_log(grid, metric, settings_),
              .mark_minima = !metric.traits.higher_is_better},
             m == 0 ? results_.tracks : std::vector<Track>{});
  }

  void add_decay() {
    add_grid(
        *results_.decay, "weight_decay", "landscape_weight_decay",
        {.title = job_.title + ": weight decay",
         .caption = "What weight decay adds to the loss: half of " +
                    number(*settings_.weight_decay) + " times the sum of all squared weights."},
        {});
  }

  void add_grid(const Grid& grid, const std::string& id, const std::string& name,
                PictureOptions options, std::vector<Track> tracks) {
    for (const char* const extension : {".json", ".npy", ".csv"})
      add(name + extension, [&grid](const fs::path& file) { grid.save(file); });
    add(name + ".vtp",
        [&grid, log = options.log](const fs::path& file) { (log ? grid.log() : grid).save(file); });
    if (!has_finite(grid)) return;
    if (is_curve(grid)) tracks.clear();
    options.on_frame = [](int64_t, int64_t) { return !interrupted(); };
    for (const char* const extension : {".png", ".svg", ".gif"})
      if (!is_curve(grid) || extension != std::string(".gif"))
        add(name + extension,
            [&grid, tracks, options](const fs::path& file) { draw(grid, tracks, file, options); });
    if (is_curve(grid)) return;
    panels_.push_back({.id = id,
                       .title = grid.value_name,
                       .caption = options.caption,
                       .grid = grid,
                       .tracks = std::move(tracks),
                       .picture = {.log = options.log, .mark_minima = options.mark_minima}});
  }

  void add_trajectory() {
    const bool log = is_log(results_.grids[0], job_.metrics[0], settings_);
    for (const char* const extension : {".json", ".csv"}) {
      add(std::string("trajectory") + extension,
          [this](const fs::path& file) { save(results_.tracks, file); });
      add(std::string("projection") + extension,
          [this](const fs::path& file) { laid_.projection->save(file); });
    }
    add("trajectory.vtp", [this, log](const fs::path& file) {
      std::vector<Track> heights = results_.tracks;
      for (Track& track : heights)
        if (log) track = track.log();
      save(heights, file);
    });
    if (!shows_a_loss(results_.tracks, log)) return;
    add("trajectory.png", [this, log](const fs::path& file) {
      draw_losses(results_.tracks, file,
                  {.title = job_.title + ": " + job_.metrics[0].name + " along the trajectory",
                   .caption = laid_.about + " Each step is a snapshot.",
                   .value_name = job_.metrics[0].name,
                   .log = log});
    });
  }

  void add_curvature() {
    add("curvature.json", [this](const fs::path& file) { results_.curvature->save(file); });
    add("spectrum.png", [this](const fs::path& file) {
      const SpectralDensity& density = results_.curvature->density;
      draw(density.grid(), file,
           {.title = job_.title + ": spectral density of the Hessian of " + job_.metrics[0].name,
            .caption = "Stochastic Lanczos quadrature of " + std::to_string(density.parameters) +
                       " eigenvalues, seed " + std::to_string(job_.seed) + ".",
            .log = true,
            .mark_minima = false});
    });
  }

  const Job& job_;
  const Laid& laid_;
  const Results& results_;
  const LandscapeSettings& settings_;
  std::vector<Panel> panels_{};
  std::vector<std::pair<std::string, WriteTo>> files_{};
};

Grid::Minimum maximum(Grid grid) {
  for (double& value : grid.values) value = -value;
  Grid::Minimum most = grid.minimum();
  most.value = -most.value;
  return most;
}

void print(std::ostream& out, const Job& job, const Laid& laid, const Results& results) {
  const Grid& first = results.grids[0];
  out << "plane  " << laid.plane.how << '\n';
  out << "path   " << first.notes.at("path") << " (" << first.notes.at("reason") << ")\n";
  if (const auto found = first.notes.find("statistics"); found != first.notes.end())
    out << "norm   " << found->second << '\n';
  if (laid.projection && !laid.projection->statistics.empty())
    out << "       " << laid.projection->statistics << '\n';
  for (size_t m = 0; m < results.grids.size(); ++m) {
    const Grid& grid = results.grids[m];
    out << job.metrics[m].name << ": " << number(results.at_center[m]) << " at the network; ";
    if (!has_finite(grid)) {
      out << "no value on the plane is finite\n";
      continue;
    }
    const bool greatest = job.metrics[m].traits.higher_is_better;
    const auto best = greatest ? maximum(grid) : grid.minimum();
    out << (greatest ? "greatest " : "least ") << number(best.value) << " at "
        << place(best.x, best.y, grid) << '\n';
  }
  if (results.curvature) {
    const Curvature& c = *results.curvature;
    out << "curvature: largest eigenvalue " << number(c.eigen.values.at(0)) << ", smallest "
        << number(c.eigen.lowest) << ", trace " << number(c.trace.value) << " +- "
        << number(c.trace.error) << ", sharpness " << number(c.sharpness) << '\n';
  }
  const auto networks = static_cast<double>(first.values.size());
  out << number(networks) << " networks in " << number(results.seconds) << " s, "
      << number(networks / results.seconds) << " a second\n";
}

void run_landscape(const LandscapeSettings& settings, std::ostream& out) {
  const Job job = read(settings);
  const Tiles tiles(settings.out, settings.resume, settings.force);
  std::string nothing;  // the metrics without a finite value
  try {
    const Laid laid = lay(job, settings);
    const Results results = compute(job, laid, settings, tiles.folder());
    OutputFolder output(settings.out, /*replace=*/true);
    Files(job, laid, results, settings).write(output);
    output.publish();
    tiles.clear(results.grids[0].notes.at("tiles"));
    print(out, job, laid, results);
    if (tiles.has_any())
      out << "what another run has computed is still in " << tiles.folder().string() << '\n';
    for (const char* const file : {"landscape.html", "landscape.png", "landscape.csv"})
      if (fs::exists(output.path() / file)) {
        out << "open " << (output.path() / file).string() << '\n';
        break;
      }
    for (size_t m = 0; m < results.grids.size(); ++m)
      if (!has_finite(results.grids[m]))
        nothing += (nothing.empty() ? "" : " and of ") + job.metrics[m].name;
  } catch (const Interrupted&) {
    if (!tiles.has_any()) throw;
    throw Interrupted("interrupted" + tiles.kept());
  } catch (const std::runtime_error& error) {
    if (!tiles.has_any()) throw;
    throw std::runtime_error(error.what() + tiles.kept());
  }
  if (!nothing.empty())
    throw NothingFinite("no value of " + nothing + " on the plane is finite; the numbers are in " +
                        settings.out.string());
}

}  // namespace

void add_landscape(CLI::App& command) {
  const auto settings = std::make_shared<LandscapeSettings>();
  command
      .add_option("--model", settings->model,
                  "file of torch.export.save (.pt2) or of TorchScript (.pt)")
      ->required();
  command.add_option("--weights", settings->weights,
                     "for the network: a state_dict, a checkpoint, FILE.safetensors or a folder "
                     "with a model.safetensors");
  command.add_option("--parameters", settings->parameters,
                     "only these move in planes and count in Hessians: a name with * for any "
                     "text, as head.* or *lora*");
  command.add_option("--output", settings->output,
                     "the network's prediction, if it has several outputs and none called logits");
  command.add_option("--library", settings->library,
                     "shared library that registers operations of the network");
  command
      .add_option("--data", settings->data,
                  "file of torch.save: {\"input\": x, \"target\": y}, (x, y), inputs by name with "
                  "\"target\" or \"labels\", or a list of these; FILE.npz with input and target; "
                  "x.npy,y.npy")
      ->required();
  command.add_option("--scale", settings->scale, "factor of the inputs, 1/255 for images of bytes");
  command
      .add_option(
          "--loss", settings->loss,
          "mse, l1, cross_entropy, nll, binary_cross_entropy, binary_cross_entropy_with_logits or "
          "output (of a network that computes its loss)")
      ->required();
  command
      .add_option("--metrics", settings->metrics, "what is measured beside the loss: accuracy, ...")
      ->delimiter(',');
  command
      .add_option("--plane", settings->plane,
                  "random, filter (random, filter-normalised), hessian, pca:FOLDER (of weights "
                  "saved in training), line:OTHER.pt, between:B.pt,C.pt (networks, or "
                  "FILE.safetensors)")
      ->capture_default_str();
  command.add_option("--norm", settings->norm,
                     "of a random plane: none, filter, layer, weight, dfilter, dlayer");
  command.add_option("--seed", settings->seed, "of what is drawn at random (default: 0)")
      ->check(whole_number);
  command.add_option("--axes", settings->axes,
                     "from:to:points for both axes or for each, -1:1:51,-2:2:31; else what suits "
                     "the plane");
  auto* const log = command.add_flag("--log", settings->log, "heights and colours are logarithms");
  command.add_flag("--linear", settings->linear, "they never are (default: if they spread far)")
      ->excludes(log);
  command
      .add_option("--batch-norm", settings->batch_norm,
                  "by which statistics: auto, keep, interpolate, recompute or batch")
      ->capture_default_str();
  command.add_option("--path", settings->path, "auto, loop, batched or fused")
      ->capture_default_str();
  command.add_option("--threads", settings->threads, "0: as many as LibTorch uses")
      ->capture_default_str();
  command.add_option("--memory", settings->memory,
                     "for what is computed at once (default: 256MiB of networks or snapshots, 1GiB "
                     "of vectors for eigenvalues)");
  command.add_option("--weight-decay", settings->weight_decay,
                     "of the training: what it adds to the loss, as a landscape apart");
  command.add_flag("--curvature", settings->curvature,
                   "also eigenvalues, trace and spectrum of the Hessian");
  command.add_flag("--resume", settings->resume, "goes on with what an interrupted run computed");
  command.add_option("--out", settings->out, "folder")->capture_default_str();
  command.add_flag("--force", settings->force, "replaces files of the same names in the folder");
  command.callback([settings] {
    catch_interrupts();
    run_landscape(*settings, std::cout);
  });
}

}  // namespace descent::cli
