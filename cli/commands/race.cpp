#include "commands/race.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include <descent/surfaces/race.h>

#include "arguments.h"
#include "commands/gallery/families.h"
#include "commands/gallery/gallery.h"
#include "output.h"
#include "progress.h"
#include "scene.h"

namespace descent::cli {
namespace {

struct RaceSettings {
  std::string surface = "f0";
  std::optional<std::string> optimizers{};  // "sgd:lr=10,lion:lr=1"; none: the joint race's
  int64_t steps = 100;
  std::optional<std::string> start{};  // "9,9"; none: the surface's own
  double weight_decay = 0;
  std::optional<uint64_t> seed{};  // of the noise; none: 0
  std::optional<double> noise{};   // scale; 0: smooth; none: 1
  bool tune = false;
  bool gallery = false;                        // all races of the gallery instead of one
  std::optional<std::filesystem::path> out{};  // none: a folder of the command's own
  bool force = false;
};

Point start_of(const std::string& text) {
  Point point;
  const char* at = text.data();
  const char* const end = at + text.size();
  bool right = true;
  for (double* coordinate : {&point.x, &point.y}) {
    if (coordinate == &point.y) right = right && at != end && *at++ == ',';
    const auto [next, error] = std::from_chars(at, end, *coordinate);
    right = right && error == std::errc();
    at = next;
  }
  if (!right || at != end)
    throw std::invalid_argument("--start = " + text + ", must be two numbers, \"9,-2.5\"");
  return point;
}

std::string padded(std::string text, size_t width) {
  size_t letters = 0;  // of UTF-8
  for (const char c : text) letters += (c & 0xc0) != 0x80;
  text.append(width > letters ? width - letters : 0, ' ');
  return text;
}

std::string table_cell(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%14.6g", std::isnan(x) ? std::abs(x) : x);
  return text;
}

void print_table(std::ostream& out, const std::vector<Track>& tracks) {
  size_t widest = 9;
  for (const Track& track : tracks) widest = std::max(widest, track.label.size() + 2);
  out << padded("optimizer", widest) << padded("     last loss", 16) << padded("    least loss", 16)
      << "steps  \n";
  for (const Track& track : tracks) {
    double least = track.losses.front();
    for (const double loss : track.losses)
      if (loss < least) least = loss;
    out << padded(track.label, widest) << table_cell(track.losses.back()) << "  "
        << table_cell(least) << "  " << padded(std::to_string(track.x.size() - 1), 7)
        << track.stopped;
    if (track.left_at >= 0)
      out << (track.stopped.empty() ? "" : ", ") << "left the surface at step " << track.left_at;
    out << '\n';
  }
}

/// Noise is for surfaces that have it.
void refuse_noise(const Surface& surface, const RaceSettings& settings) {
  if (surface.coarse != 0 || surface.fine != 0) return;
  const std::string where =
      " with --surface " + surface.name + ", which has no noise (f0 to f5 do)";
  if (settings.noise) throw std::invalid_argument("--noise = " + to_text(*settings.noise) + where);
  if (settings.seed)
    throw std::invalid_argument("--seed = " + std::to_string(*settings.seed) + where);
}

/// The same racers, called by what is left of their options.
std::vector<Racer> without_rates(const std::vector<Racer>& racers) {
  std::vector<Racer> result;
  for (const Racer& each : racers) {
    OptionValues options = each.options;
    std::erase_if(options, [](const auto& option) { return option.first == "lr"; });
    result.push_back(racer(each.name, options));
  }
  tell_apart(result);
  return result;
}

/// Runs one race, writes its pictures, page and numbers and prints its table.
void run_race(const RaceSettings& settings, std::ostream& out) {
  const Surface surface = find_surface(settings.surface);
  refuse_noise(surface, settings);
  const auto stop = [](int64_t) { stop_if_interrupted(); };
  RaceOptions options{.steps = settings.steps,
                      .weight_decay = settings.weight_decay,
                      .noise = Noise(settings.seed.value_or(0), settings.noise.value_or(1)),
                      .on_step = stop};
  if (settings.start) options.start = start_of(*settings.start);
  std::vector<Racer> racers =
      settings.optimizers ? parse_racers(*settings.optimizers) : find_family("joint").racers;

  Scene scene{.key = surface.name,
              .title = surface.title,
              .caption = about_race(surface, options),
              .surface = surface,
              .grid = mesh(surface, 200, 200, &*options.noise)};
  scene.tracks = race(surface, racers, options);  // refuses what is wrong ahead of any folder
  OutputFolder output(settings.out.value_or("out/race"), settings.force);
  const std::vector<PictureFormat> formats = picture_formats();
  Progress progress(5 + formats.size() + (settings.tune ? racers.size() : 0));
  std::string how_tuned;
  if (settings.tune) {
    if (settings.optimizers) racers = without_rates(racers);
    TunedRacers fair = tuned(surface, racers, options, progress);
    racers = std::move(fair.racers);
    how_tuned = fair.sentence + '\n';
    scene.caption += " " + fair.sentence;
    scene.tracks = race(surface, racers, options);
  }

  const auto make = [&](const std::string& name, const auto& draw_to) {
    draw_to(output / name);
    progress.step(name);
  };
  const auto go_on = [](int64_t, int64_t) { return !interrupted(); };
  make("tracks.csv", [&](const auto& file) { save(scene.tracks, file); });
  make("tracks.json", [&](const auto& file) { save(scene.tracks, file); });
  for (const PictureFormat& format : formats)
    make(std::string("race") + format.extension,
         [&](const auto& file) { draw(scene, file, go_on); });
  make("losses.png", [&](const auto& file) { draw_losses(scene, file, false); });
  if (has_positive_loss(scene))
    make("losses_log.png", [&](const auto& file) { draw_losses(scene, file, true); });
  make("race.html", [&](const auto& file) {
    const std::vector<Panel> panels{panel(scene)};
    draw_page(panels, file, {.title = scene.title, .caption = scene.caption});
  });
  output.publish();
  print_table(out, scene.tracks);
  out << how_tuned << "open " << (output.path() / "race.html").string() << '\n';
}

void run(const RaceSettings& settings, std::ostream& out) {
  catch_interrupts();
  if (!settings.gallery) return run_race(settings, out);
  write_gallery({.seed = settings.seed.value_or(0),
                 .out = settings.out.value_or("out/gallery"),
                 .force = settings.force},
                out);
}

}  // namespace

void add_race(CLI::App& command) {
  const auto settings = std::make_shared<RaceSettings>();
  RaceSettings& race = *settings;
  auto* const all = command.add_flag("--gallery", race.gallery, "all races of the gallery instead");
  const auto of_one = [&](CLI::Option* option) { option->excludes(all); };
  of_one(command.add_option("--surface", race.surface, "see `descent surfaces`")
             ->capture_default_str());
  of_one(command.add_option("--optimizers", race.optimizers,
                            "sgd:lr=10,lion:lr=1 (see `descent optimizers`), line_search among "
                            "them; without it, the ten of the joint race"));
  of_one(command.add_option("--steps", race.steps, "how many")->capture_default_str());
  of_one(command.add_option("--start", race.start, "x,y (--start=-9,2); else the surface's own"));
  of_one(command.add_option("--weight-decay", race.weight_decay, "of all racers, decoupled")
             ->capture_default_str());
  of_one(command.add_option("--noise", race.noise,
                            "scale of the noise on the losses of f0 to f5 (default: 1)"));
  of_one(command.add_flag("--tune", race.tune, "gives each racer the best of 200 learning rates"));
  command.add_option("--seed", race.seed, "of the noise (default: 0)")->check(whole_number);
  command.add_option("--out", race.out, "folder (default: out/race or out/gallery)");
  command.add_flag("--force", race.force, "replaces files of the same names in the folder");
  command.callback([settings] { run(*settings, std::cout); });
}

}  // namespace descent::cli
