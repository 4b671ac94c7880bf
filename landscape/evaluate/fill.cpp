#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <thread>

#include <ATen/Parallel.h>

#include <descent/landscape/evaluate/fill.h>
#include <descent/landscape/evaluate/refuse.h>
#include <descent/sharing/pieces.h>
#include <descent/tensors/fingerprint.h>
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

bool Filling::run(int threads, const Tiles* tiles, const std::optional<Store>& store,
                  const std::function<bool(double)>& progress) {
  a_tile_ = tiles ? (chunks_ + kTiles - 1) / kTiles : chunks_;
  tiles_ = (chunks_ + a_tile_ - 1) / a_tile_;
  const bool stopped = store && !share(threads, *tiles, *store, progress);
  std::vector<std::atomic<int64_t>> missing(static_cast<size_t>(tiles_));
  std::vector<int64_t> left;
  for (int64_t number = 0; number < tiles_; ++number) {
    if (tiles && read(*tiles, number)) continue;
    const auto [first, end] = tile(number);
    missing[static_cast<size_t>(number)] = end - first;
    for (int64_t chunk = first; chunk < end; ++chunk) left.push_back(chunk);
  }
  if (stopped) return false;
  const double before = 1 - static_cast<double>(left.size()) / static_cast<double>(chunks_);
  const auto scaled = [&](double fraction) { return progress(before + (1 - before) * fraction); };
  return tensors::for_each_item(
      threads, static_cast<int64_t>(left.size()),
      [&](int worker, int64_t item, const tensors::Pulse& pulse) {
        const int64_t chunk = left[static_cast<size_t>(item)], number = chunk / a_tile_;
        measure(worker, chunk, pulse);
        if (--missing[static_cast<size_t>(number)] == 0 && tiles) write(*tiles, number);
      },
      progress ? std::function<bool(double)>(scaled) : nullptr);
}

bool Filling::share(int threads, const Tiles& tiles, const Store& store,
                    const std::function<bool(double)>& progress) {
  sharing::Pieces pieces(store, "tiles/" + tensors::hexadecimal(tiles.job()), tiles_);
  const auto of_all = [&](double /*of this process*/) { return progress(pieces.part_done()); };
  // Each worker has one item: to take tiles until there are no more.
  return tensors::for_each_item(
      threads, threads,
      [&](int worker, int64_t /*item*/, const tensors::Pulse& pulse) {
        sharing::do_pieces(
            pieces,
            [&](int64_t number) {
              pulse(0);
              if (read(tiles, number)) return;
              const auto [first, end] = tile(number);
              for (int64_t chunk = first; chunk < end; ++chunk) measure(worker, chunk, pulse);
              write(tiles, number);
            },
            [&] {
              pulse(0);
              std::this_thread::sleep_for(std::chrono::milliseconds(1));
            });
      },
      progress ? std::function<bool(double)>(of_all) : nullptr);
}

Filling::Tile Filling::tile(int64_t number) const {
  return {number * a_tile_, std::min(chunks_, (number + 1) * a_tile_)};
}

bool Filling::read(const Tiles& tiles, int64_t number) {
  const auto [first, end] = tile(number);
  return tiles.read(first * chunk_, values(first, end));
}

void Filling::write(const Tiles& tiles, int64_t number) {
  const auto [first, end] = tile(number);
  tiles.write(first * chunk_, values(first, end));
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
      (problem.memory - evaluator.shared_bytes()) / std::max<int64_t>(evaluator.bytes(), 1);
  return static_cast<int>(std::max<int64_t>(1, std::min({threads, affordable, items})));
}

void fit_budget(Problem& problem, const Loop& loop, const EvaluateOptions& options) {
  if (loop.bytes() <= problem.memory) return;
  if (options.memory > 0) {
    refuse("evaluate: options.memory is ", options.memory,
           " bytes, but one network on this data needs ", loop.bytes(),
           "; allow more, or use smaller batches");
  }
  problem.memory = loop.bytes();
}

}  // namespace descent::landscape
