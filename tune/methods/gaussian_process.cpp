#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include <descent/base/fields.h>
#include <descent/tune/methods/gaussian_process.h>
#include <descent/tune/methods/lbfgs.h>

namespace descent::search {
namespace {

using Vector = std::vector<double>;

constexpr double kTolerance = 1e-2;
constexpr int64_t kIterations = 200;
const double kRootTwoPi = std::sqrt(2 * std::numbers::pi);

double matern(double d) { return (d * d / 3 + d + 1) * std::exp(-d); }

/// The lower triangle of a positive definite matrix becomes its Cholesky factor, row by row; false
/// if it is not positive definite.
bool cholesky(Vector& a, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    double* const row_i = &a[i * n];
    for (size_t j = 0; j <= i; ++j) {
      const double* const row_j = &a[j * n];
      // Four sums, which a processor adds at the same time.
      double sum[4] = {0, 0, 0, 0};
      size_t k = 0;
      for (; k + 4 <= j; k += 4)
        for (size_t l = 0; l < 4; ++l) sum[l] += row_i[k + l] * row_j[k + l];
      for (; k < j; ++k) sum[0] += row_i[k] * row_j[k];
      const double left = row_i[j] - ((sum[0] + sum[1]) + (sum[2] + sum[3]));
      if (j < i) {
        row_i[j] = left / row_j[j];
      } else {
        if (!(left > 0 && left < kInfinity)) return false;
        row_i[i] = std::sqrt(left);
      }
    }
  }
  return true;
}

/// The inverse of a lower triangle, row by row.
Vector inverse(const Vector& l, size_t n) {
  Vector x(n * n, 0);
  for (size_t i = 0; i < n; ++i) {
    double* const row = &x[i * n];
    for (size_t k = 0; k < i; ++k) {
      const double factor = l[i * n + k];
      const double* const other = &x[k * n];
      for (size_t j = 0; j <= k; ++j) row[j] -= factor * other[j];
    }
    const double pivot = l[i * n + i];
    for (size_t j = 0; j < i; ++j) row[j] /= pivot;
    row[i] = 1 / pivot;
  }
  return x;
}

/// L^-T L^-1 y.
Vector solved(const Vector& inverse_factor, const Vector& y) {
  const size_t n = y.size();
  Vector result(n, 0);
  for (size_t i = 0; i < n; ++i) {
    const double* const row = &inverse_factor[i * n];
    double sum = 0;
    for (size_t j = 0; j <= i; ++j) sum += row[j] * y[j];
    for (size_t j = 0; j <= i; ++j) result[j] += row[j] * sum;
  }
  return result;
}

}  // namespace

GaussianProcess::GaussianProcess(Vector points, Vector values, std::vector<bool> lists)
    : points_(std::move(points)), values_(std::move(values)), lists_(std::move(lists)) {
  for (size_t i = 0; i < size(); ++i)
    for (size_t j = 0; j < i; ++j)
      for (size_t side = 0; side < sides(); ++side)
        squares_.push_back(squared(&points_[i * sides()], &points_[j * sides()], side));
}

double GaussianProcess::squared(const double* a, const double* b, size_t side) const {
  const double dx = a[side] - b[side];
  return lists_[side] ? (dx == 0 ? 0.0 : 1.0) : dx * dx;
}

double GaussianProcess::distance(const double* a, const double* b) const {
  double sum = 0;
  for (size_t side = 0; side < sides(); ++side) sum += kernel_.weights[side] * squared(a, b, side);
  return std::sqrt(5 * sum);
}

bool GaussianProcess::factor(const Kernel& kernel, Vector& factor) const {
  const size_t n = size();
  factor.assign(n * n, 0);
  const double* square = squares_.data();
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < i; ++j, square += sides()) {
      double sum = 0;
      for (size_t side = 0; side < sides(); ++side) sum += kernel.weights[side] * square[side];
      factor[i * n + j] = kernel.scale * matern(std::sqrt(5 * sum));
    }
    factor[i * n + i] = kernel.scale + kernel.noise;
  }
  return cholesky(factor, n);
}

