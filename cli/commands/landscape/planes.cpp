#include "commands/landscape/planes.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <descent/landscape/planes/between.h>
#include <descent/landscape/planes/only.h>
#include <descent/landscape/planes/random_plane.h>
#include <descent/landscape/trajectory/pca_plane.h>
#include <descent/landscape/trajectory/projection.h>

#include "choices.h"
#include "commands/landscape/report.h"
#include "inputs.h"

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

/// Planes of several networks move all parameters, if it is not said which.
Plane restricted(const Job& job, const Plane& plane) {
  return job.parameters.empty() ? plane : only(plane, job.parameters);
}

PlaneToDraw along_line(const Job& job) {
  PlaneToDraw laid{.plane = restricted(
                       job, line_between(job.network(), other_network(*job.model, job.plane_of))),
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

PlaneToDraw between(const Job& job) {
  const std::string& files = job.plane_of;
  const size_t comma = files.find(',');
  if (comma == files.npos)
    throw std::invalid_argument("--plane = between:" + files + ", must be between:B.pt,C.pt");
  const Plane whole =
      plane_between(job.network(), other_network(*job.model, files.substr(0, comma)),
                    other_network(*job.model, files.substr(comma + 1)));
  PlaneToDraw laid{.plane = restricted(job, whole), .x = {}, .y = {}};
  std::tie(laid.x, laid.y) = axes_around_marks(whole);
  laid.about = about_marks(laid.plane);
  return laid;
}

PlaneToDraw along_trajectory(const Job& job) {
  const Trajectory trajectory = Trajectory::load(job.plane_of);
  const int64_t memory = job.memory.value_or(EvaluateOptions::kMemory);
  PlaneToDraw laid{
      .plane = restricted(job, pca_plane(job.network(), trajectory, memory)), .x = {}, .y = {}};
  Progress progress;
  EvaluateOptions options = job.options;
  options.on_progress = shown_by(progress, "losses along the trajectory");
  laid.projection =
      project(trajectory, laid.plane, job.network(), job.metrics[0], job.data, options);
  stop_if_interrupted();
  std::tie(laid.x, laid.y) = axes_around(*laid.projection, 51);
  laid.about = laid.projection->about();
  return laid;
}

PlaneToDraw along_eigenvectors(const Job& job) {
  Progress progress;
  PlaneToDraw laid{.plane = hessian_plane(job.network(), job.metrics[0], job.data,
                                          curvature_options(job, progress, "eigenvectors")),
                   .x = {-1, 1, 51},
                   .y = {-1, 1, 51}};
  stop_if_interrupted();
  return laid;
}

PlaneToDraw drawn(const Job& job, Norm norm) {
  return {.plane = random_plane(job.network(),
                                {.seed = job.seed.value_or(0),
                                 .draw = Draw::Gaussian,
                                 .norm = norm,
                                 .buffers = job.options.batch_norm == BatchNorm::Interpolate}),
          .x = {-1, 1, 51},
          .y = {-1, 1, 51}};
}

PlaneToDraw along_random(const Job& job) { return drawn(job, job.norm.value_or(Norm::None)); }

PlaneToDraw along_filters(const Job& job) { return drawn(job, Norm::Filter); }

// clang-format off
constexpr PlaneKind kPlanes[] = {
    {.name = "random", .follows = "", .help = "two random directions",
     .lay = along_random, .draws = true, .takes_norm = true},
    {.name = "filter", .follows = "", .help = "the same, filter-normalised",
     .lay = along_filters, .draws = true},
    {.name = "hessian", .follows = "", .help = "along the largest eigenvalues",
     .lay = along_eigenvectors, .draws = true, .derives = true},
    {.name = "pca", .follows = ":FOLDER", .help = "through weights saved in training",
     .lay = along_trajectory, .moves_statistics = false},
    {.name = "line", .follows = ":OTHER.pt", .help = "to another network, or other weights of this",
     .lay = along_line},
    {.name = "between", .follows = ":B.pt,C.pt", .help = "through two others",
     .lay = between},
};
// clang-format on

constexpr const char* kDefault = "filter";

/// Takes "pca:snapshots" apart.
void read_plane(Job& job, const std::string& text) {
  const size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  std::vector<std::string> names;
  for (const PlaneKind& kind : kPlanes) names.emplace_back(kind.name);
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) refuse_name("--plane", name, names);
  job.plane = &kPlanes[found - names.begin()];
  job.plane_of = colon == text.npos ? "" : text.substr(colon + 1);
  const bool stands_alone = *job.plane->follows == 0;
  if (stands_alone ? colon != text.npos : job.plane_of.empty())
    throw std::invalid_argument("--plane = " + text + ", must be " + name + job.plane->follows);
}

/// Names of the kinds of which something is true.
std::string planes_that(bool PlaneKind::*is_true) {
  std::string text;
  for (const PlaneKind& kind : kPlanes)
    if (kind.*is_true) text.append(text.empty() ? "" : " or ").append(kind.name);
  return text;
}

/// "with --plane pca:snapshots"
std::string with_plane(const Job& job) {
  return std::string("with --plane ") + job.plane->name +
         (job.plane_of.empty() ? "" : ":" + job.plane_of);
}

}  // namespace

