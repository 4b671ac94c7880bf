#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <span>
#include <sstream>

#include <ATen/TensorOperators.h>
#include <ATen/ops/where.h>
#include <c10/util/Exception.h>

#include <descent/landscape/evaluate/self_check.h>

namespace descent::landscape {
namespace {

using at::Tensor;

constexpr int kCheckedPoints = 3;

/// Compares two ways to compute a metric up to rounding.
class Comparison {
 public:
  Comparison(const Problem& problem, double tolerance) : problem_(problem), tolerance_(tolerance) {
    double squares = 0, count = 0;
    for (const Data& batch : problem.data) {
      if (!batch.target.is_floating_point()) continue;
      squares += batch.target.to(at::kDouble).square().sum().item<double>();
      count += static_cast<double>(batch.target.numel());
    }
    if (count > 0) target_scale_ = std::sqrt(squares / count);
  }

  /// Whether metric m came out alike.
  bool agree(size_t m, double a, double b) {
    if (!std::isfinite(a) || !std::isfinite(b)) return a == b || (std::isnan(a) && std::isnan(b));
    const MetricTraits& traits = problem_.metrics[m].traits;
    if (traits.choices) {  // rounding may turn a choice in a hundred, or one
      return std::abs(a - b) <= std::max(1.5 / problem_.batch_weights.total(m), 0.01);
    }
    ++compared;
    // Near a minimum the mean of squares amplifies rounding without bound, its root does not.
    const double gap = traits.squares ? std::abs(std::sqrt(a) - std::sqrt(b)) : std::abs(a - b);
    const double scale = traits.squares ? std::sqrt(b) + target_scale_ : std::abs(b) + 1;
    difference = std::max(difference, scale > 0 ? gap / scale : gap);
    return gap <= tolerance_ * scale;
  }

  double difference = 0;  ///< the largest, on the scale of the values
  int64_t compared = 0;   ///< numbers that are finite, choices aside: NaN is a choice as well

 private:
  const Problem& problem_;
  double tolerance_, target_scale_ = 0;
};

}  // namespace

Metric witness() {
  Metric result = cross_entropy;
  result.value = [](const Tensor& prediction, const Tensor& target) {
    if (target.scalar_type() != at::kLong) return prediction.mean();
    const Tensor known = target.clamp(0, prediction.size(1) - 1);
    return cross_entropy(prediction, at::where(target == kIgnoredClass, target, known));
  };
  return result;
}

std::string self_check(const Problem& problem, const Axis& x, const Axis& y, const char* path,
                       Evaluator& fast, Evaluator& loop, std::string* description) {
  Comparison comparison(problem,
                        problem.plane.center[0].scalar_type() == at::kDouble ? 1e-12 : 1e-5);
  std::mt19937_64 generator(2018);
  std::vector<Point> points{{0, 0}};
  for (int k = 0; k < kCheckedPoints; ++k) {
    const auto j = static_cast<int64_t>(generator() % static_cast<uint64_t>(x.n));
    const auto i = static_cast<int64_t>(generator() % static_cast<uint64_t>(y.n));
    points.push_back({x.at(j), y.at(i)});
  }
  const size_t metrics = problem.metrics.size();
  std::vector<double> quick(points.size() * metrics), sure(quick.size());
  try {
    for (size_t k = 0; k < points.size();) {
      const size_t count =
          std::min(points.size() - k, static_cast<size_t>(std::max<int64_t>(fast.chunk(), 1)));
      fast.measure(0, std::span(points).subspan(k, count), quick.data() + k * metrics);
      k += count;
    }
  } catch (const c10::Error& error) {
    return std::string("the ") + path + " path failed: " + error.what_without_backtrace();
  } catch (const std::exception& error) {
    return std::string("the ") + path + " path failed: " + error.what();
  }
  loop.measure(0, points, sure.data());
  for (size_t k = 0; k < quick.size(); ++k) {
    if (comparison.agree(k % metrics, quick[k], sure[k])) continue;
    const Point& point = points[k / metrics];
    std::ostringstream text;
    text.precision(17);
    text << "the " << path << " path failed its self-check at alpha = " << point.x
         << ", beta = " << point.y << ": " << quick[k] << " instead of " << sure[k];
    return text.str();
  }
  if (comparison.compared == 0) {
    return std::string("the ") + path + " path cannot be checked: no value there is finite";
  }
  char text[80];
  std::snprintf(text, sizeof text, "the center and %d points equal the loop within %.1e",
                kCheckedPoints, comparison.difference);
  *description = text;
  return "";
}

}  // namespace descent::landscape
