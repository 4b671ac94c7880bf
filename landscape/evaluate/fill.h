#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <descent/landscape/evaluate/evaluate.h>
#include <descent/landscape/evaluate/tiles.h>
#include <descent/landscape/paths/loop/loop.h>
#include <descent/sharing/store.h>

namespace descent::landscape {

/// The points of two axes, row by row, in chunks; chunks in tiles.
class Filling {
 public:
  Filling(const Axis& x, const Axis& y, size_t metrics, Evaluator& evaluator);

  /// Whether everything is there now. With a store, together with other processes.
  bool run(int threads, const Tiles* tiles, const std::optional<Store>& store,
           const std::function<bool(double)>& progress);

  /// The values of one metric.
  std::vector<double> metric(size_t m) const;

 private:
  /// Chunks [first, end).
  struct Tile {
    int64_t first, end;
  };
  Tile tile(int64_t number) const;
  std::span<double> values(int64_t first_chunk, int64_t end_chunk);
  bool read(const Tiles& tiles, int64_t number);
  void write(const Tiles& tiles, int64_t number);
  /// Does its share of the tiles until all of them are kept.
  bool share(int threads, const Tiles& tiles, const Store& store,
             const std::function<bool(double)>& progress);
  void measure(int worker, int64_t chunk, const tensors::Pulse& pulse);

  const Axis &x_, &y_;
  size_t metrics_;
  Evaluator& evaluator_;
  int64_t points_, chunk_, chunks_;
  int64_t a_tile_ = 0, tiles_ = 0;  ///< chunks of a tile; tiles
  std::vector<double> values_;
};

/// Threads that may work, and that the budget allows.
int workers_for(const Problem& problem, const Evaluator& evaluator, int64_t items,
                const EvaluateOptions& options);

/// Where one network is too large for the budget: refuses what was asked for, and raises the default.
void fit_budget(Problem& problem, const Loop& loop, const EvaluateOptions& options);

}  // namespace descent::landscape
