#include "scene.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <descent/surfaces/tune.h>

namespace descent::cli {
namespace {

std::string full_title(const Scene& scene) {
  return scene.chapter.empty() ? scene.title : scene.chapter + ": " + scene.title;
}

PictureOptions options_of(const Scene& scene) {
  const SurfaceView& view = scene.surface.view;
  PictureOptions options{.title = full_title(scene),
                         .caption = scene.caption,
                         .azimuth_degrees = view.azimuth,
                         .elevation_degrees = view.elevation,
                         .log = view.log};
  if (view.z) {
    options.lo = view.z->lo;
    options.hi = view.z->hi;
  }
  for (const Minimum& minimum : scene.surface.minima)
    if (scene.surface.contains(minimum.x, minimum.y))
      options.minima.push_back({minimum.x, minimum.y, minimum.value, minimum.global});
  return options;
}

}  // namespace

void draw(const Scene& scene, const std::filesystem::path& file,
          const std::function<bool(int64_t, int64_t)>& on_frame) {
  PictureOptions options = options_of(scene);
  options.on_frame = on_frame;
  descent::draw(scene.grid, scene.tracks, file, options);
}

void draw_losses(const Scene& scene, const std::filesystem::path& file, bool log,
                 const std::function<bool(int64_t, int64_t)>& on_frame) {
  descent::draw_losses(scene.tracks, file,
                       {.title = full_title(scene) + ", loss over the steps",
                        .caption = scene.caption,
                        .log = log,
                        .on_frame = on_frame});
}

bool has_positive_loss(const Scene& scene) {
  return std::any_of(scene.tracks.begin(), scene.tracks.end(), [](const Track& track) {
    return std::any_of(track.losses.begin(), track.losses.end(),
                       [](double loss) { return loss > 0 && std::isfinite(loss); });
  });
}

Panel panel(const Scene& scene) {
  return {.id = scene.key,
          .title = scene.title,
          .caption = scene.caption,
          .grid = scene.grid,
          .tracks = scene.tracks,
          .picture = options_of(scene)};
}

std::string about_race(const Surface& surface, const RaceOptions& options) {
  const Point start = options.start.value_or(surface.start);
  char place[80];
  std::snprintf(place, sizeof place, "(%.6g, %.6g)", start.x, start.y);
  std::string text = surface.value_name + " = " + surface.formula + ". Start " + place + ", " +
                     std::to_string(options.steps) + " steps";
  if (options.weight_decay != 0) text += ", weight decay " + to_text(options.weight_decay);
  if (options.noise && options.noise->scale() != 0 && (surface.coarse != 0 || surface.fine != 0))
    text +=
        "; noise of seed " + std::to_string(options.noise->seed()) + ", which no optimizer sees";
  return text + ".";
}

TunedRacers tuned(const Surface& surface, const std::vector<Racer>& racers,
                  const RaceOptions& options, Progress& progress) {
  TunedRacers result;
  std::string rates, how;
  for (const Racer& racer : racers) {
    TuneResult best = tune(surface, racer, {.race = options});
    rates += (rates.empty() ? "" : ", ") + racer.label + " " + to_text(best.lr);
    how = std::move(best.how);
    best.racer.label = racer.label;
    result.racers.push_back(std::move(best.racer));
    progress.step("rate of " + racer.label + " on " + surface.name);
  }
  result.sentence = "Rates: " + rates + "; each the best " + how + ".";
  return result;
}

}  // namespace descent::cli