double GaussianProcess::loss(const Kernel& kernel, Vector* gradient) const {
  const size_t n = size();
  Vector l;
  if (!factor(kernel, l)) return kInfinity;
  const Vector inverse_factor = inverse(l, n);
  const Vector a = solved(inverse_factor, values_);
  double log_likelihood = -0.5 * static_cast<double>(n) * std::log(2 * std::numbers::pi);
  for (size_t i = 0; i < n; ++i) log_likelihood -= 0.5 * values_[i] * a[i] + std::log(l[i * n + i]);
  double log_prior =
      std::log(kernel.scale) - kernel.scale + 0.1 * std::log(kernel.noise) - 30 * kernel.noise;
  for (const double w : kernel.weights) log_prior -= 0.1 / w + 0.1 * w;
  if (gradient) {
    // The lower triangle of K^-1.
    Vector inverse_k(n * n, 0);
    for (size_t k = 0; k < n; ++k) {
      const double* const row = &inverse_factor[k * n];
      for (size_t i = 0; i <= k; ++i) {
        double* const to = &inverse_k[i * n];
        const double factor = row[i];
        for (size_t j = 0; j <= i; ++j) to[j] += factor * row[j];
      }
    }
    gradient->assign(sides() + 2, 0);
    const double* square = squares_.data();
    double by_scale = 0, by_noise = 0;
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < i; ++j, square += sides()) {
        double sum = 0;
        for (size_t side = 0; side < sides(); ++side) sum += kernel.weights[side] * square[side];
        const double d = std::sqrt(5 * sum), e = std::exp(-d);
        const double pull = a[i] * a[j] - inverse_k[i * n + j];  // twice a half: i, j and j, i
        by_scale += pull * kernel.scale * (d * d / 3 + d + 1) * e;
        const double slope = pull * kernel.scale * (-5.0 / 6) * (d + 1) * e;
        for (size_t side = 0; side < sides(); ++side) (*gradient)[side] += slope * square[side];
      }
      const double pull = 0.5 * (a[i] * a[i] - inverse_k[i * n + i]);
      by_scale += pull * kernel.scale;
      by_noise += pull;
    }
    for (size_t side = 0; side < sides(); ++side) {
      const double w = kernel.weights[side];
      (*gradient)[side] = -((*gradient)[side] * w + 0.1 / w - 0.1 * w);
    }
    (*gradient)[sides()] = -(by_scale + 1 - kernel.scale);
    (*gradient)[sides() + 1] = -(by_noise + 0.1 / kernel.noise - 30) * (kernel.noise - kLeastNoise);
  }
  return -(log_likelihood + log_prior);
}

bool GaussianProcess::take(const Kernel& kernel) {
  Vector l;
  if (!factor(kernel, l)) return false;
  kernel_ = kernel;
  inverse_factor_ = inverse(l, size());
  weights_ = solved(inverse_factor_, values_);
  return true;
}

void GaussianProcess::fit(const Kernel& start, bool deterministic) {
  const size_t free = sides() + (deterministic ? 1 : 2);
  const auto kernel_of = [&](const Vector& x) {
    Kernel kernel{Vector(sides()), std::exp(x[sides()]), kLeastNoise};
    for (size_t side = 0; side < sides(); ++side) kernel.weights[side] = std::exp(x[side]);
    if (!deterministic) kernel.noise += std::exp(x[sides() + 1]);
    return kernel;
  };
  const Slope slope = [&](const Vector& x, Vector& gradient) {
    Vector all;
    const double value = loss(kernel_of(x), &all);
    if (std::isfinite(value)) std::copy_n(all.begin(), free, gradient.begin());
    return value;
  };
  const Box box{Vector(free, -kInfinity), Vector(free, kInfinity)};
  const Kernel ones{Vector(sides(), 1.0), 1, deterministic ? kLeastNoise : 1};
  const double at_ones = loss(ones, nullptr);
  for (const Kernel& from : {start, ones}) {
    Vector x(free);
    for (size_t side = 0; side < sides(); ++side) x[side] = std::log(from.weights[side]);
    x[sides()] = std::log(from.scale);
    if (!deterministic) x[sides() + 1] = std::log(std::max(from.noise - kLeastNoise, 1e-12));
    const Minimized found = minimize(slope, x, box, kTolerance, kIterations);
    if (found.finite && found.value <= at_ones && take(kernel_of(found.x))) return;
  }
  take(ones);
}

GaussianProcess::Prediction GaussianProcess::at(const double* point) const {
  const size_t n = size();
  Vector k(n);
  double mean = 0, explained = 0;
  for (size_t i = 0; i < n; ++i) {
    k[i] = kernel_.scale * matern(distance(point, &points_[i * sides()]));
    mean += k[i] * weights_[i];
    const double* const row = &inverse_factor_[i * n];
    double v = 0;
    for (size_t j = 0; j <= i; ++j) v += row[j] * k[j];
    explained += v * v;
  }
  return {mean, std::max(kernel_.scale - explained, 0.0)};
}

