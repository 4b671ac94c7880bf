#include <algorithm>
#include <atomic>

#include <ATen/Parallel.h>
#include <omp.h>

#include <descent/optim/engine/agreed_decay.h>
#include <descent/optim/engine/cuda/launch.h>
#include <descent/optim/engine/engine.h>
#include <descent/optim/engine/phases.h>
#include <descent/tensors/numbers.h>

namespace descent {

using namespace engine;

namespace {

/// Rules with norms read a tensor twice: up to this many elements one thread does both while it is
/// in its cache.
constexpr int64_t kWhole = 65536;
/// From so many elements on, a parameter with its gradient and state does not stay in a core's cache.
constexpr int64_t kFar = 131072;

/// How many items ahead a thread fetches a span. Processors foresee the rest of a long tensor, but
/// not where the next short one lies.
constexpr std::ptrdiff_t kFetchAhead = 4;

std::atomic<int64_t> stepped_by_kernels{0};

}  // namespace

int64_t engine::cuda::parameters_stepped() { return stepped_by_kernels; }

const void* OptimizerBase::Engine::constants(const Item& item) const {
  const Numbers& numbers = numbers_[item.numbers];
  return item.type == NumberType::Double ? static_cast<const void*>(numbers.doubles.data())
                                         : numbers.floats.data();
}

const Kernels& OptimizerBase::Engine::kernels(const Item& item) const {
  const Group& group = groups_[item.group];
  return group.form
      ->kernels[group.coupled][item.type == NumberType::Double][static_cast<size_t>(isa_)];
}

/// Calls work(loops, k) with what the loops of an item's step are.
template <class Work>
void OptimizerBase::Engine::with_loops(const Item& item, const Work& work) const {
  const double decay = numbers_[item.numbers].agreed_decay;
  if (decay == 0) return work(kernels(item), constants(item));
  const AgreedDecay agreed{kernels(item), constants(item), decay};
  work(with_agreed_decay(item.type == NumberType::Double), &agreed);
}

void OptimizerBase::Engine::run(double loss) {
  scale_gradients();
  set_stable_decay();
  if (rule.weigh != nullptr) return run_jointly(loss);
  if (device_steps_ != nullptr) {
    device_steps_->run();
    stepped_by_kernels +=
        std::count_if(items_.begin(), items_.end(), [](const Item& item) { return item.on_cuda; });
  }
  step_tensors();
  if (blocks_ + norm_blocks_ == 0) return;
  if (norm_blocks_ > 0) sums_.resize(static_cast<size_t>(2 * 2 * kPieces));

  int64_t elements = 0;
  for (const auto& item : items_) elements += item.n;
  const bool alone = elements < kSerial || at::in_parallel_region();
  const int64_t threads =
      alone ? 1 : std::min<int64_t>(at::get_num_threads(), blocks_ + norm_blocks_);
  const auto work = [&](int64_t thread, int64_t count) {
    run_elementwise(thread, count);
    run_with_norms(thread, count);
  };
  if (threads <= 1) return work(0, 1);
  const auto team = static_cast<int>(threads);
#pragma omp parallel num_threads(team)
  work(omp_get_thread_num(), omp_get_num_threads());
}

/// Where n of an item's numbers lie, from `first` on. It is filled in where it stands: what is copied
/// just after it was written waits for the writes.
Span OptimizerBase::Engine::span(const Item& item, int64_t first, int64_t n) const {
  const int64_t bytes = item.type ? first * size_of(*item.type) : 0;  // of another device: all
  void* const* place = places_of(item);
  const auto next = [&] { return static_cast<char*>(*place++) + bytes; };
  Span span;
  span.p = next();
  span.g = next();
  span.s = {};
  const auto& used = groups_[item.group].form->buffers;
  for (size_t b = 0; b < rule.buffers.size(); ++b)
    if (used[b]) span.s[b] = next();
  span.n = n;
  span.is_far = item.n >= kFar;
  return span;
}

void OptimizerBase::Engine::sweep(const Item& item, int64_t first, int64_t n) const {
  with_loops(item, [&](const Kernels& loops, const void* k) {
    if (item.mixed) return sweep_layout(layout_of(item), isa_, loops, first, n, k);
    const Span part = span(item, first, n);
    if (has_16_bits(*item.type))
      sweep_short(*item.type, isa_, loops, part, k);
    else
      loops.sweep(part, k);
  });
}

void OptimizerBase::Engine::measure(const Item& item, int64_t first, int64_t n,
                                    double* sums) const {
  const Kernels& loops = kernels(item);
  const void* const k = constants(item);
  if (item.mixed) return measure_layout(layout_of(item), isa_, loops, first, n, k, sums);
  const Span part = span(item, first, n);
  if (has_16_bits(*item.type))
    measure_short(*item.type, isa_, loops, part, k, sums);
  else
    loops.measure(part, k, sums);
}

void OptimizerBase::Engine::apply(const Item& item, int64_t first, int64_t n, double trust) const {
  with_loops(item, [&](const Kernels& loops, const void* k) {
    if (item.mixed) return apply_layout(layout_of(item), isa_, loops, first, n, k, trust);
    const Span part = span(item, first, n);
    if (has_16_bits(*item.type))
      apply_short(*item.type, isa_, loops, part, k, trust);
    else
      loops.apply(part, k, trust);
  });
}

/// All threads that share a tensor ask; one of them remembers what the rule does.
double OptimizerBase::Engine::trust(const Item& item, double first, double second,
                                    bool remembers) const {
  const Numbers& numbers = numbers_[item.numbers];
  auto scalars = numbers.after;
  const double ratio =
      rule.trust(groups_[item.group].options, {first, second, item.parameter->numel()}, numbers.at,
                 scalars.data());
  if (remembers) item.state->scalars.set(scalars);
  return ratio;
}

// Flat, because calls and copies between them would take as long as a step of a hundred elements.
__attribute__((flatten)) void OptimizerBase::Engine::run_elementwise(int64_t thread,
                                                                     int64_t threads) const {
  const int64_t begin = blocks_ * thread / threads, end = blocks_ * (thread + 1) / threads;
  if (begin == end) return;
  const auto last = items_.begin() + static_cast<std::ptrdiff_t>(elementwise_);
  // Asks for the first four cache lines. No function: GCC takes one for without effect and drops it.
  const auto fetch = [](const void* start) {
    for (int line = 0; line < 4; ++line)
      __builtin_prefetch(static_cast<const char*>(start) + 64 * line);
  };
  auto item = std::upper_bound(items_.begin(), last, begin,
                               [](int64_t block, const Item& x) { return block < x.first_block; });
  for (--item; item != last && item->first_block < end; ++item) {
    if (last - item > kFetchAhead) {
      void* const* const later = places_of(item[kFetchAhead]);
      for (size_t k = 0; k < places_each_; ++k) fetch(later[k]);
    }
    const int64_t from = std::max<int64_t>(0, begin - item->first_block) * kBlock;
    const int64_t to = std::min((end - item->first_block) * kBlock, item->n);
    if (from < to) sweep(*item, from, to - from);
  }
}

// A tensor is read twice, so both times should fall into one stay in the cache. Short tensors are
// one thread's, from start to end. On a long one all threads work together, tensor after tensor;
// the second reading runs backwards, because what was read last is still there.
void OptimizerBase::Engine::run_with_norms(int64_t thread, int64_t threads) {
  const auto together = [&](const Item& item) { return item.n > kWhole && threads > 1; };
  const int64_t first_block = norm_blocks_ * thread / threads;
  const int64_t end_block = norm_blocks_ * (thread + 1) / threads;
  bool odd = false;
  for (const bool long_ones : {true, false}) {
    for (size_t at = elementwise_; at < items_.size(); ++at) {
      const Item& item = items_[at];
      if (item.n == 0 || together(item) != long_ones) continue;
      if (!long_ones && (item.first_block < first_block || item.first_block >= end_block)) continue;
      const int64_t length = piece_length(item.n), pieces = (item.n + length - 1) / length;
      const auto size = [&](int64_t i) { return std::min(length, item.n - i * length); };
      const int64_t begin = long_ones ? pieces * thread / threads : 0;
      const int64_t end = long_ones ? pieces * (thread + 1) / threads : pieces;
      // Each thread has sums of its own for short tensors. Long ones take two sets of common sums
      // in turn: a quick thread may be at the next tensor while a slow one still adds up this.
      double own[2 * kWhole / kBlock];
      double* const sums =
          !long_ones && pieces <= kWhole / kBlock ? own : sums_.data() + (odd ? 2 * kPieces : 0);
      odd = !odd;
      for (int64_t i = begin; i < end; ++i) measure(item, i * length, size(i), sums + 2 * i);
      if (long_ones) {
#pragma omp barrier
      }
      double first = 0, second = 0;
      for (int64_t i = 0; i < pieces; ++i) {
        first += sums[2 * i];
        second += sums[2 * i + 1];
      }
      const double ratio = trust(item, first, second, !long_ones || thread == 0);
      if (long_ones)
        for (int64_t i = end; i-- > begin;) apply(item, i * length, size(i), ratio);
      else
        apply(item, 0, item.n, ratio);
    }
  }
}

/// Calls work(i) for each piece, on all threads where there is enough to do.
template <class Work>
void OptimizerBase::Engine::for_each_piece(const Work& work) const {
  const auto count = static_cast<int64_t>(pieces_.size());
  const bool alone = norm_blocks_ * kBlock < kSerial || at::in_parallel_region();
  const auto threads = static_cast<int>(std::min<int64_t>(at::get_num_threads(), count));
  if (alone || threads <= 1) {
    for (int64_t i = 0; i < count; ++i) work(i);
    return;
  }
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t i = 0; i < count; ++i) work(i);
}

