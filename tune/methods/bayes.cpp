#include <algorithm>
#include <cmath>
#include <numeric>

#include <descent/base/random.h>
#include <descent/tune/methods/gaussian_process.h>
#include <descent/tune/methods/lbfgs.h>
#include <descent/tune/methods/method.h>
#include <descent/tune/methods/search.h>
#include <descent/tune/methods/sobol.h>

namespace descent::search {
namespace {

using Point = std::vector<double>;

constexpr double kLeastDeviation = 1e-10;  // of the values
constexpr double kLeastVariance = 1e-12;   // of a prediction
constexpr double kFar = 10;                // beyond the median, in its distances to the best
constexpr double kTolerance = 1e-2;
constexpr int64_t kIterations = 200;

/// The worst value that counts as it is. Beside the loss of a training that has diverged, but is
/// finite, all others would be equal.
double worst_of(const Records& records, size_t n) {
  std::vector<double> finite;
  for (size_t i = 0; i < n; ++i)
    if (std::isfinite(records[i].value)) finite.push_back(records[i].value);
  if (finite.empty()) return -kInfinity;
  std::sort(finite.begin(), finite.end());
  const double least = finite.front(), median = finite[finite.size() / 2], worst = finite.back();
  return median > least ? std::min(worst, median + kFar * (median - least)) : worst;
}

/// The values negated, with mean 0 and variance 1; what is not finite is as bad as the worst.
std::vector<double> standardised(const Records& records, size_t n) {
  const double worst = worst_of(records, n);
  double largest = 0;
  for (size_t i = 0; i < n; ++i)
    if (std::isfinite(records[i].value))
      largest = std::max(largest, std::abs(std::min(records[i].value, worst)));
  // Squares must be finite. A power of two changes no other bit.
  const double unit = largest > 0 ? std::exp2(std::floor(std::log2(largest))) : 1;
  std::vector<double> y(n);
  double mean = 0, square = 0;
  for (size_t i = 0; i < n; ++i) {
    const double value =
        std::isfinite(records[i].value) ? std::min(records[i].value, worst) : worst;
    y[i] = std::isfinite(value) ? -value / unit : 0;
    mean += y[i] / static_cast<double>(n);
  }
  for (const double x : y) square += (x - mean) * (x - mean) / static_cast<double>(n);
  const double deviation = std::max(std::sqrt(square), kLeastDeviation / unit);
  for (double& x : y) x = (x - mean) / deviation;
  return y;
}

class OfBayes final : public Search {
 public:
  OfBayes(const Bayes& options, const Setting& setting)
      : options_(options),
        space_(setting.space),
        trials_(setting.trials == 0 ? std::max(kTrials, options.startup + 1) : setting.trials),
        batch_(setting.batch),
        seed_(setting.seed) {
    if (trials_ <= options.startup)
      refuse(options.key,
             fields::out_of_range("trials", trials_,
                                  "more than startup = " + std::to_string(options.startup)));
  }

  int64_t trials() const override { return trials_; }
  int64_t needs(int64_t number) const override {
    return learnt_from(number, options_.startup, batch_);
  }

  Chosen choose(int64_t number, const Records& records) const override {
    std::mt19937_64 bits = random_numbers(seed_, number);
    if (number < options_.startup) return {uniform_point(space_.size(), bits)};
    const auto known = static_cast<size_t>(needs(number));
    std::vector<bool> lists(space_.size());
    for (size_t side = 0; side < lists.size(); ++side) lists[side] = space_.is_list(side);
    Point points;
    for (size_t i = 0; i < known; ++i)
      points.insert(points.end(), records[i].point.begin(), records[i].point.end());
    const std::vector<double> y = standardised(records, known);
    GaussianProcess process(std::move(points), y, lists);
    const Kernel last = last_kernel(records);
    // The others of a batch know what the first one of it has been fitted to.
    if (!(static_cast<size_t>(number) > known && process.take(last)))
      process.fit(last, options_.deterministic);
    for (size_t i = known; i < static_cast<size_t>(number); ++i) process.believe(records[i].point);

    // Not by y, in which values may be equal that are small beside the largest.
    const size_t best = best_trial(records, static_cast<int64_t>(known), false);
    Chosen chosen{most_improving(process, y[best], records[best].point, bits)};
    chosen.memory = process.kernel().weights;
    chosen.memory.push_back(process.kernel().scale);
    chosen.memory.push_back(process.kernel().noise);
    return chosen;
  }

 private:
  /// That of the newest trial which has noted one.
  Kernel last_kernel(const Records& records) const {
    const size_t sides = space_.size();
    for (size_t i = records.size(); i-- > 0;) {
      const std::vector<double>& memory = records[i].memory;
      if (memory.size() == sides + 2)
        return {{memory.begin(), memory.end() - 2}, memory[sides], memory[sides + 1]};
    }
    return {std::vector<double>(sides, 1.0), 1, 1};
  }

