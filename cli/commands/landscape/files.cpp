#include "commands/landscape/files.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <descent/base/text.h>
#include <descent/pictures.h>

#include "commands/landscape/report.h"
#include "progress.h"

namespace descent::cli {
namespace {

namespace fs = std::filesystem;

/// Whether the axis of a picture of losses has something to show.
bool shows_a_loss(const std::vector<Track>& tracks, bool log) {
  return std::any_of(tracks.begin(), tracks.end(), [log](const Track& track) {
    return std::any_of(track.losses.begin(), track.losses.end(),
                       [log](double loss) { return std::isfinite(loss) && (loss > 0 || !log); });
  });
}

/// Whether heights and colours are logarithms: as asked for, else where values spread far.
bool is_log(const std::vector<double>& values, const Metric& metric, const Job& job) {
  if (metric.traits.higher_is_better || job.linear) return false;
  double lowest = 0, least = std::numeric_limits<double>::infinity(), most = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    lowest = std::min(lowest, value);
    if (value > 0) least = std::min(least, value);
    most = std::max(most, value);
  }
  if (job.log && (lowest < 0 || most == 0))
    throw std::runtime_error("--log with " + metric.name + " = " +
                             number(lowest < 0 ? lowest : most) +
                             " on the plane, must be above 0 for a logarithm");
  return lowest == 0 && most > 0 && (job.log || most > 100 * least);
}

/// The formats that a run can write, by their extensions without the point.
std::vector<std::string> known_formats() {
  std::vector<std::string> formats{"json", "npy", "csv", "vtp", "html"};
  for (const PictureFormat& format : picture_formats()) formats.emplace_back(format.extension + 1);
  return formats;
}

/// The name of a layer, with an underscore for each character that may not be in a file's name.
std::string as_file_name(std::string name) {
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-') c = '_';
  return name;
}

/// The files of a run.
class Files {
 public:
  Files(const Job& job, const PlaneToDraw& laid, const Results& results)
      : job_(job), laid_(laid), results_(results) {
    for (size_t m = 0; m < results.grids.size(); ++m) add_metric(m);
    if (results.decay) add_decay();
    if (!results.layers.empty()) add_layers();
    if (!panels_.empty())
      add("landscape.html", [this](const fs::path& file) {
        draw_page(panels_, file, {.title = job_.title(), .caption = laid_.plane.how});
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
    const std::string format = fs::path(name).extension().string().substr(1);
    const std::vector<std::string>& wanted = job_.formats;
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), format) == wanted.end()) return;
    files_.emplace_back(std::move(name), std::move(write_to));
  }

  void add_metric(size_t m) {
    const Metric& metric = job_.metrics[m];
    const Grid& grid = results_.grids[m];
    add_grid(grid, metric.name, m == 0 ? "landscape" : "landscape_" + metric.name,
             {.title = job_.title() + ": " + metric.name,
              .caption = caption(job_, laid_, results_, m),
              .log = is_log(grid.values, metric, job_),
              .mark_minima = !metric.traits.higher_is_better},
             m == 0 ? results_.tracks : std::vector<Track>{});
  }

  void add_decay() {
    add_grid(*results_.decay, "weight_decay", "landscape_weight_decay",
             {.title = job_.title() + ": weight decay",
              .caption = "What weight decay adds to the loss: half of " +
                         number(*job_.weight_decay) + " times the sum of all squared weights."},
             {});
  }

  /// One sheet with a picture of each, and the numbers of each.
  void add_layers() {
    std::vector<double> all;
    for (const auto& [name, grid] : results_.layers)
      all.insert(all.end(), grid.values.begin(), grid.values.end());
    const bool log = is_log(all, job_.metrics[0], job_);
    const size_t places = std::to_string(results_.layers.size()).size();
    for (size_t k = 0; k < results_.layers.size(); ++k) {
      std::string number = std::to_string(k + 1);
      number.insert(0, places - number.size(), '0');
      add_numbers(results_.layers[k].grid,
                  "layer_" + number + "_" + as_file_name(results_.layers[k].name), log);
    }
    if (std::none_of(all.begin(), all.end(), [](double value) { return std::isfinite(value); }))
      return;
    for (const PictureFormat& format : picture_formats())
      if (!format.can_move)
        add(std::string("layers") + format.extension, [this, log](const fs::path& file) {
          draw_sheet(results_.layers, file,
                     {.title = job_.title() + ": " + job_.metrics[0].name + " along each layer",
                      .caption = about_layers(job_, laid_, results_),
                      .log = log});
        });
  }