// All tensors are measured before any moves. The sums of pieces are added up in the order of the
// parameters, so that no thread count changes a bit.
void OptimizerBase::Engine::run_jointly(double loss) {
  pieces_.clear();
  for (const Item& item : items_)
    for (int64_t first = 0, length = piece_length(item.n); first < item.n; first += length)
      pieces_.push_back({&item, first, std::min(length, item.n - first)});
  sums_.resize(std::max(sums_.size(), 2 * pieces_.size()));
  for_each_piece([&](int64_t i) {
    const Piece& piece = pieces_[static_cast<size_t>(i)];
    measure(*piece.item, piece.first, piece.n, &sums_[static_cast<size_t>(2 * i)]);
  });
  tensors::Numbers of_tensors;
  for (const Item& item : items_)
    if (!item.type) measure_tensor(item, of_tensors);
  Totals totals{0, 0, loss};
  size_t i = 0, k = 0;
  for (const Item& item : items_) {
    double sums[2] = {0, 0};
    if (!item.type)
      for (double& sum : sums) sum = of_tensors.read()[k++];
    for (; i < pieces_.size() && pieces_[i].item == &item; ++i) {
      sums[0] += sums_[2 * i];
      sums[1] += sums_[2 * i + 1];
    }
    totals.first += sums[0];
    totals.second += sums[1];
  }
  if (items_.empty()) return;
  const std::optional<double> weight =
      rule.weigh(groups_.front().options, totals, shared_of(0).data());
  if (!weight) return;
  for_each_piece([&](int64_t j) {
    const Piece& piece = pieces_[static_cast<size_t>(j)];
    apply(*piece.item, piece.first, piece.n, *weight);
  });
  for (const Item& item : items_)
    if (!item.type) apply_tensor(item, *weight);
}

}  // namespace descent
