#pragma once
// The numbers of 8 bits, Dettmers et al. 2022, arXiv:2110.02861: 256 entries in [-1, 1] or in [0, 1]. The
// loops and the kernels for CUDA have the same ones.
#include <array>
#include <cstdint>

#include <descent/optim/engine/sixteen_bits.h>

namespace descent::engine {

/// All entries, in ascending order. Those with signs lack -1.
constexpr std::array<float, 256> make_entries(bool with_sign) {
  constexpr double kPowers[] = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1};
  std::array<float, 256> entries{};
  std::size_t zero = with_sign ? 127 : 0, at = zero + 1;
  for (int i = 0; i < 7; ++i) {
    const int n = 1 << (with_sign ? i : i + 1);
    for (int j = 0; j < n; ++j, ++at) {
      entries[at] = static_cast<float>(kPowers[i] * (0.1 + 0.9 * (2 * j + 1) / (2.0 * n)));
      if (with_sign) entries[2 * zero - at] = -entries[at];
    }
  }
  entries[at] = 1;
  return entries;
}

}  // namespace descent::engine
