#include "commands/landscape/planes.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "commands/landscape/inputs.h"
#include "commands/landscape/report.h"

namespace descent::cli {
namespace {

/// Where the plane's networks lie, in words.
std::string about_marks(const Plane& plane) {
  std::string about;
  for (const Plane::Mark& mark : plane.marks) {
    about += (about.empty() ? "" : ", ") + mark.label + " at alpha = " + number(mark.alpha);
    if (!plane.is_line()) about += ", beta = " + number(mark.beta);
  }
  return about.empty() ? "" : about + ".";
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

}  // namespace

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

CurvatureOptions curvature_options(const Job& job, const LandscapeSettings& settings,
                                   Progress& progress, const std::string& what) {
  CurvatureOptions options{.batch_norm = job.options.batch_norm,
                           .seed = job.seed,
                           .on_progress = shown_by(progress, what)};
  if (settings.memory) options.memory = job.options.memory;
  return options;
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

}  // namespace descent::cli
