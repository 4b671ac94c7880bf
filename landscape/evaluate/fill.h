#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <descent/landscape/evaluate/evaluate.h>
#include <descent/landscape/evaluate/tiles.h>
#include <descent/landscape/paths/loop/loop.h>

namespace descent::landscape {

/// The points of two axes, row by row, in chunks; chunks in tiles.
class Filling {
 public:
  Filling(const Axis& x, const Axis& y, size_t metrics, Evaluator& evaluator);

  /// Whether everything is there now.
  bool run(int threads, const Tiles* tiles, const std::function<bool(double)>& progress);

  /// The values of one metric.
  std::vector<double> metric(size_t m) const;

 private:
  std::span<double> values(int64_t first_chunk, int64_t end_chunk);
  void measure(int worker, int64_t chunk, const tensors::Pulse& pulse);

  const Axis &x_, &y_;
  size_t metrics_;
  Evaluator& evaluator_;
  int64_t points_, chunk_, chunks_;
  std::vector<double> values_;
};

/// Threads that may work, and that the budget allows.
int workers_for(const Problem& problem, const Evaluator& evaluator, int64_t items,
                const EvaluateOptions& options);

/// Refuses where one network is too large for the budget.
void check_budget(const Loop& loop, const EvaluateOptions& options);

}  // namespace descent::landscape