  void add_numbers(const Grid& grid, const std::string& name, bool log) {
    for (const char* const extension : {".json", ".npy", ".csv"})
      add(name + extension, [&grid](const fs::path& file) { grid.save(file); });
    add(name + ".vtp",
        [&grid, log](const fs::path& file) { (log ? grid.log() : grid).save(file); });
  }

  void add_grid(const Grid& grid, const std::string& id, const std::string& name,
                PictureOptions options, std::vector<Track> tracks) {
    add_numbers(grid, name, options.log);
    if (!has_finite(grid)) return;
    if (grid.is_curve()) tracks.clear();
    options.on_frame = [](int64_t, int64_t) { return !interrupted(); };
    for (const PictureFormat& format : picture_formats())
      if (!grid.is_curve() || !format.can_move)
        add(name + format.extension,
            [&grid, tracks, options](const fs::path& file) { draw(grid, tracks, file, options); });
    if (grid.is_curve()) return;
    panels_.push_back({.id = id,
                       .title = grid.value_name,
                       .caption = options.caption,
                       .grid = grid,
                       .tracks = std::move(tracks),
                       .picture = {.log = options.log, .mark_minima = options.mark_minima}});
  }

  void add_trajectory() {
    const bool log = is_log(results_.grids[0].values, job_.metrics[0], job_);
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
                  {.title = job_.title() + ": " + job_.metrics[0].name + " along the trajectory",
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
           {.title = job_.title() + ": spectral density of the Hessian of " + job_.metrics[0].name,
            .caption = "Stochastic Lanczos quadrature of " + std::to_string(density.parameters) +
                       " eigenvalues, seed " + std::to_string(job_.seed.value_or(0)) + ".",
            .log = true,
            .mark_minima = false});
    });
  }

  const Job& job_;
  const PlaneToDraw& laid_;
  const Results& results_;
  std::vector<Panel> panels_{};
  std::vector<std::pair<std::string, WriteTo>> files_{};
};

}  // namespace

void add_pictures(CLI::App& command, Job& job) {
  auto* const log = command.add_flag("--log", job.log, "heights and colours are logarithms");
  command.add_flag("--linear", job.linear, "they never are (default: if they spread far)")
      ->excludes(log);
  command
      .add_option_function<std::vector<std::string>>(
          "--formats",
          [&job](const std::vector<std::string>& formats) {
            const std::vector<std::string> known = known_formats();
            for (const std::string& format : formats)
              if (std::find(known.begin(), known.end(), format) == known.end())
                refuse_name("--formats", format, known);
            job.formats = formats;
          },
          "only these of " + joined(known_formats()) + " (default: all)")
      ->delimiter(',');
}

void check_formats(const Job& job, const PlaneToDraw& laid) {
  if (laid.x.n > 1 && laid.y.n > 1) return;
  std::vector<std::string> of_curves = known_formats();
  std::erase(of_curves, "html");
  for (const PictureFormat& format : picture_formats())
    if (format.can_move) std::erase(of_curves, format.extension + 1);
  for (const std::string& format : job.formats)
    if (std::find(of_curves.begin(), of_curves.end(), format) == of_curves.end())
      throw std::invalid_argument("--formats = " + format + " of a line, allowed are " +
                                  joined(of_curves));
}

void write_files(const Job& job, const PlaneToDraw& laid, const Results& results,
                 const OutputFolder& output) {
  Files(job, laid, results).write(output);
}

}  // namespace descent::cli