  Point most_improving(const GaussianProcess& process, double best, const Point& best_point,
                       std::mt19937_64& bits) const {
    const auto log_of = [best](const GaussianProcess::Prediction& there) {
      return log_improvement(there.mean, std::sqrt(there.variance + kLeastVariance), best);
    };
    const size_t sides = space_.size(), count = static_cast<size_t>(options_.candidates);
    std::vector<double> candidates(count * sides);
    if (sides <= kSobolDimensions) {
      std::vector<uint32_t> shifts(sides);
      for (uint32_t& shift : shifts) shift = static_cast<uint32_t>(bits() >> 32);
      candidates = sobol_points(sides, count, shifts);
    } else {
      for (double& x : candidates) x = uniform(bits);
    }
    for (size_t i = 0; i < count && !continuous(); ++i) {
      const auto begin = candidates.begin() + static_cast<std::ptrdiff_t>(i * sides);
      const Point snapped = space_.snapped({begin, begin + static_cast<std::ptrdiff_t>(sides)});
      std::copy(snapped.begin(), snapped.end(), begin);
    }
    std::vector<double> logs;
    for (const auto& there : process.at(candidates)) logs.push_back(log_of(there).value);

    // The starts: the best candidate, the best trial, and candidates drawn by their improvement.
    const auto point_of = [&](size_t i) {
      return Point(&candidates[i * sides], &candidates[i * sides] + sides);
    };
    const size_t first =
        static_cast<size_t>(std::max_element(logs.begin(), logs.end()) - logs.begin());
    std::vector<Point> starts{point_of(first)};
    if (options_.starts > 1) starts.push_back(best_point);
    std::vector<double> odds;
    for (const double log : logs) odds.push_back(std::exp(log - logs[first]));
    odds[first] = 0;
    while (starts.size() < std::min(static_cast<size_t>(options_.starts), count + 1)) {
      double left = uniform(bits) * std::accumulate(odds.begin(), odds.end(), 0.0);
      size_t i = 0;
      while (i + 1 < count && !(left < odds[i])) left -= odds[i++];
      if (odds[i] == 0) break;  // nothing is left
      starts.push_back(point_of(i));
      odds[i] = 0;
    }

    Point chosen = starts.front();
    double most = -kInfinity;
    for (const Point& start : starts) {
      const Point end = space_.snapped(climbed(process, start, log_of));
      const double log = log_of(process.at(end.data())).value;
      if (!(log > most)) continue;
      most = log;
      chosen = end;
    }
    return chosen;
  }

  /// The maximum uphill of a start, with the values of lists as they are there.
  template <class LogOf>
  Point climbed(const GaussianProcess& process, const Point& start, const LogOf& log_of) const {
    const size_t sides = space_.size();
    // In units of the length scales, so that all directions are alike.
    std::vector<double> units(sides);
    Box box{Point(sides, 0), Point(sides)};
    Point x(sides);
    for (size_t side = 0; side < sides; ++side) {
      units[side] = std::sqrt(process.kernel().weights[side]);
      x[side] = start[side] * units[side];
      box.hi[side] = units[side];
      if (space_.is_list(side)) box.lo[side] = box.hi[side] = x[side];
    }
    const auto point_of = [&](const Point& scaled) {
      Point point(sides);
      for (size_t side = 0; side < sides; ++side)
        point[side] =
            space_.is_list(side) ? start[side] : std::clamp(scaled[side] / units[side], 0.0, 1.0);
      return point;
    };
    std::vector<double> by_mean, by_variance;
    const Slope slope = [&](const Point& scaled, std::vector<double>& gradient) {
      const Point point = point_of(scaled);
      const auto there = process.at(point.data(), by_mean, by_variance);
      const LogImprovement log = log_of(there);
      const double deviation = std::sqrt(there.variance + kLeastVariance);
      for (size_t side = 0; side < sides; ++side)
        gradient[side] = -(log.by_mean * by_mean[side] +
                           log.by_deviation * by_variance[side] / (2 * deviation)) /
                         units[side];
      return -log.value;
    };
    return point_of(minimize(slope, x, box, kTolerance, kIterations).x);
  }

  bool continuous() const {
    for (size_t side = 0; side < space_.size(); ++side)
      if (space_.count(side) > 0) return false;
    return true;
  }

  Bayes options_;
  const Space& space_;
  int64_t trials_, batch_;
  uint64_t seed_;
};

}  // namespace

std::unique_ptr<Search> make_search(const Bayes& options, const Setting& setting) {
  return std::make_unique<OfBayes>(options, setting);
}

}  // namespace descent::search
