#include <array>

#include <descent/tune/methods/sobol.h>

namespace descent::search {
namespace {

constexpr size_t kBits = 32;

/// A primitive polynomial over the numbers 0 and 1, its highest power first, and the first
/// direction numbers. The first dimension has none.
struct Direction {
  uint32_t polynomial;
  std::array<uint32_t, 8> first;
};
// Joe & Kuo 2008, new-joe-kuo-6.
constexpr Direction kDirections[kSobolDimensions] = {{1, {1}},
                                                     {3, {1}},
                                                     {7, {1, 3}},
                                                     {11, {1, 3, 1}},
                                                     {13, {1, 1, 1}},
                                                     {19, {1, 1, 3, 3}},
                                                     {25, {1, 3, 5, 13}},
                                                     {37, {1, 1, 5, 5, 17}},
                                                     {41, {1, 1, 5, 5, 5}},
                                                     {47, {1, 1, 7, 11, 19}},
                                                     {55, {1, 1, 5, 1, 1}},
                                                     {59, {1, 1, 1, 3, 11}},
                                                     {61, {1, 3, 5, 5, 31}},
                                                     {67, {1, 3, 3, 9, 7, 49}},
                                                     {91, {1, 1, 1, 15, 21, 21}},
                                                     {97, {1, 3, 1, 13, 27, 49}},
                                                     {103, {1, 1, 1, 15, 7, 5}},
                                                     {109, {1, 3, 1, 15, 13, 25}},
                                                     {115, {1, 1, 5, 5, 19, 61}},
                                                     {131, {1, 3, 7, 11, 23, 15, 103}},
                                                     {137, {1, 3, 7, 13, 13, 15, 69}},
                                                     {143, {1, 1, 3, 13, 7, 35, 63}},
                                                     {145, {1, 3, 5, 9, 1, 25, 53}},
                                                     {157, {1, 3, 1, 13, 9, 35, 107}},
                                                     {167, {1, 3, 1, 5, 27, 61, 31}},
                                                     {171, {1, 1, 5, 11, 19, 41, 61}},
                                                     {185, {1, 3, 5, 3, 3, 13, 69}},
                                                     {191, {1, 1, 7, 13, 1, 19, 1}},
                                                     {193, {1, 3, 7, 5, 13, 19, 59}},
                                                     {203, {1, 1, 3, 9, 25, 29, 41}},
                                                     {211, {1, 3, 5, 13, 23, 1, 55}},
                                                     {213, {1, 3, 7, 3, 13, 59, 17}}};

using Numbers = std::array<uint32_t, kBits>;

Numbers direction_numbers(size_t dimension) {
  Numbers v{};
  const auto& [polynomial, first] = kDirections[dimension];
  size_t degree = 0;
  while (polynomial >> (degree + 1) != 0) ++degree;
  for (size_t j = 0; j < kBits; ++j) {
    uint32_t m = 1;
    if (dimension > 0 && j < degree) {
      m = first[j];
    } else if (dimension > 0) {
      m = v[j - degree] ^ (v[j - degree] << degree);
      for (size_t k = 1; k < degree; ++k)
        if (polynomial >> (degree - k) & 1) m ^= v[j - k] << k;
    }
    v[j] = m;
  }
  for (size_t j = 0; j < kBits; ++j) v[j] <<= kBits - 1 - j;
  return v;
}

}  // namespace

std::vector<double> sobol_points(size_t dimensions, size_t count,
                                 const std::vector<uint32_t>& shifts) {
  std::vector<double> points(count * dimensions);
  for (size_t d = 0; d < dimensions; ++d) {
    const Numbers v = direction_numbers(d);
    uint32_t x = 0;
    for (size_t i = 0; i < count; ++i) {
      points[i * dimensions + d] = static_cast<double>(x ^ shifts[d]) * 0x1p-32;
      size_t lowest = 0;  // of the zero bits of i
      while (i >> lowest & 1) ++lowest;
      x ^= v[lowest];
    }
  }
  return points;
}

}  // namespace descent::search
