#pragma once
#include <array>
#include <cstdint>

#include <descent/base/fields.h>

namespace descent::rules {

/// One of the rounds of philox() on the four words of a counter.
DESCENT_FN void philox_round(uint32_t& c0, uint32_t& c1, uint32_t& c2, uint32_t& c3, uint32_t low,
                             uint32_t high) {
  const uint64_t first = uint64_t{0xd2511f53} * c0;
  const uint64_t second = uint64_t{0xcd9e8d57} * c2;
  c0 = static_cast<uint32_t>(second >> 32) ^ c1 ^ low;
  c1 = static_cast<uint32_t>(second);
  c2 = static_cast<uint32_t>(first >> 32) ^ c3 ^ high;
  c3 = static_cast<uint32_t>(first);
}

/// Calls round(low, high) with the keys of the ten rounds.
template <class Round>
DESCENT_FN void for_each_philox_key(uint64_t seed, Round&& round) {
  auto low = static_cast<uint32_t>(seed), high = static_cast<uint32_t>(seed >> 32);
  for (int i = 0; i < 10; ++i) {
    round(low, high);
    low += 0x9e3779b9;
    high += 0xbb67ae85;
  }
}

/// Four random words that follow from a key and a counter alone: Philox4x32-10 of Salmon et al. 2011,
/// "Parallel random numbers: as easy as 1, 2, 3".
DESCENT_FN std::array<uint32_t, 4> philox(uint64_t seed, std::array<uint32_t, 4> counter) {
  for_each_philox_key(seed, [&](uint32_t low, uint32_t high) {
    philox_round(counter[0], counter[1], counter[2], counter[3], low, high);
  });
  return counter;
}

}  // namespace descent::rules
