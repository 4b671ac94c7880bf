#pragma once
#include <functional>
#include <string>
#include <vector>

#include <descent/grid/track.h>
#include <descent/pictures.h>
#include <descent/surfaces/race.h>

#include "progress.h"

namespace descent::cli {

/// A surface with the race on it, ready to be drawn.
struct Scene {
  std::string key{};      ///< of its files and of its panel in a page
  std::string chapter{};  ///< ahead of the title where the picture stands alone
  std::string title{}, caption{};
  Surface surface;
  Grid grid;  ///< the surface as it is drawn, with its noise
  std::vector<Track> tracks{};
  bool animated = true;  ///< worth a .gif beside the picture
};

/// A still picture, an animation, a page of its own: by the extension of `file`. `on_frame` as in
/// PictureOptions.
void draw(const Scene& scene, const std::filesystem::path& file,
          const std::function<bool(int64_t, int64_t)>& on_frame = {});

/// The losses over the steps.
void draw_losses(const Scene& scene, const std::filesystem::path& file, bool log,
                 const std::function<bool(int64_t, int64_t)>& on_frame = {});

/// Whether a logarithmic axis has something to show.
bool has_positive_loss(const Scene& scene);

/// Its part of an interactive page.
Panel panel(const Scene& scene);

/// "f(x, y) = ... Start (9, 9), 100 steps; noise of seed 0, which no optimizer sees."
std::string about_race(const Surface& surface, const RaceOptions& options);

/// The same racers, each at its best learning rate by tune(), and a sentence that says so.
struct TunedRacers {
  std::vector<Racer> racers{};
  std::string sentence{};
};
TunedRacers tuned(const Surface& surface, const std::vector<Racer>& racers,
                  const RaceOptions& options, Progress& progress);

}  // namespace descent::cli
