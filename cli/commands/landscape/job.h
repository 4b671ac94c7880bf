#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <descent/grid/grid.h>
#include <descent/grid/track.h>
#include <descent/landscape/curvature/curvature.h>
#include <descent/landscape/evaluate/evaluate.h>
#include <descent/landscape/planes/random_plane.h>
#include <descent/landscape/trajectory/projection.h>
#include <descent/pictures/draw.h>

#include "arguments.h"
#include "inputs.h"
#include "kept_tiles.h"
#include "progress.h"

namespace descent::cli {

struct PlaneKind;

/// What is to be done: all that the command line says. Each part of the command adds the options
/// that it reads, and stands above their members here.
struct Job : Inputs, Keeping {
  // planes.h
  const PlaneKind* plane = nullptr;
  std::string plane_of{};          ///< what follows the plane's name: a folder, files
  std::optional<Norm> norm{};      ///< of a random plane; none: Norm::None
  std::optional<uint64_t> seed{};  ///< of what is drawn at random; none: 0
  std::optional<Axes> axes{};      ///< none: what suits the plane

  // compute.h
  EvaluateOptions options{};
  std::optional<int64_t> memory{};       ///< none: what each computation takes by default
  std::optional<double> weight_decay{};  ///< of the training; none: its term is not drawn
  bool with_curvature = false;
  bool with_layers = false;  ///< also the loss along each layer alone

  // files.h
  bool log = false, linear = false;    ///< heights and colours; neither: as the values suit
  std::vector<std::string> formats{};  ///< of the files, "json", "png"; empty: all

  std::string title() const { return model_file.stem().string(); }
  Network network() const { return model; }
};

/// A plane and what goes with it.
struct PlaneToDraw {
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
  std::vector<NamedGrid> layers{};  ///< the loss along each layer alone
  std::optional<Curvature> curvature{};
  double seconds = 0;  ///< that the grids took
};

/// For on_progress of what is computed: shows how far it is, and stops it where that is asked for.
inline std::function<bool(double)> shown_by(Progress& progress, const std::string& what) {
  return [&progress, what](double fraction) {
    progress.reach(fraction, what);
    return !interrupted();
  };
}

}  // namespace descent::cli
