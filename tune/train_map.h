#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <descent/grid/grid.h>
#include <descent/sharing/store.h>
#include <descent/tune/space.h>
#include <descent/tune/train_many.h>

namespace descent {

/// One side of a map: `n` values of an option of the optimizer ("lr", "momentum"), of one layer's
/// ("2.lr"), or of the initial weights' "scale".
struct MapAxis {
  std::string name;
  std::variant<LogRange, Range> scale;
  int64_t n = 64;
};

/// Which loss of a training a map shows: see Trained.
DESCENT_ENUM(MapValue, Final, Mean, Best)

struct TrainMapOptions {
  int64_t steps = 0;  ///< of each training; must be given
  MapValue value = MapValue::Mean;
  OptionValues options{};          ///< of the optimizer, beside those of the axes
  std::optional<uint64_t> seed{};  ///< of the initial weights of all trainings, as in Candidate
  double scale = 1;                ///< the same
  Schedule schedule = ConstantLR{.factor = 1};
  double limit = 1e6;  ///< as in TrainManyOptions, as are these three
  int threads = 0;
  Path path = Path::Auto;
  std::function<bool(double)> on_progress{};

  /// A folder in which what is computed is kept as it is computed, made if missing; empty: none. The
  /// same call takes what is there and trains the rest, with the same numbers.
  std::filesystem::path tiles{};

  /// A table that processes share which make one map together, as in EvaluateOptions: all make the
  /// same call with the same folder for `tiles`, may begin late and die, and all return the whole
  /// map with the numbers of a single process. on_progress is told what all of them have done.
  std::optional<Store> store{};

  DESCENT_OPTIONS((steps, at_least_one), (value), (options, not_text), (seed, not_text),
                  (scale, finite), (schedule, not_text), (limit, above_one_or_infinite),
                  (threads, non_negative), (path), (on_progress, not_text), (tiles, not_text),
                  (store, not_text))
};

/// Two grids over the same axes, which have the logarithm to base 10 of a LogRange: "log10 lr".
struct TrainMap {
  Grid loss;  ///< infinite where the training diverged
  /// The step in which it diverged; the number of steps where it stayed in bounds, but its last
  /// losses were not below the first; NaN where it converged; -1 where it was not reached.
  Grid diverged;

  bool converged(size_t k) const { return diverged.values[k] != diverged.values[k]; }
};

/// Trains a network at each point of a plane of two hyperparameters, as train_many() does, all from
/// the same weights. The boundary between the rates that train and those that do not is a fractal
/// for many networks (Sohl-Dickstein 2024, arXiv:2402.06184).
///
///   const auto map = descent::train_map(*net, descent::mse, {x, y}, "sgd",
///                                       {"0.lr", descent::LogRange{1e-2, 1e3}, 256},
///                                       {"2.lr", descent::LogRange{1e-2, 1e3}, 256}, {.steps = 500});
///   descent::boundary_of(map).dimension
///
/// Grid::notes: optimizer, metric, steps, value, path, reason, kernel, self_check, network, tiles (how
/// their names begin), and stopped if on_progress said so.
///
/// Throws what train_many() throws, and std::invalid_argument for an axis without name, points or
/// a right range, for two of one name, and one whose option is given beside it, and for a store
/// without tiles; std::runtime_error if a tile cannot be written, and WorldError if the store cannot
/// be reached.
TrainMap train_map(const Network& network, const Metric& loss, const Batches& data,
                   std::string_view optimizer, const MapAxis& x, const MapAxis& y,
                   const TrainMapOptions& options = {});

/// Where converged and diverged trainings meet: the places between four points that are not all of
/// one kind.
struct Boundary {
  /// How many boxes of so many points a side hold all of these places; sides of 2, 4, 8, ... The
  /// net of boxes is moved over the map to where it needs the fewest.
  std::vector<std::pair<int64_t, int64_t>> boxes{};
  /// By the boxes of which at least 16 fit beside each other, since a larger one holds a piece of
  /// any boundary: minus the slope of log count over log side, by least squares. NaN without a
  /// boundary, and for a map of fewer than 64 points a side. 1 for a line, up to 2 for what fills
  /// the plane.
  double dimension = 0;
};
Boundary boundary_of(const TrainMap& map);

}  // namespace descent
