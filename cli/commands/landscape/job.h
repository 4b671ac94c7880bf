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
#include <descent/landscape/data/metric.h>
#include <descent/landscape/evaluate/evaluate.h>
#include <descent/landscape/trajectory/trajectory.h>
#include <descent/networks.h>

#include "arguments.h"
#include "progress.h"

namespace descent::cli {

/// The options as they are spelled.
struct LandscapeSettings {
  std::filesystem::path model, data;
  std::filesystem::path weights, library;  // empty: none
  std::string output;                      // of the network; empty: the only one
  std::string parameters;                  // those that move; empty: all
  std::string scale;                       // of inputs; empty: 1
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
  std::filesystem::path out = "out/landscape";
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

/// For on_progress of what is computed: shows how far it is, and stops it where that is asked for.
inline std::function<bool(double)> shown_by(Progress& progress, const std::string& what) {
  return [&progress, what](double fraction) {
    progress.reach(fraction, what);
    return !interrupted();
  };
}

}  // namespace descent::cli
