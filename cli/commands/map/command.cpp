#include "commands/map/command.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <CLI/CLI.hpp>

#include <descent/base/text.h>
#include <descent/pictures/draw.h>
#include <descent/tune/train_map.h>

#include "arguments.h"
#include "inputs.h"
#include "kept_tiles.h"
#include "number.h"
#include "output.h"
#include "progress.h"

namespace descent::cli {
namespace {

constexpr int64_t kPoints = 64;
constexpr int kZoomWidth = 560, kZoomHeight = 480;

/// A way from the whole plane to a window around a point, in maps one behind the other.
struct Zoom {
  double x, y;     ///< the point, as the options have it
  double share;    ///< of the last window's sides of those of the first
  int64_t frames;  ///< maps
};

struct MapJob : Keeping {
  Inputs inputs{};
  std::optional<Zoom> zoom{};
  std::string optimizer = "sgd", axes = "lr=log:0.001:100,scale=log:0.1:10", value = "mean";
  TrainMapOptions options{.steps = 200};
  std::optional<uint64_t> seed{};
};

/// "lr=log:0.001:100:256" or "momentum=range:0:0.99", as in a space, with the number of points.
MapAxis axis_of(const std::string& text) {
  std::string scale = text;
  int64_t n = kPoints;
  if (std::count(text.begin(), text.end(), ':') == 3) {
    const size_t last = text.rfind(':');
    scale = text.substr(0, last);
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + last + 1, end, n);
    if (error != std::errc() || stop != end || n < 2 || n > 8192)
      throw std::invalid_argument("--axes: '" + text +
                                  "' must end in a number of points from 2 to 8192");
  }
  const Space space = parse_space(scale);
  const Parameter& parameter = space.parameters().front();
  if (const auto* const log = std::get_if<LogRange>(&parameter.scale))
    return {parameter.name, *log, n};
  if (const auto* const range = std::get_if<Range>(&parameter.scale))
    return {parameter.name, *range, n};
  throw std::invalid_argument("--axes: '" + text + "' must be of a scale log or range");
}

std::pair<MapAxis, MapAxis> axes_of_map(const std::string& text) {
  const size_t comma = text.find(',');
  if (comma == text.npos || text.find(',', comma + 1) != text.npos)
    throw std::invalid_argument("--axes is '" + text +
                                "', must be two axes with a comma between, as "
                                "lr=log:0.001:100:256,momentum=range:0:0.99:256");
  return {axis_of(text.substr(0, comma)), axis_of(text.substr(comma + 1))};
}

/// "1:0.9:0.01:24".
Zoom zoom_of(const std::string& text) {
  std::istringstream in(text);
  Zoom zoom{};
  char colons[3] = {};
  in >> zoom.x >> colons[0] >> zoom.y >> colons[1] >> zoom.share >> colons[2] >> zoom.frames;
  const bool right = !in.fail() && in.peek() == std::istringstream::traits_type::eof() &&
                     std::count(colons, colons + 3, ':') == 3 && std::isfinite(zoom.x) &&
                     std::isfinite(zoom.y) && zoom.share > 0 && zoom.share < 1 &&
                     zoom.frames >= 2 && zoom.frames <= 200;
  if (!right)
    throw std::invalid_argument("--zoom is '" + text +
                                "', must be X:Y:SHARE:FRAMES, a point, a share of the axes between "
                                "0 and 1 and a number of maps from 2 to 200, as 1:0.9:0.01:24");
  return zoom;
}

/// The part of an axis that is `share` as long, in which a point stands where it does in the whole.
MapAxis window(const MapAxis& whole, double point, double share) {
  MapAxis part = whole;
  const bool inside = std::visit(
      [&](auto& scale) {
        const bool is_log = std::is_same_v<std::decay_t<decltype(scale)>, LogRange>;
        const auto to = [&](double x) { return is_log ? std::log(x) : x; };
        const auto from = [&](double x) { return is_log ? std::exp(x) : x; };
        if (!(point > scale.lo) || !(point < scale.hi)) return false;
        const double at = to(point);
        scale = {from(at + share * (to(scale.lo) - at)), from(at + share * (to(scale.hi) - at))};
        return true;
      },
      part.scale);
  if (!inside)
    throw std::invalid_argument("--zoom: " + number(point) +
                                " is not between the ends of the axis " + whole.name);
  return part;
}

/// The axes of each map.
std::vector<std::pair<MapAxis, MapAxis>> windows_of(const MapJob& job) {
  const auto whole = axes_of_map(job.axes);
  std::vector<std::pair<MapAxis, MapAxis>> windows{whole};
  for (int64_t k = 1; job.zoom && k < job.zoom->frames; ++k) {
    const double share = std::pow(
        job.zoom->share, static_cast<double>(k) / static_cast<double>(job.zoom->frames - 1));
    windows.emplace_back(window(whole.first, job.zoom->x, share),
                         window(whole.second, job.zoom->y, share));
  }
  return windows;
}

/// What the picture and the terminal say of a map.
std::string about(const TrainMap& map, const Boundary& boundary) {
  const auto& notes = map.loss.notes;
  int64_t converged = 0;
  for (size_t k = 0; k < map.loss.values.size(); ++k) converged += map.converged(k);
  std::string text =
      notes.at("optimizer") + ", " + notes.at("steps") + " steps. Blue: converged (" +
      number(100.0 * static_cast<double>(converged) / static_cast<double>(map.loss.values.size())) +
      " %), the " + notes.at("value") + " " + notes.at("metric") + "; red: diverged, the step.";
  if (!std::isnan(boundary.dimension))
    text += " Box-counting dimension of the boundary: " + number(boundary.dimension) + ".";
  return text;
}

/// Writes the first map, and the way through all of them if there are several.
void write_files(const MapJob& job, const std::vector<TrainMap>& maps, const std::string& said) {
  OutputFolder output(job.out, /*replace=*/true);
  const TrainMap& whole = maps.front();
  whole.loss.save(output / "loss.json");
  whole.diverged.save(output / "diverged.json");
  std::vector<TwoSides> panels;
  for (const TrainMap& map : maps) panels.push_back({map.loss, map.diverged});
  TwoSidedPictureOptions options{.title = "Where " + whole.loss.notes.at("optimizer") + " trains " +
                                          job.inputs.model_file.filename().string(),
                                 .caption = said,
                                 .first_name = whole.loss.notes.at("metric")};
  for (const char* const name : {"map.png", "map.svg"})
    draw_two_sided(std::span(panels).first(1), output / name, options);
  if (maps.size() > 1) {
    options.width = kZoomWidth;
    options.height = kZoomHeight;
    options.caption = "";
    options.on_frame = [](int64_t, int64_t) { return !interrupted(); };
    draw_two_sided(panels, output / "zoom.gif", options);
    stop_if_interrupted();
  }
  output.publish();
}

void print(std::ostream& out, const TrainMap& map, const std::string& said,
           const std::string& note) {
  const auto& notes = map.loss.notes;
  out << "map     " << said << '\n';
  if (!note.empty()) out << "        " << note << '\n';
  out << "path    " << notes.at("path") << ": " << notes.at("reason") << '\n';
  if (notes.count("self_check") != 0) out << "check   " << notes.at("self_check") << '\n';
  if (std::none_of(map.loss.values.begin(), map.loss.values.end(),
                   [](double value) { return std::isfinite(value); }))
    return;
  const Grid::Minimum least = map.loss.minimum();
  out << "least   " << number(least.value) << " at " << map.loss.x_name << " = " << number(least.x)
      << ", " << map.loss.y_name << " = " << number(least.y) << '\n';
}

void run(MapJob& job, std::ostream& out) {
  const auto windows = windows_of(job);
  const size_t colon = std::min(job.optimizer.find(':'), job.optimizer.size());
  job.options.options =
      parse_options(job.optimizer.substr(std::min(colon + 1, job.optimizer.size())));
  job.options.seed = job.seed;
  load_training_inputs(job.inputs);
  const KeptTiles tiles(job);
  job.options.store = job.store();
  job.options.tiles = tiles.folder();
  const auto start = std::chrono::steady_clock::now();
  Progress progress;
  tiles.while_kept([&] {
    std::vector<TrainMap> maps;
    int64_t points = 0;
    for (const auto& [x, y] : windows) {
      const auto before = static_cast<double>(maps.size());
      job.options.on_progress = [&](double fraction) {
        progress.reach((before + fraction) / static_cast<double>(windows.size()),
                       job.share ? "trainings of all" : "trainings");
        return !interrupted();
      };
      maps.push_back(train_map(job.inputs.model, job.inputs.metrics.at(0), job.inputs.data,
                               job.optimizer.substr(0, colon), x, y, job.options));
      stop_if_interrupted();
      points += x.n * y.n;
    }
    progress.clear();
    const std::string said = about(maps[0], boundary_of(maps[0]));
    write_files(job, maps, said);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    print(out, maps[0], said, job.inputs.note);
    std::vector<std::string> jobs;
    for (const TrainMap& map : maps) jobs.push_back(map.loss.notes.at("tiles"));
    tiles.clear(jobs, out);
    out << "time    " << number(seconds) << " s for " << points << " trainings\n"
        << "open " << (job.out / (maps.size() > 1 ? "zoom.gif" : "map.png")).string() << '\n';
  });
}

}  // namespace

