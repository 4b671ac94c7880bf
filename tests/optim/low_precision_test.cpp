// 16-bit numbers and sums of squares, on every instruction set.
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <gtest/gtest.h>

#include <descent/base/pass.h>
#include <descent/optim/engine/low_precision.h>
#include <descent/optim/engine/norms.h>

namespace low_precision_test {
namespace {

using namespace descent::engine;

std::vector<Isa> instruction_sets() {
  std::vector<Isa> list{Isa::Baseline};
  if (descent::supported(descent::Pass::V3)) list.push_back(Isa::V3);
  if (descent::supported(descent::Pass::V4)) list.push_back(Isa::V4);
  return list;
}

float widened(NumberType type, uint16_t bits) {
  if (type == NumberType::BFloat16) return c10::BFloat16(bits, c10::BFloat16::from_bits());
  return c10::Half(bits, c10::Half::from_bits());
}
uint16_t rounded(NumberType type, float x) {
  return type == NumberType::BFloat16 ? c10::BFloat16(x).x : c10::Half(x).x;
}

TEST(ShortNumbers, WidenAsLibTorchWidensThemAllOfThem) {
  std::vector<uint16_t> all(65536);
  std::iota(all.begin(), all.end(), 0);
  for (const NumberType type : {NumberType::BFloat16, NumberType::Half})
    for (const Isa isa : instruction_sets()) {
      std::vector<float> wide(all.size());
      widen(type, isa, all.data(), wide.data(), 65536);
      for (size_t i = 0; i < all.size(); ++i) {
        const float wanted = widened(type, all[i]);
        if (std::isnan(wanted))
          ASSERT_TRUE(std::isnan(wide[i])) << i;
        else
          ASSERT_EQ(std::bit_cast<uint32_t>(wide[i]), std::bit_cast<uint32_t>(wanted)) << i;
      }
    }
}

/// Every 16-bit number, the middles between neighbours, and what is next to those; all exponents,
/// and random bits.
std::vector<float> floats(NumberType type) {
  std::vector<float> list;
  const float inf = std::numeric_limits<float>::infinity();
  for (uint32_t i = 0; i < 65536; ++i) {
    const float x = widened(type, static_cast<uint16_t>(i));
    list.push_back(x);
    if (!std::isfinite(x) || !std::isfinite(widened(type, static_cast<uint16_t>(i + 1)))) continue;
    const float middle = (x + widened(type, static_cast<uint16_t>(i + 1))) / 2;
    for (const float y : {middle, std::nextafter(middle, -inf), std::nextafter(middle, inf),
                          std::nextafter(x, -inf), std::nextafter(x, inf)})
      list.push_back(y);
  }
  for (uint32_t exponent = 0; exponent < 256; ++exponent)
    for (const uint32_t mantissa :
         {0u, 1u, 0x400000u, 0x7fffffu, 0x1000u, 0xfffu, 0x8000u, 0x7fffu})
      for (const uint32_t sign : {0u, 0x80000000u})
        list.push_back(std::bit_cast<float>(sign | exponent << 23 | mantissa));
  for (const float x : {65503.0F, 65504.0F, 65519.996F, 65520.0F, 65536.0F, 1e38F, 3.4e38F})
    for (const float sign : {1.0F, -1.0F}) list.push_back(sign * x);
  std::mt19937 random(11);
  for (int i = 0; i < 300000; ++i)
    list.push_back(std::bit_cast<float>(static_cast<uint32_t>(random())));
  return list;
}

TEST(ShortNumbers, RoundAsLibTorchRoundsThem) {
  for (const NumberType type : {NumberType::BFloat16, NumberType::Half}) {
    const std::vector<float> list = floats(type);
    for (const Isa isa : instruction_sets()) {
      std::vector<uint16_t> bits(list.size());
      round(type, isa, list.data(), bits.data(), static_cast<int64_t>(list.size()));
      for (size_t i = 0; i < list.size(); ++i) {
        if (std::isnan(list[i]))
          ASSERT_TRUE(std::isnan(widened(type, bits[i]))) << i;
        else
          ASSERT_EQ(bits[i], rounded(type, list[i])) << std::hexfloat << list[i];
      }
    }
  }
}

TEST(ShortNumbers, AreConvertedUpToTheirLengthAndNoFurther) {
  for (const NumberType type : {NumberType::BFloat16, NumberType::Half})
    for (const Isa isa : instruction_sets())
      for (int64_t n = 0; n < 70; ++n) {
        const std::vector<float> ones(80, 1.0F);
        std::vector<uint16_t> bits(80, 0xabcd);
        round(type, isa, ones.data(), bits.data(), n);
        std::vector<float> wide(80, 7.0F);
        widen(type, isa, bits.data(), wide.data(), n);
        for (int64_t i = 0; i < 80; ++i) {
          EXPECT_EQ(bits[static_cast<size_t>(i)], i < n ? rounded(type, 1.0F) : 0xabcd);
          EXPECT_EQ(wide[static_cast<size_t>(i)], i < n ? 1.0F : 7.0F);
        }
      }
}

template <class T>
void expect_sums(NumberType type) {
  std::mt19937 random(3);
  std::normal_distribution<T> normal;
  std::vector<T> x(100001);
  for (T& value : x) value = normal(random);
  for (const int64_t n : {0, 1, 31, 32, 33, 4095, 4096, 4097, 8192, 100000}) {
    long double exact = 0;
    for (int64_t i = 0; i < n; ++i) {
      const long double value = x[static_cast<size_t>(i) + 1];
      exact += value * value;
    }
    const double baseline = square_sum(type, Isa::Baseline, x.data() + 1, n);
    // Each of 32 partial sums of a block adds up at most 128 numbers.
    const double bound = 128 * std::numeric_limits<T>::epsilon() * static_cast<double>(exact);
    EXPECT_NEAR(baseline, static_cast<double>(exact), bound) << n;
    for (const Isa isa : instruction_sets())
      EXPECT_EQ(square_sum(type, isa, x.data() + 1, n), baseline) << n;
  }
}

TEST(SquareSums, AreTheSameOnEveryInstructionSetAndNearTheTruth) {
  expect_sums<float>(NumberType::Float);
  expect_sums<double>(NumberType::Double);
}

TEST(SquareSums, DoNotOverflowInTheSumOfManyFloats) {
  const std::vector<float> large(1 << 16, 1e18F);
  EXPECT_NEAR(square_sum(NumberType::Float, Isa::Baseline, large.data(), 1 << 16),
              std::ldexp(1e36, 16), 1e35);
}

TEST(Pieces, AreWholeBlocksAndNotTooMany) {
  for (const int64_t n :
       {int64_t{0}, int64_t{1}, kBlock - 1, kBlock, kBlock + 1, kPieces * kBlock - 1,
        kPieces * kBlock, kPieces * kBlock + 1, int64_t{23000000}, int64_t{1} << 40}) {
    const int64_t piece = piece_length(n);
    EXPECT_GT(piece, 0);
    EXPECT_EQ(piece % kBlock, 0) << n;
    EXPECT_LE((n + piece - 1) / piece, kPieces) << n;
    // No longer than needed: one block less would be too many pieces.
    if (piece > kBlock) {
      const int64_t shorter = piece - kBlock;
      EXPECT_GT((n + shorter - 1) / shorter, kPieces) << n;
    }
  }
  EXPECT_EQ(piece_length(kPieces * kBlock), kBlock);
  EXPECT_GT(piece_length(kPieces * kBlock + 1), kBlock);
}

}  // namespace
}  // namespace low_precision_test
