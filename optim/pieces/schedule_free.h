#pragma once
#include <descent/optim/engine/rule.h>

namespace descent::rules {

/// What a group of a schedule-free rule remembers: its steps k, and of their weights
///   w = k^r lr_max^weight_lr_power,  lr_max the largest rate so far
/// the sum.
struct FreeSchedule {
  double k = 0, weight_sum = 0, lr_max = -1;
  DESCENT_BUFFERS(k, weight_sum, lr_max)

  template <class Options>
  double weight(const Options& o) const {
    return std::pow(k, o.r) * std::pow(lr_max, o.weight_lr_power);
  }
  /// Counts a step of rate l.
  template <class Options>
  void count(const Options& o, double l) {
    k += 1;
    lr_max = std::fmax(l, lr_max);
    weight_sum += weight(o);
  }
  /// c, the part of the last step's point in the average.
  template <class Options>
  double part(const Options& o) const {
    return weight_sum == 0 ? 0 : weight(o) / weight_sum;
  }
};

/// D <- D + wd y;   y <- y + c (z - y) + a D;   z <- z - l D,   a = l (b (1 - c) - 1)
template <class T, class S>
DESCENT_FN void free_step(T& y, T& z, const T& gradient, const S& decay, const S& c, const S& a,
                          const S& l) {
  const T direction = gradient + decay * y;
  y = (y + c * (z - y)) + a * direction;
  z = z - l * direction;
}

/// Moves p from where it trains, y = x + (1 - b) (z - x), to the average x, or back; z is the first
/// buffer.
void change_weights(const TensorStep& step, double b, bool training);

}  // namespace descent::rules