GaussianProcess::Prediction GaussianProcess::at(const double* point, Vector& mean_slope,
                                                Vector& variance_slope) const {
  const size_t n = size();
  Vector k(n), pull(n);
  for (size_t i = 0; i < n; ++i) {
    const double d = distance(point, &points_[i * sides()]), e = std::exp(-d);
    k[i] = kernel_.scale * (d * d / 3 + d + 1) * e;
    pull[i] = kernel_.scale * (-5.0 / 3) * (d + 1) * e;  // by (x - x_i) w
  }
  const Vector solved_k = solved(inverse_factor_, k);
  Prediction result{0, kernel_.scale};
  mean_slope.assign(sides(), 0);
  variance_slope.assign(sides(), 0);
  for (size_t i = 0; i < n; ++i) {
    result.mean += k[i] * weights_[i];
    result.variance -= k[i] * solved_k[i];
    for (size_t side = 0; side < sides(); ++side) {
      if (lists_[side]) continue;
      const double slope =
          pull[i] * kernel_.weights[side] * (point[side] - points_[i * sides() + side]);
      mean_slope[side] += slope * weights_[i];
      variance_slope[side] -= 2 * slope * solved_k[i];
    }
  }
  result.variance = std::max(result.variance, 0.0);
  return result;
}

std::vector<GaussianProcess::Prediction> GaussianProcess::at(const Vector& points) const {
  constexpr size_t kAtOnce = 32;
  const size_t n = size(), count = points.size() / sides();
  std::vector<Prediction> result(count);
  Vector k(n * kAtOnce);
  for (size_t first = 0; first < count; first += kAtOnce) {
    const size_t some = std::min(kAtOnce, count - first);
    double mean[kAtOnce] = {}, explained[kAtOnce] = {};
    for (size_t i = 0; i < n; ++i) {
      double* const row = &k[i * kAtOnce];
      for (size_t p = 0; p < some; ++p) {
        row[p] =
            kernel_.scale * matern(distance(&points[(first + p) * sides()], &points_[i * sides()]));
        mean[p] += row[p] * weights_[i];
      }
    }
    for (size_t i = 0; i < n; ++i) {
      double v[kAtOnce] = {};
      for (size_t j = 0; j <= i; ++j) {
        const double factor = inverse_factor_[i * n + j];
        const double* const row = &k[j * kAtOnce];
        for (size_t p = 0; p < kAtOnce; ++p) v[p] += factor * row[p];
      }
      for (size_t p = 0; p < kAtOnce; ++p) explained[p] += v[p] * v[p];
    }
    for (size_t p = 0; p < some; ++p)
      result[first + p] = {mean[p], std::max(kernel_.scale - explained[p], 0.0)};
  }
  return result;
}

void GaussianProcess::believe(const Vector& point) {
  Vector points = points_, values = values_;
  points.insert(points.end(), point.begin(), point.end());
  values.push_back(at(point.data()).mean);
  GaussianProcess larger(std::move(points), std::move(values), lists_);
  if (larger.take(kernel_)) *this = std::move(larger);
}

LogImprovement log_improvement(double mean, double deviation, double best) {
  const double z = (mean - best) / deviation;
  // h = z Phi(z) + phi(z), of which the improvement is deviation h; Phi / h and phi / h.
  double log_h = 0, cdf_by_h = 0, pdf_by_h = 0;
  if (z < -25) {
    // With x = -z / sqrt(2): 1 + sqrt(pi / 2) z erfcx(x) = t - 3 t^2 + 15 t^3 - ..., t = 1 / z^2,
    // which is free of cancellation.
    const double t = 1 / (z * z);
    double sum = 0, term = t;
    for (int k = 1; k <= 12; ++k, term *= -static_cast<double>(2 * k - 1) * t) sum += term;
    log_h = -z * z / 2 - std::log(kRootTwoPi) + std::log(sum);
    pdf_by_h = 1 / sum;
    cdf_by_h = (sum - 1) / (z * sum);
  } else {
    const double cdf = 0.5 * std::erfc(-z / std::numbers::sqrt2);
    const double pdf = std::exp(-z * z / 2) / kRootTwoPi;
    const double h = z * cdf + pdf;
    log_h = std::log(h);
    pdf_by_h = pdf / h;
    cdf_by_h = cdf / h;
  }
  return {log_h + std::log(deviation), cdf_by_h / deviation, pdf_by_h / deviation};
}

}  // namespace descent::search
