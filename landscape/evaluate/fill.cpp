#include <algorithm>
#include <atomic>
#include <limits>

#include <ATen/Parallel.h>

#include <descent/landscape/evaluate/fill.h>
#include <descent/landscape/evaluate/refuse.h>
#include <descent/tensors/workers.h>

namespace descent::landscape {
namespace {

/// Tiles of a job, if its chunks are not longer.
constexpr int64_t kTiles = 256;

}  // namespace

Filling::Filling(const Axis& x, const Axis& y, size_t metrics, Evaluator& evaluator)
    : x_(x), y_(y), metrics_(metrics), evaluator_(evaluator), points_(x.n * y.n) {
  chunk_ = std::max<int64_t>(evaluator.chunk(), 1);
  chunks_ = (points_ + chunk_ - 1) / chunk_;
  values_.assign(static_cast<size_t>(points_) * metrics, std::numeric_limits<double>::quiet_NaN());
}

bool Filling::run(int threads, const Tiles* tiles, const std::function<bool(double)>& progress) {
  const int64_t a_tile = tiles ? (chunks_ + kTiles - 1) / kTiles : chunks_;
  const int64_t count = (chunks_ + a_tile - 1) / a_tile;
  std::vector<std::atomic<int64_t>> missing(static_cast<size_t>(count));
  std::vector<int64_t> left;
  for (int64_t tile = 0; tile < count; ++tile) {
    const int64_t end = std::min(chunks_, (tile + 1) * a_tile);
    if (tiles && tiles->read(tile * a_tile * chunk_, values(tile * a_tile, end))) continue;
    missing[static_cast<size_t>(tile)] = end - tile * a_tile;
    for (int64_t chunk = tile * a_tile; chunk < end; ++chunk) left.push_back(chunk);
  }
  const double before = 1 - static_cast<double>(left.size()) / static_cast<double>(chunks_);
  const auto scaled = [&](double fraction) { return progress(before + (1 - before) * fraction); };
  return tensors::for_each_item(
      threads, static_cast<int64_t>(left.size()),
      [&](int worker, int64_t item, const tensors::Pulse& pulse) {
        const int64_t chunk = left[static_cast<size_t>(item)], tile = chunk / a_tile;
        measure(worker, chunk, pulse);
        if (--missing[static_cast<size_t>(tile)] == 0 && tiles) {
          const int64_t end = std::min(chunks_, (tile + 1) * a_tile);
          tiles->write(tile * a_tile * chunk_, values(tile * a_tile, end));
        }
      },
      progress ? std::function<bool(double)>(scaled) : nullptr);
}

std::vector<double> Filling::metric(size_t m) const {
  std::vector<double> result;
  for (size_t k = m; k < values_.size(); k += metrics_) result.push_back(values_[k]);
  return result;
}

std::span<double> Filling::values(int64_t first_chunk, int64_t end_chunk) {
  const int64_t begin = first_chunk * chunk_, end = std::min(points_, end_chunk * chunk_);
  return std::span(values_).subspan(static_cast<size_t>(begin) * metrics_,
                                    static_cast<size_t>(end - begin) * metrics_);
}

void Filling::measure(int worker, int64_t chunk, const tensors::Pulse& pulse) {
  std::vector<Point> points;
  for (int64_t k = chunk * chunk_; k < std::min(points_, (chunk + 1) * chunk_); ++k) {
    points.push_back({x_.at(k % x_.n), y_.at(k / x_.n)});
  }
  evaluator_.measure(worker, points, values(chunk, chunk + 1).data(), pulse);
}

int workers_for(const Problem& problem, const Evaluator& evaluator, int64_t items,
                const EvaluateOptions& options) {
  if (!problem.plane.center[0].is_cpu() || at::in_parallel_region()) return 1;
  const int64_t threads = options.threads > 0 ? options.threads : at::get_num_threads();
  const int64_t affordable =
      (options.memory - evaluator.shared_bytes()) / std::max<int64_t>(evaluator.bytes(), 1);
  return static_cast<int>(std::max<int64_t>(1, std::min({threads, affordable, items})));
}

void check_budget(const Loop& loop, const EvaluateOptions& options) {
  if (loop.bytes() > options.memory) {
    refuse("evaluate: options.memory is ", options.memory,
           " bytes, but one network on this data needs ", loop.bytes(),
           "; allow more, or use smaller batches");
  }
}

}  // namespace descent::landscape
