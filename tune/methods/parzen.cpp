#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>

#include <descent/base/fields.h>
#include <descent/tune/methods/parzen.h>

namespace descent::search {
namespace {

constexpr size_t kFullWeights = 25;  // of the youngest observations

// The coefficients of AS 241, from the highest power.
constexpr std::array<double, 8> kMiddleTop{
    2509.0809287301227, 33430.57558358813,  67265.7709270087,   45921.95393154987,
    13731.69376550946,  1971.5909503065513, 133.14166789178438, 3.3871328727963665};
constexpr std::array<double, 8> kMiddleBottom{
    5226.495278852854, 28729.085735721943, 39307.89580009271, 21213.794301586597,
    5394.196021424751, 687.1870074920579,  42.31333070160091, 1.0};
constexpr std::array<double, 8> kOuterTop{
    0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684,
    3.6478483247632045,    5.769497221460691,    4.630337846156546,  1.4234371107496835};
constexpr std::array<double, 8> kOuterBottom{
    1.0507500716444169e-09, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008,
    0.6897673349851,        1.6763848301838038,    2.053191626637759,    1.0};
constexpr std::array<double, 8> kTailTop{
    2.0103343992922881e-07, 2.7115555687434876e-05, 0.0012426609473880784, 0.026532189526576124,
    0.29656057182850487,    1.7848265399172913,     5.463784911164114,     6.657904643501103};
constexpr std::array<double, 8> kTailBottom{
    2.0442631033899397e-15, 1.421511758316446e-07, 1.8463183175100548e-05, 0.0007868691311456133,
    0.014875361290850615,   0.1369298809227358,    0.599832206555888,      1.0};

double polynomial(const std::array<double, 8>& coefficients, double x) {
  double sum = 0;
  for (const double c : coefficients) sum = sum * x + c;
  return sum;
}

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

/// The deviations of the kernels at x.
std::vector<double> deviations(const std::vector<double>& x) {
  const size_t n = x.size();
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return x[a] < x[b]; });
  const auto at = [&](size_t i) {  // with both ends
    return i == 0 ? 0.0 : i == n + 1 ? 1.0 : x[order[i - 1]];
  };
  const double least = 1 / std::min(100.0, static_cast<double>(n) + 2);
  std::vector<double> result(n);
  for (size_t i = 1; i <= n; ++i) {
    double gap = std::max(at(i) - at(i - 1), at(i + 1) - at(i));
    if (n >= 2 && i == 1) gap = at(2) - at(1);
    if (n >= 2 && i == n) gap = at(n) - at(n - 1);
    result[order[i - 1]] = std::clamp(gap, least, 1.0);
  }
  return result;
}

}  // namespace

double inverse_normal(double p) {
  const double q = p - 0.5;
  if (std::abs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return polynomial(kMiddleTop, r) * q / polynomial(kMiddleBottom, r);
  }
  const double r = std::sqrt(-std::log(q <= 0 ? p : 1 - p));
  const double x = r <= 5 ? polynomial(kOuterTop, r - 1.6) / polynomial(kOuterBottom, r - 1.6)
                          : polynomial(kTailTop, r - 5) / polynomial(kTailBottom, r - 5);
  return q < 0 ? -x : x;
}

std::vector<double> parzen_weights(size_t n) {
  std::vector<double> weights(n, 1.0);
  const size_t old = n > kFullWeights ? n - kFullWeights : 0;
  const double first = 1 / static_cast<double>(n);
  for (size_t i = 0; i < old; ++i) {
    const double way = old == 1 ? 0 : static_cast<double>(i) / static_cast<double>(old - 1);
    weights[i] = first + way * (1 - first);
  }
  return weights;
}

Parzen::Parzen(const std::vector<std::vector<double>>& observations,
               const std::vector<int64_t>& counts)
    : kernels_(observations.size() + 1), counts_(counts) {
  const size_t n = observations.size();
  sides_.resize(kernels_ * counts_.size());
  std::vector<double> weights = parzen_weights(n);
  weights.push_back(1);
  const double all = std::accumulate(weights.begin(), weights.end(), 0.0);
  double sum = 0;
  for (const double w : weights) {
    cumulative_.push_back(sum += w / all);
    log_factor_.push_back(std::log(w / all));
  }
  for (size_t i = 0; i < counts_.size(); ++i) {
    std::vector<double> x(n);
    for (size_t k = 0; k < n; ++k) x[k] = observations[k][i];
    std::vector<double> sigma = counts_[i] > 0 ? std::vector<double>(n, 1.0) : deviations(x);
    x.push_back(0.5);
    sigma.push_back(1);
    for (size_t k = 0; k < kernels_; ++k) {
      Side& s = sides_[k * counts_.size() + i];
      s = {x[k], sigma[k], 0, 1};
      if (counts_[i] > 0) continue;
      s.below = normal_cdf(-x[k] / sigma[k]);
      s.mass = normal_cdf((1 - x[k]) / sigma[k]) - s.below;
      log_factor_[k] -= std::log(sigma[k] * s.mass * std::sqrt(2 * std::numbers::pi));
    }
  }
}

int64_t Parzen::value_of(size_t i, double x) const {
  return std::min(static_cast<int64_t>(x * static_cast<double>(counts_[i])), counts_[i] - 1);
}

double Parzen::probability(size_t kernel, size_t i, int64_t value) const {
  const auto n = static_cast<double>(counts_[i]), kernels = static_cast<double>(kernels_);
  if (kernel + 1 == kernels_) return 1 / n;
  const bool own = value == value_of(i, side(kernel, i).middle);
  return ((own ? 1.0 : 0.0) + 1 / kernels) / (1 + n / kernels);
}

double Parzen::log_density(const std::vector<double>& point) const {
  std::vector<double> logs(kernels_);
  for (size_t k = 0; k < kernels_; ++k) {
    double log = log_factor_[k];
    for (size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] > 0) {
        log += std::log(probability(k, i, value_of(i, point[i])));
      } else {
        const double z = (point[i] - side(k, i).middle) / side(k, i).deviation;
        log -= 0.5 * z * z;
      }
    }
    logs[k] = log;
  }
  const double most = *std::max_element(logs.begin(), logs.end());
  double sum = 0;
  for (const double log : logs) sum += std::exp(log - most);
  return most + std::log(sum);
}

std::vector<double> Parzen::draw(const std::function<double()>& uniform) const {
  const double u = uniform();
  size_t kernel = 0;
  while (kernel + 1 < kernels_ && !(u < cumulative_[kernel])) ++kernel;
  std::vector<double> point(counts_.size());
  for (size_t i = 0; i < counts_.size(); ++i) {
    const double v = uniform();
    const Side& s = side(kernel, i);
    if (counts_[i] > 0) {
      int64_t value = 0;
      double sum = probability(kernel, i, 0);
      while (value + 1 < counts_[i] && !(v < sum)) sum += probability(kernel, i, ++value);
      point[i] = (static_cast<double>(value) + 0.5) / static_cast<double>(counts_[i]);
    } else {
      const double x = s.middle + s.deviation * inverse_normal(s.below + v * s.mass);
      point[i] = std::clamp(x, 0.0, 1.0);
    }
  }
  return point;
}

}  // namespace descent::search
