#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace descent::search {

/// The parameters of the kernel s (d^2 / 3 + d + 1) exp(-d), d = sqrt(5 sum_i w_i dx_i^2), and the
/// variance of the noise.
struct Kernel {
  std::vector<double> weights;  ///< w, the inverse squared length scales
  double scale = 1;             ///< s
  double noise = 1;
};

inline constexpr double kLeastNoise = 1e-6;

/// A Gaussian process with mean 0 that is conditioned on values at points. Along sides of lists the
/// distance of two values is 0 or 1.
class GaussianProcess {
 public:
  /// Points one after the other, each of `lists.size()` numbers; lists tells which sides are lists.
  GaussianProcess(std::vector<double> points, std::vector<double> values, std::vector<bool> lists);

  size_t sides() const { return lists_.size(); }
  size_t size() const { return values_.size(); }

  /// Takes the kernel that maximises the likelihood of the values times the priors
  /// exp(-0.1 / w - 0.1 w) for each weight, Gamma(2, 1) for the scale and Gamma(1.1, 30) for the
  /// noise, beginning at `start`, or at ones if that leads to nothing. The noise is 1e-6 if
  /// `deterministic`.
  void fit(const Kernel& start, bool deterministic);
  /// Takes this kernel. False, with nothing taken, if the covariance of the points is not positive
  /// definite by it.
  bool take(const Kernel& kernel);
  const Kernel& kernel() const { return kernel_; }
  /// What fit() minimises, by the kernel's parameters: its logarithm without constants, negated.
  /// `gradient`, if not null, receives the derivatives by log w, log s and log(noise - 1e-6).
  double loss(const Kernel& kernel, std::vector<double>* gradient) const;

  struct Prediction {
    double mean = 0, variance = 0;
  };
  /// Of the function at a point, without noise.
  Prediction at(const double* point) const;
  /// The same with the derivatives by the point's numbers.
  Prediction at(const double* point, std::vector<double>& mean_slope,
                std::vector<double>& variance_slope) const;
  /// The same at many points at once, one after the other.
  std::vector<Prediction> at(const std::vector<double>& points) const;

  /// Conditions on one more point, with the value that is expected there.
  void believe(const std::vector<double>& point);

 private:
  double squared(const double* a, const double* b, size_t side) const;
  /// d of two points.
  double distance(const double* a, const double* b) const;
  bool factor(const Kernel& kernel, std::vector<double>& factor) const;

  std::vector<double> points_, values_;
  std::vector<bool> lists_;
  std::vector<double> squares_;  ///< dx^2 of each pair i > j, for each side
  Kernel kernel_;
  std::vector<double> inverse_factor_, weights_;  ///< L^-1, row by row, and K^-1 y
};

/// The logarithm of the improvement that is expected over `best`, for maximising, and its
/// derivatives by mean and deviation; also where the improvement itself is too small for a double.
struct LogImprovement {
  double value = 0, by_mean = 0, by_deviation = 0;
};
LogImprovement log_improvement(double mean, double deviation, double best);

}  // namespace descent::search