void add_plane(CLI::App& command, Job& job) {
  read_plane(job, kDefault);
  std::string help;
  for (const PlaneKind& kind : kPlanes)
    help.append(help.empty() ? "" : "; ")
        .append(kind.name)
        .append(kind.follows)
        .append(" (")
        .append(kind.help)
        .append(")");
  command
      .add_option_function<std::string>(
          "--plane", [&job](const std::string& text) { read_plane(job, text); }, help)
      ->default_str(kDefault);
  add_choice<Norm>(command, "--norm", job.norm, "of a random plane: ");
  command.add_option("--seed", job.seed, "of what is drawn at random (default: 0)")
      ->check(whole_number);
  command.add_option_function<std::string>(
      "--axes", [&job](const std::string& text) { job.axes = axes_of(text); },
      "from:to:points for both axes or for each, -1:1:51,-2:2:31; else what suits the plane");
}

void check_plane(const Job& job) {
  const BatchNorm batch_norm = job.options.batch_norm;
  const auto refuse = [](const std::string& option, const OptionValue& value,
                         const std::string& what) {
    throw std::invalid_argument(option + " = " + to_text(value) + what);
  };
  if (job.norm && !job.plane->takes_norm)
    refuse("--norm", fields::value_of(*job.norm),
           " " + with_plane(job) + ", allowed with --plane " + planes_that(&PlaneKind::takes_norm) +
               " only");
  if (job.seed && !job.plane->draws && !job.with_curvature)
    refuse("--seed", std::to_string(*job.seed),
           " " + with_plane(job) + ", where nothing is drawn at random");
  if ((job.with_curvature || job.plane->derives) &&
      (batch_norm == BatchNorm::Interpolate || batch_norm == BatchNorm::Recompute))
    refuse("--batch-norm", fields::value_of(batch_norm), ", must be keep or batch for curvature");
  if ((job.with_curvature || job.plane->derives) && job.options.precision == Precision::Bfloat16)
    refuse("--precision", "bfloat16", " for curvature, which has the network's own precision only");
  if (job.with_layers && batch_norm == BatchNorm::Interpolate)
    refuse("--batch-norm", "interpolate", " with --layers, whose planes move no statistics");
  if (!job.plane->moves_statistics && batch_norm == BatchNorm::Interpolate)
    refuse("--batch-norm", "interpolate",
           " " + with_plane(job) + ", which has no directions for statistics");
}

PlaneToDraw lay_plane(const Job& job) {
  PlaneToDraw laid = job.plane->lay(job);
  if (job.axes && job.axes->second && laid.plane.is_line())
    throw std::invalid_argument("--axes = " + job.axes->text +
                                ": two axes, but the plane is a line");
  if (job.axes) laid.x = job.axes->x;
  if (job.axes && !laid.plane.is_line()) laid.y = job.axes->y;
  return laid;
}

CurvatureOptions curvature_options(const Job& job, Progress& progress, const std::string& what) {
  CurvatureOptions options{.batch_norm = job.options.batch_norm,
                           .seed = job.seed.value_or(0),
                           .on_progress = shown_by(progress, what)};
  if (job.memory) options.memory = *job.memory;
  return options;
}

}  // namespace descent::cli