void add_map(CLI::App& command) {
  const auto job = std::make_shared<MapJob>();
  add_inputs(command, job->inputs, "only these count");
  describe_usual_loss(command);
  for (const char* const needed : {"--model", "--data"}) command.get_option(needed)->required();
  command
      .add_option("--optimizer", job->optimizer, "its name, with options as adamw:weight_decay=0.1")
      ->capture_default_str();
  command
      .add_option("--axes", job->axes,
                  "two of NAME=log:LO:HI[:POINTS] or NAME=range:LO:HI[:POINTS], NAME an option of "
                  "the optimizer, of a layer's parameters (0.lr) or scale, of the initial weights")
      ->capture_default_str();
  command.add_option_function<std::string>(
      "--zoom", [job](const std::string& text) { job->zoom = zoom_of(text); },
      "X:Y:SHARE:FRAMES: so many maps whose windows narrow around a point, the last to a share of "
      "the axes, as zoom.gif");
  command.add_option("--steps", job->options.steps, "of each training, a batch each")
      ->check(at_least_one)
      ->capture_default_str();
  command.add_option("--value", job->value, "the loss that is drawn: final, mean or best")
      ->check(CLI::IsMember({"final", "mean", "best"}))
      ->capture_default_str();
  command
      .add_option("--seed", job->seed,
                  "draws initial weights; without it they are those of the network")
      ->check(whole_number);
  command
      .add_option("--threads", job->options.threads,
                  "trainings at once; 0: as many as LibTorch uses")
      ->check(whole_number)
      ->capture_default_str();
  add_keeping(command, *job, "out/map", "compute the map");
  command.callback([job] {
    catch_interrupts();
    check_keeping(*job);
    job->options.value = job->value == "final"  ? MapValue::Final
                         : job->value == "best" ? MapValue::Best
                                                : MapValue::Mean;
    run(*job, std::cout);
  });
}

}  // namespace descent::cli
