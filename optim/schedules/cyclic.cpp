#include <algorithm>
#include <cmath>

#include <c10/util/Exception.h>

#include <descent/optim/schedules/cyclic.h>
#include <descent/optim/schedules/wave.h>

namespace descent {

double CosineAnnealingWarmRestarts::at(double base, int64_t n) const {
  double T_i = static_cast<double>(T_0), T_cur = static_cast<double>(n);
  if (T_mult == 1) T_cur = static_cast<double>(n % T_0);
  for (; T_cur >= T_i; T_i *= static_cast<double>(T_mult)) T_cur -= T_i;
  return eta_min + (base - eta_min) * half_wave(T_cur / T_i);
}

/// Where a cycle through these values is at n.
double OneCycleLR::anneal(int64_t n, std::array<double, 4> through) const {
  TORCH_CHECK(n <= total_steps, name, ": n = ", n, ", must be at most total_steps = ", total_steps);
  const auto N = static_cast<double>(total_steps), x = static_cast<double>(n);
  std::array<double, 3> ends{pct_start * N - 1, 2 * pct_start * N - 2, N - 1};
  const size_t last = three_phase ? 2 : 1;
  ends[last] = N - 1;
  double begin = 0;
  size_t phase = 0;
  while (phase < last && x > ends[phase]) begin = ends[phase++];
  const double length = ends[phase] - begin, from = through[phase], to = through[phase + 1];
  const double p = length == 0 ? 1 : (x - begin) / length;
  return anneal_strategy == AnnealStrategy::Cos ? to + (from - to) * half_wave(p)
                                                : from + (to - from) * std::min(p, 1.0);
}
double OneCycleLR::at(const BaseRate& base, int64_t n) const {
  const double max = max_lr.of(base.group), initial = max / div_factor;
  const double min = initial / final_div_factor;
  return anneal(n, {initial, max, three_phase ? initial : min, min});
}
std::optional<double> OneCycleLR::momentum(size_t group, int64_t n) const {
  if (!cycle_momentum) return {};
  const double low = base_momentum.of(group), high = max_momentum.of(group);
  return anneal(n, {high, low, high, high});
}

/// How far above base_lr, and below max_momentum, the cycle is at n: 1 all the way, at first.
double CyclicLR::height(int64_t n) const {
  const auto up = static_cast<double>(step_size_up), x = static_cast<double>(n);
  const double total = up + static_cast<double>(step_size_down.value_or(step_size_up));
  const double cycle = std::floor(1 + x / total), peak = up / total;
  const double p = 1 + x / total - cycle;
  const double line = p <= peak ? p / peak : (p - 1) / (peak - 1);
  switch (mode) {
    case CyclicMode::Triangular2:
      return line / std::pow(2, cycle - 1);
    case CyclicMode::ExpRange:
      return line * std::pow(gamma, x);
    default:
      return line;
  }
}
double CyclicLR::at(const BaseRate& base, int64_t n) const {
  const double low = base_lr.of(base.group);
  return low + (max_lr.of(base.group) - low) * height(n);
}
std::optional<double> CyclicLR::momentum(size_t group, int64_t n) const {
  if (!cycle_momentum) return {};
  const double high = max_momentum.of(group);
  return high - (high - base_momentum.of(group)) * height(n);
}

}  // namespace descent
