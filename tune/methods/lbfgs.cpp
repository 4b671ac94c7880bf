#include <algorithm>
#include <cmath>
#include <deque>
#include <utility>

#include <descent/tune/methods/lbfgs.h>

namespace descent::search {
namespace {

using Vector = std::vector<double>;

constexpr size_t kPairs = 10;
constexpr int kHalvings = 30;
constexpr double kEnoughFall = 1e-4;

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// The last changes of x and of the gradient.
class Pairs {
 public:
  void add(Vector s, Vector y) {
    const double sy = dot(s, y);
    if (!(sy > 1e-12 * dot(y, y))) return;
    if (pairs_.size() == kPairs) pairs_.pop_front();
    pairs_.push_back({std::move(s), std::move(y), 1 / sy});
  }
  void clear() { pairs_.clear(); }
  bool empty() const { return pairs_.empty(); }

  /// -H g by the two loops.
  Vector direction(const Vector& g) const {
    Vector q = g;
    std::vector<double> a(pairs_.size());
    for (size_t i = pairs_.size(); i-- > 0;) {
      a[i] = pairs_[i].rho * dot(pairs_[i].s, q);
      for (size_t j = 0; j < q.size(); ++j) q[j] -= a[i] * pairs_[i].y[j];
    }
    if (!pairs_.empty()) {
      const auto& [s, y, rho] = pairs_.back();
      const double scale = 1 / (rho * dot(y, y));
      for (double& x : q) x *= scale;
    }
    for (size_t i = 0; i < pairs_.size(); ++i) {
      const double b = pairs_[i].rho * dot(pairs_[i].y, q);
      for (size_t j = 0; j < q.size(); ++j) q[j] += (a[i] - b) * pairs_[i].s[j];
    }
    for (double& x : q) x = -x;
    return q;
  }

 private:
  struct Pair {
    Vector s, y;
    double rho;
  };
  std::deque<Pair> pairs_;
};

}  // namespace

Minimized minimize(const Slope& f, Vector x, const Box& box, double tolerance, int64_t iterations) {
  const size_t n = x.size();
  const auto into_box = [&](Vector& point) {
    for (size_t i = 0; i < n; ++i) point[i] = std::clamp(point[i], box.lo[i], box.hi[i]);
  };
  into_box(x);
  Vector gradient(n), next_gradient(n);
  Minimized result{x, f(x, gradient), false, 1};
  result.finite = std::isfinite(result.value);
  if (!result.finite) return result;
  Pairs pairs;
  for (int64_t step = 0; step < iterations; ++step) {
    // What is left of the gradient where an end of the box holds a variable.
    Vector free = gradient;
    double largest = 0;
    for (size_t i = 0; i < n; ++i) {
      const bool held = (result.x[i] <= box.lo[i] && gradient[i] > 0) ||
                        (result.x[i] >= box.hi[i] && gradient[i] < 0);
      if (held) free[i] = 0;
      largest = std::max(largest, std::abs(free[i]));
    }
    if (!(largest > tolerance)) break;
    Vector direction = pairs.direction(free);
    for (size_t i = 0; i < n; ++i)
      if (free[i] == 0) direction[i] = 0;
    if (!(dot(direction, free) < 0)) {
      pairs.clear();
      for (size_t i = 0; i < n; ++i) direction[i] = -free[i];
    }
    double length = pairs.empty() ? std::min(1.0, 1 / std::sqrt(dot(free, free))) : 1;
    Vector next;
    double value = 0;
    bool lower = false;
    for (int halving = 0; halving < kHalvings && !lower; ++halving, length /= 2) {
      next = result.x;
      for (size_t i = 0; i < n; ++i) next[i] += length * direction[i];
      into_box(next);
      double fall = 0;
      for (size_t i = 0; i < n; ++i) fall += gradient[i] * (next[i] - result.x[i]);
      value = f(next, next_gradient);
      ++result.evaluations;
      lower = std::isfinite(value) && value <= result.value + kEnoughFall * fall;
    }
    if (!lower) {
      if (pairs.empty()) break;
      pairs.clear();  // once more, along the gradient
      continue;
    }
    Vector s(n), y(n);
    for (size_t i = 0; i < n; ++i) {
      s[i] = next[i] - result.x[i];
      y[i] = next_gradient[i] - gradient[i];
    }
    if (dot(s, s) == 0) break;
    pairs.add(std::move(s), std::move(y));
    result.x = std::move(next);
    result.value = value;
    gradient = next_gradient;
  }
  return result;
}

}  // namespace descent::search
