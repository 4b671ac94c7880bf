#pragma once
// The parity problem, on which all recorded checksums were made: a separable objective that changes
// with the step t. Its scalars are numbered i = 0, 1, ... over all parameters, row-major.
//   a[i]     = 0.5 + ((7 i) mod 11)/5
//   f_t      = sum_i a[i] x[i]^2/2 - 0.15 cos(2 x[i]) + 0.2 sin(1.3 t + 0.7 i) x[i]
//   df_t[i]  = a[i] x[i] + 0.3 sin(2 x[i]) + 0.2 sin(1.3 t + 0.7 i)
#include <cmath>
#include <cstdint>

namespace replay {

struct ParityTerm {
  double loss, gradient;
};

inline ParityTerm parity_term(int64_t i, int64_t t, double x) {
  const double a = 0.5 + static_cast<double>((7 * i) % 11) / 5;
  const double drift = 0.2 * std::sin(1.3 * static_cast<double>(t) + 0.7 * static_cast<double>(i));
  return {a * x * x / 2 - 0.15 * std::cos(2 * x) + drift * x,
          a * x + 0.3 * std::sin(2 * x) + drift};
}

/// One term of C = sum_i x[i] cos(0.37 i + 0.1), the checksum of a point.
inline double checksum_term(int64_t i, double x) {
  return x * std::cos(0.37 * static_cast<double>(i) + 0.1);
}

}  // namespace replay
