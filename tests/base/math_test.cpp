// What rules compute with that the C library does not give the same bits of everywhere.
#include <bit>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include <descent/base/math.h>

namespace {

template <class T>
void expect_root(T x) {
  const auto wanted = std::cbrt(static_cast<long double>(x));
  const T near = static_cast<T>(wanted);
  const T unit = std::nextafter(near, static_cast<T>(HUGE_VAL)) - near;
  EXPECT_LT(std::abs(descent::math::cbrt(x) - wanted), unit) << x;
}

TEST(CubeRoots, OfNumbersAreOffByLessThanAUnitInTheLastPlace) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 200000; ++i) {
    const uint64_t bits = random();
    const auto x = std::bit_cast<double>(bits >> 1);
    const auto y = std::bit_cast<float>(static_cast<uint32_t>(bits >> 33));
    if (x > 0 && std::isfinite(x)) expect_root(x);
    if (y > 0 && std::isfinite(y)) expect_root(y);
  }
}

TEST(CubeRoots, OfTheSmallestAndTheLargestNumbers) {
  for (const double x : {5e-324, 1e-310, 0x1p-1000, 0x1.fffp-1001, 2.3e-308, 1.7e308})
    expect_root(x);
  for (const float x : {1e-45f, 1e-40f, 0x1p-100f, 0x1.fffp-101f, 1.2e-38f, 3.4e38f})
    expect_root(x);
}

TEST(CubeRoots, OfZeroInfinityAndNoNumberAreThese) {
  EXPECT_EQ(descent::math::cbrt(0.0), 0);
  EXPECT_EQ(descent::math::cbrt(0.0f), 0);
  EXPECT_EQ(descent::math::cbrt(HUGE_VAL), HUGE_VAL);
  EXPECT_EQ(descent::math::cbrt(HUGE_VALF), HUGE_VALF);
  EXPECT_TRUE(std::isnan(descent::math::cbrt(std::nan(""))));
  EXPECT_TRUE(std::isnan(descent::math::cbrt(std::nanf(""))));
}

}  // namespace
