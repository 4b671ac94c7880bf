#pragma once
#include <cstdint>
#include <functional>
#include <vector>

namespace descent::search {

/// x such that the standard normal distribution lies below x with probability p. Wichura 1988,
/// AS 241, to about 1e-16.
double inverse_normal(double p);

/// A density over the unit cube: the mixture of a kernel at each observation and of one prior
/// kernel.
///
/// Along a side of numbers a kernel is a Gaussian, truncated to [0, 1]; the prior's is N(1/2, 1).
/// The deviation of an observation's is the larger one of the gaps to its sorted neighbours, the
/// ends among them, but of the outermost of several their inner gap; it is clipped to [1 / min(100,
/// 1 + kernels), 1]. Along a side of a list with n values a kernel gives its own value the weight 1
/// + 1 / kernels and all others 1 / kernels, the prior's 1 / n each.
///
/// Weights are 1, but of more than 25 observations the oldest have linspace(1 / n, 1, n - 25).
class Parzen {
 public:
  /// `counts` holds the number of values for each side of a list, 0 for each side of numbers;
  /// observations from the oldest.
  Parzen(const std::vector<std::vector<double>>& observations, const std::vector<int64_t>& counts);

  double log_density(const std::vector<double>& point) const;
  /// The numbers of `uniform` are used in order: one for the kernel, one for each side.
  std::vector<double> draw(const std::function<double()>& uniform) const;

 private:
  struct Side {
    double middle, deviation;  // of a Gaussian; of a list the place of its own value
    double below, mass;        // of the untruncated Gaussian: below 0, and between 0 and 1
  };
  const Side& side(size_t kernel, size_t i) const { return sides_[kernel * counts_.size() + i]; }
  /// The probability of a value of a list.
  double probability(size_t kernel, size_t i, int64_t value) const;
  int64_t value_of(size_t i, double x) const;

  size_t kernels_;
  std::vector<int64_t> counts_;
  std::vector<Side> sides_;  ///< of kernel 0, of kernel 1, ...; the prior is the last
  std::vector<double> cumulative_, log_factor_;
};

/// What Parzen weighs n observations with.
std::vector<double> parzen_weights(size_t n);

}  // namespace descent::search
