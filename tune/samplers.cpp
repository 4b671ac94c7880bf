#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>
#include <unordered_map>

#include <descent/base/random.h>
#include <descent/tune/methods/search.h>
#include <descent/tune/sampler_parts.h>

namespace descent {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument("Sampler: " + what);
}

size_t below(std::mt19937_64& bits, size_t count) {
  return std::min(static_cast<size_t>(uniform(bits) * static_cast<double>(count)), count - 1);
}

struct Shuffled : ResumedSampler::Parts {
  using Parts::Parts;

  std::vector<size_t> batch(size_t count) override {
    if (ordered != place.epoch) {
      order.resize(static_cast<size_t>(size));
      std::iota(order.begin(), order.end(), size_t{0});
      std::mt19937_64 bits = search::random_numbers(seed, place.epoch);
      for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[below(bits, i)]);
      ordered = place.epoch;
    }
    const auto first = order.begin() + place.sample;
    return {first, first + static_cast<std::ptrdiff_t>(count)};
  }

  std::vector<size_t> order;
  int64_t ordered = -1;  ///< the pass whose order it is
};

struct Curriculum : ResumedSampler::Parts {
  using Parts::Parts;

  std::vector<size_t> batch(size_t count) override {
    const auto shared = share(options, place.step) * static_cast<double>(size);
    const size_t from = std::clamp(static_cast<size_t>(std::llround(shared)), count, order.size());
    std::mt19937_64 bits = search::random_numbers(seed, place.step);
    // The first draws of a shuffle, of which only what has moved is kept.
    std::unordered_map<size_t, size_t> moved;
    const auto at = [&](size_t i) { return moved.count(i) > 0 ? moved[i] : i; };
    std::vector<size_t> indices;
    for (size_t i = 0; i < count; ++i) {
      const size_t j = i + below(bits, from - i), taken = at(j);
      moved[j] = at(i);
      indices.push_back(order[taken]);
    }
    return indices;
  }
  std::vector<size_t> order;  ///< from easy to hard
  CurriculumOptions options;
};

}  // namespace

void ResumedSampler::reset(std::optional<size_t> size) {
  Parts& p = *parts_;
  if (size && static_cast<int64_t>(*size) != p.size)
    refuse("reset() to " + std::to_string(*size) + " samples, must be " + std::to_string(p.size));
  if (p.goes_on && p.place.sample < p.size) {
    p.goes_on = false;
    return;
  }
  p.goes_on = false;
  p.place = {p.place.epoch + 1, 0, p.place.step};
}

std::optional<std::vector<size_t>> ResumedSampler::next(size_t batch_size) {
  Parts& p = *parts_;
  if (batch_size < 1) refuse("batch_size = 0, must be at least 1");
  p.goes_on = false;
  const auto left = static_cast<size_t>(p.size - p.place.sample);
  if (left == 0) return {};
  std::vector<size_t> indices = p.batch(std::min(batch_size, left));
  p.place.sample += static_cast<int64_t>(indices.size());
  ++p.place.step;
  return indices;
}

SamplerPlace ResumedSampler::place() const { return parts_->place; }

void ResumedSampler::go_to(const SamplerPlace& place) {
  Parts& p = *parts_;
  if (place.epoch < 0 || place.sample < 0 || place.sample > p.size || place.step < 0)
    refuse("no place is epoch " + std::to_string(place.epoch) + ", sample " +
           std::to_string(place.sample) + " of " + std::to_string(p.size) + ", step " +
           std::to_string(place.step));
  p.place = place;
  p.goes_on = true;
}

ShuffledSampler::ShuffledSampler(int64_t size, uint64_t seed)
    : ResumedSampler(std::make_shared<Shuffled>(size, seed)) {
  if (size < 1) refuse(fields::out_of_range("size", size, "at least 1"));
}

double share(const CurriculumOptions& options, int64_t step) {
  const double t = std::min(1.0, static_cast<double>(step) / static_cast<double>(options.steps));
  const double start = options.start;
  double result = 1;
  switch (options.pacing) {
    case Pacing::Linear:
      result = start + (1 - start) * t;
      break;
    case Pacing::Root:
      result = std::sqrt(start * start + (1 - start * start) * t);
      break;
    case Pacing::Stepwise:
      result = start * std::pow(options.increase, static_cast<double>(step / options.length));
      break;
  }
  return std::min(1.0, result);
}

CurriculumSampler::CurriculumSampler(const std::vector<double>& difficulty,
                                     const CurriculumOptions& options)
    : ResumedSampler(nullptr) {
  if (const std::string wrong = fields::problem(options); !wrong.empty()) refuse(wrong);
  if (difficulty.empty()) refuse("no difficulties, must be one for each sample");
  for (size_t i = 0; i < difficulty.size(); ++i)
    if (std::isnan(difficulty[i]))
      refuse("the difficulty of sample " + std::to_string(i) + " is nan");
  const auto parts =
      std::make_shared<Curriculum>(static_cast<int64_t>(difficulty.size()), options.seed);
  parts->options = options;
  parts->order.resize(difficulty.size());
  std::iota(parts->order.begin(), parts->order.end(), size_t{0});
  std::stable_sort(parts->order.begin(), parts->order.end(),
                   [&](size_t a, size_t b) { return difficulty[a] < difficulty[b]; });
  uint64_t hash = 14695981039346656037u;  // FNV-1a: another order is another sampler
  for (const size_t index : parts->order) hash = (hash ^ index) * 1099511628211u;
  parts->order_hash = static_cast<int64_t>(hash >> 1);
  for (const OptionInfo& option : fields::describe(options))
    parts->pacing += (parts->pacing.empty() ? "" : ",") + option.name + "=" + to_text(option.value);
  parts_ = parts;
}

}  // namespace descent
