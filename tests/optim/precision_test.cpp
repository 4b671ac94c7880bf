// The base options: parameters and states that are kept in fewer bits than they are computed in.
#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <numeric>
#include <random>
#include <sstream>

#include <ATen/core/PhiloxRNGEngine.h>
#include <gmock/gmock.h>

#include <descent/optim.h>
#include <descent/optim/engine/codes.h>
#include <descent/optim/engine/stored.h>
#include <descent/optim/pieces/philox.h>

#include "../replay/parity.h"
#include "checks.h"
#include "wrapping.h"

namespace precision_test {
namespace {

using namespace checks;
using namespace descent::engine;
using descent::BaseOptions;
using descent::Master;
using testing::HasSubstr;
using testing::IsEmpty;
using wrapping::refusal;

std::vector<Isa> instruction_sets() {
  std::vector<Isa> list{Isa::Baseline};
  if (descent::supported(descent::Pass::V3)) list.push_back(Isa::V3);
  if (descent::supported(descent::Pass::V4)) list.push_back(Isa::V4);
  return list;
}
float float_of(uint32_t bits) { return std::bit_cast<float>(bits); }
uint32_t bits_of(float x) { return std::bit_cast<uint32_t>(x); }

// ---- the lower bits of a parameter

TEST(Remainder, SplitsAFloatIntoTheNearestBFloat16AndItsLowerBits) {
  struct Row {
    uint32_t whole;
    uint16_t upper, lower;
  };
  for (const Isa isa : instruction_sets())
    for (const Row& row : {Row{0x3f800000, 0x3f80, 0x0000}, Row{0x3f807fff, 0x3f80, 0x7fff},
                           Row{0x3f808000, 0x3f81, 0x8000}, Row{0x3f80ffff, 0x3f81, 0xffff},
                           Row{0xbf808000, 0xbf81, 0x8000}, Row{0x7f7fffff, 0x7f80, 0xffff},
                           Row{0x00008000, 0x0001, 0x8000}, Row{0xff800000, 0xff80, 0x0000}}) {
      const float whole = float_of(row.whole);
      uint16_t upper = 1, lower = 1;
      split(isa, &whole, &upper, &lower, 1);
      EXPECT_EQ(upper, row.upper) << std::hex << row.whole;
      EXPECT_EQ(lower, row.lower) << std::hex << row.whole;
      float back = 0;
      join(isa, &upper, &lower, &back, 1);
      EXPECT_EQ(bits_of(back), row.whole);
    }
}

TEST(Remainder, BringsEveryFloatBack) {
  constexpr uint32_t kPart = 1 << 16;
  std::vector<float> back(kPart);
  std::vector<uint16_t> upper(kPart), lower(kPart);
  const Isa isa = instruction_sets().back();
  const at::Tensor ends = at::arange(int64_t{kPart}, at::kInt);
  for (uint32_t part = 0; part < 0x10000; ++part) {
    const at::Tensor bits = ends + static_cast<int32_t>(part << 16);
    const auto* const whole = static_cast<const float*>(bits.const_data_ptr());
    split(isa, whole, upper.data(), lower.data(), kPart);
    join(isa, upper.data(), lower.data(), back.data(), kPart);
    if (std::memcmp(whole, back.data(), kPart * sizeof(float)) == 0) continue;
    for (uint32_t i = 0; i < kPart; ++i) {
      if (!std::isnan(whole[i])) {
        ASSERT_EQ(bits_of(back[i]), bits_of(whole[i]));
        continue;
      }
      ASSERT_TRUE(std::isnan(back[i]));
      ASSERT_EQ(upper[i], (part & 0xffff) | 0x40);
      ASSERT_EQ(lower[i], 0);
    }
  }
}

TEST(Remainder, IsTheSameOnEveryInstructionSet) {
  std::mt19937 random(5);
  std::vector<float> whole(100003);
  for (float& x : whole) x = float_of(static_cast<uint32_t>(random()));
  const auto n = static_cast<int64_t>(whole.size());
  std::vector<uint16_t> first_upper(whole.size()), first_lower(whole.size());
  split(Isa::Baseline, whole.data(), first_upper.data(), first_lower.data(), n);
  for (const Isa isa : instruction_sets()) {
    std::vector<uint16_t> upper(whole.size()), lower(whole.size());
    split(isa, whole.data(), upper.data(), lower.data(), n);
    EXPECT_EQ(upper, first_upper);
    EXPECT_EQ(lower, first_lower);
  }
}

// ---- rounding by chance

/// The random bits of element e: x with so many lower bits is rounded up from 2^16 - r on.
uint32_t random_bits(Isa isa, const Draw& draw, int64_t e) {
  const int64_t first = e / 8 * 8;
  for (uint32_t r = 0;; ++r) {
    std::vector<float> x(8, float_of(0x3f810000 - r));
    std::vector<uint16_t> to(8);
    round_by_chance(isa, x.data(), to.data(), draw, first, 8);
    // Ones less than 0x3f81 and r below it: up to it needs r random ones.
    if (r > 0 && to[static_cast<size_t>(e % 8)] != 0x3f81) return r - 1;
    if (r == 0xffff) return r;
  }
}

TEST(StochasticRounding, DrawsTheWordsOfPhilox) {
  using Words = std::array<uint32_t, 4>;
  EXPECT_EQ(descent::rules::philox(0, {0, 0, 0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(
      descent::rules::philox(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
      (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
  for (const uint64_t block : {uint64_t{0}, uint64_t{7}, uint64_t{1} << 33}) {
    at::Philox4_32 theirs(77, 3 + (uint64_t{9} << 32), block);
    for (const uint32_t word : descent::rules::philox(
             77, {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 3, 9}))
      EXPECT_EQ(word, theirs());
  }
}

TEST(StochasticRounding, TakesSixteenBitsAnElement) {
  const std::vector<uint32_t> wanted{0x8f7e, 0x474c, 0x80b6, 0x49ad, 0x7f8d,
                                     0xb128, 0x2ebc, 0x1251, 0x911c, 0xc0ca};
  for (const Isa isa : instruction_sets()) {
    for (size_t e = 0; e < wanted.size(); ++e)
      EXPECT_EQ(random_bits(isa, {5, 0, 1}, static_cast<int64_t>(e)), wanted[e]) << e;
    EXPECT_EQ(random_bits(isa, {(uint64_t{1} << 40) + 3, 2, 7}, 1000003), 0xe0c9U);
  }
}

TEST(StochasticRounding, RoundsInProportionAndKeepsWhatIsExact) {
  // The draws of seed 5: an element whose r is at least 0xc000, and one where it is less.
  const Draw draw{5, 0, 1};
  std::vector<float> x(10, float_of(0x3f804000));
  std::vector<uint16_t> to(10);
  for (const Isa isa : instruction_sets()) {
    round_by_chance(isa, x.data(), to.data(), draw, 0, 10);
    EXPECT_EQ(to[9], 0x3f81);  // r = c0ca
    EXPECT_EQ(to[5], 0x3f80);  // r = b128
    for (const auto& [from, low, high] :
         {std::tuple{0xbf80ffffU, 0xbf81, 0xbf81}, std::tuple{0x7f7fffffU, 0x7f80, 0x7f80},
          std::tuple{0x3f800000U, 0x3f80, 0x3f80}, std::tuple{0x7f800000U, 0x7f80, 0x7f80},
          std::tuple{0xff800000U, 0xff80, 0xff80}, std::tuple{0x80000000U, 0x8000, 0x8000}}) {
      std::vector<float> same(10, float_of(from));
      round_by_chance(isa, same.data(), to.data(), draw, 0, 10);
      for (const uint16_t bits : to) {
        EXPECT_GE(bits, low);
        EXPECT_LE(bits, high);
      }
    }
    std::vector<float> none(10, std::numeric_limits<float>::quiet_NaN());
    round_by_chance(isa, none.data(), to.data(), draw, 0, 10);
    for (const uint16_t bits : to) EXPECT_EQ(bits & 0x7fff, 0x7fc0);
  }
}

TEST(StochasticRounding, IsRightOnAverageAndTheSameOnEveryInstructionSet) {
  constexpr int64_t kDraws = 100000;
  for (const uint32_t low : {0x0001U, 0x2000U, 0x8000U, 0xfff0U}) {
    const std::vector<float> x(kDraws, float_of(0x3f800000 | low));
    std::vector<uint16_t> first(kDraws), to(kDraws);
    round_by_chance(Isa::Baseline, x.data(), first.data(), {11, 4, 2}, 0, kDraws);
    double up = 0;
    for (const uint16_t bits : first) up += bits == 0x3f81;
    const double p = low / 65536.0;
    EXPECT_NEAR(up / kDraws, p, 3 * std::sqrt(p * (1 - p) / kDraws)) << low;
    for (const Isa isa : instruction_sets()) {
      // In two parts, as two threads do it.
      round_by_chance(isa, x.data(), to.data(), {11, 4, 2}, 0, 4096);
      round_by_chance(isa, x.data() + 4096, to.data() + 4096, {11, 4, 2}, 4096, kDraws - 4096);
      EXPECT_EQ(to, first);
    }
  }
}

// ---- kernels for CUDA

TEST(CudaFormats, FollowWhatIsKeptOfAParameter) {
  using descent::engine::cuda::Format;
  struct Case {
    at::ScalarType type;
    BaseOptions base;
    bool decays_last;
    Format format;
  };
  const BaseOptions plain, param{.state_dtype = descent::StateDtype::Param};
  const BaseOptions remainder{.master = Master::Remainder};
  const BaseOptions chance{.rounding = descent::Rounding::Stochastic}, eight{.state_bits = 8};
  const std::vector<Case> cases{{at::kFloat, plain, false, Format::Float},
                                {at::kFloat, plain, true, Format::Mixed},
                                {at::kFloat, param, false, Format::Float},
                                {at::kFloat, eight, false, Format::Mixed},
                                {at::kDouble, plain, false, Format::Double},
                                {at::kDouble, plain, true, Format::Double},
                                {at::kBFloat16, plain, false, Format::BFloat16FloatState},
                                {at::kBFloat16, param, false, Format::BFloat16},
                                {at::kBFloat16, param, true, Format::Mixed},
                                {at::kBFloat16, remainder, false, Format::Mixed},
                                {at::kBFloat16, chance, false, Format::Mixed},
                                {at::kHalf, plain, false, Format::HalfFloatState},
                                {at::kHalf, param, false, Format::Half},
                                {at::kHalf, eight, false, Format::Mixed}};
  const RuleTable& rule = descent::find_rule("adamw");
  const auto options = rule.make_options(nullptr);
  const RuleForm& form = form_of(rule, options.get());
  for (const Case& x : cases) {
    const at::Tensor p = at::zeros({64, 65}, x.type);
    EXPECT_EQ(format_for(rule, form, p, x.base, x.decays_last), x.format)
        << x.type << " " << static_cast<int>(x.format);
    EXPECT_EQ(format_for(rule, form, p.t(), x.base, x.decays_last).has_value(),
              !needs_order(p, x.base));
  }
  // Too small for 8 bits.
  EXPECT_EQ(format_for(rule, form, at::zeros({4095}), eight, false), Format::Float);
  EXPECT_FALSE(format_for(rule, form, at::zeros({3}, at::kComplexFloat), plain, false));
}

// ---- 8 bits

std::vector<CodeLoops> all_code_loops() {
  std::vector<CodeLoops> list;
  for (const CodeLoops loops : {CodeLoops::Baseline, CodeLoops::V3, CodeLoops::V4, CodeLoops::Vbmi})
    if (supported(loops)) list.push_back(loops);
  return list;
}

TEST(EightBits, HaveTheTableOfTheSpecification) {
  const auto& with_sign = codes(Kept::Signed8);
  const auto& without = codes(Kept::Unsigned8);
  EXPECT_EQ(with_sign[0], -0.99296874F);
  EXPECT_EQ(with_sign[1], -0.9789063F);
  EXPECT_EQ(with_sign[2], -0.96484375F);
  EXPECT_EQ(with_sign[126], -5.5e-07F);
  EXPECT_EQ(with_sign[127], 0.0F);
  EXPECT_EQ(with_sign[128], 5.5e-07F);
  EXPECT_EQ(with_sign[129], 3.25e-06F);
  EXPECT_EQ(with_sign[255], 1.0F);
  EXPECT_EQ(without[0], 0.0F);
  EXPECT_EQ(without[1], 3.25e-07F);
  EXPECT_EQ(without[2], 7.75e-07F);
  double sum = 0, squares = 0, signed_squares = 0;
  for (size_t i = 0; i < 256; ++i) {
    sum += without[i];
    squares += static_cast<double>(without[i]) * without[i];
    signed_squares += static_cast<double>(with_sign[i]) * with_sign[i];
  }
  EXPECT_NEAR(signed_squares, 48.5958375, 5e-8);
  EXPECT_NEAR(sum, 75.1052631, 5e-8);
  EXPECT_NEAR(squares, 48.5974519, 5e-8);
}

TEST(EightBits, EncodeTheSpecificationsNumbers) {
  std::vector<float> x(300), squares(300);
  for (int i = 0; i < 300; ++i) {
    x[static_cast<size_t>(i)] = static_cast<float>(std::sin(i) * std::exp(-i / 16.0));
    squares[static_cast<size_t>(i)] = x[static_cast<size_t>(i)] * x[static_cast<size_t>(i)];
  }
  for (const CodeLoops loops : all_code_loops()) {
    std::vector<uint8_t> bytes(300);
    std::vector<float> absmax(2);
    const auto sum = [&] { return std::accumulate(bytes.begin(), bytes.end(), 0); };
    const auto first = [&] { return std::vector<int>(bytes.begin(), bytes.begin() + 12); };
    encode(Kept::Signed8, loops, x.data(), bytes.data(), absmax.data(), 300);
    EXPECT_EQ(absmax, (std::vector<float>{0.802452147F, 1.12446052e-07F}));
    EXPECT_EQ(first(), (std::vector<int>{127, 253, 255, 194, 18, 8, 54, 221, 237, 204, 45, 26}));
    EXPECT_EQ(sum(), 38218);
    encode(Kept::Unsigned8, loops, squares.data(), bytes.data(), absmax.data(), 300);
    EXPECT_EQ(absmax, (std::vector<float>{0.643929422F, 1.26441148e-14F}));
    EXPECT_EQ(first(), (std::vector<int>{0, 250, 255, 71, 189, 221, 96, 152, 192, 116, 131, 168}));
    EXPECT_EQ(sum(), 8722);
  }
}

/// By the midpoints of neighbours, one of which belongs to the lower entry.
uint8_t nearest_entry(Kept kept, float x) {
  const auto& table = codes(kept);
  size_t j = 0;
  while (j < 255 && x > (table[j] + table[j + 1]) / 2) ++j;
  return static_cast<uint8_t>(j);
}

TEST(EightBits, AreTheNearestEntryAtEveryMidpointAndBesideIt) {
  for (const Kept kept : {Kept::Signed8, Kept::Unsigned8}) {
    std::vector<float> x;
    const auto& table = codes(kept);
    for (size_t j = 0; j < 256; ++j) {
      x.push_back(table[j]);
      if (j == 255) continue;
      const float middle = (table[j] + table[j + 1]) / 2;
      for (const float y : {middle, std::nextafter(middle, -2.0F), std::nextafter(middle, 2.0F)})
        x.push_back(y);
    }
    std::mt19937 random(3);
    std::uniform_real_distribution<float> exponent(-9, 0);
    for (int i = 0; i < 100000; ++i) {
      const float y = std::pow(10.0F, exponent(random));
      x.push_back(kept == Kept::Signed8 && i % 2 == 1 ? -y : y);
    }
    for (const CodeLoops loops : all_code_loops()) {
      // Each block begins with 1, so that x/absmax is x.
      for (size_t i = 0; i < x.size(); i += 255) {
        std::vector<float> block{1};
        block.insert(block.end(), x.begin() + static_cast<std::ptrdiff_t>(i),
                     x.begin() + static_cast<std::ptrdiff_t>(std::min(i + 255, x.size())));
        std::vector<uint8_t> bytes(block.size());
        float absmax = 0;
        encode(kept, loops, block.data(), bytes.data(), &absmax,
               static_cast<int64_t>(block.size()));
        ASSERT_EQ(absmax, 1.0F);
        for (size_t j = 0; j < block.size(); ++j)
          ASSERT_EQ(bytes[j], nearest_entry(kept, block[j])) << block[j];
      }
    }
  }
}

/// Numbers that, divided by absmax, come to lie at each midpoint and up to seven units in the last
/// place beside it, and others.
std::vector<float> around_midpoints(Kept kept, float absmax, std::mt19937& random) {
  const auto& table = codes(kept);
  const uint32_t largest = bits_of(absmax);
  std::vector<float> list{0, -0.0F, absmax, -absmax, float_of(largest - 1)};
  for (size_t j = 0; j + 1 < 256; ++j) {
    const double middle = (table[j] + table[j + 1]) / 2;
    const uint32_t bits = bits_of(static_cast<float>(std::abs(middle) * absmax));
    for (uint32_t beside = bits - std::min(bits, 7u); beside <= std::min(bits + 7, largest);
         ++beside)
      list.push_back(std::copysign(float_of(beside), static_cast<float>(middle)));
  }
  for (int i = 0; i < 200; ++i) {
    const float x = float_of(static_cast<uint32_t>(random()) % (largest + 1));
    list.push_back(i % 2 == 0 ? x : -x);
  }
  return list;
}

TEST(EightBits, AreThoseOfTheRoundedQuotientForEveryAbsmax) {
  std::mt19937 random(17);
  std::vector<uint32_t> scales{1,          2,          0x7fffff,   0x800000,   0x800001,
                               0xffffff,   0x3f7fffff, 0x3f800000, 0x3f800001, 0x3fffffff,
                               0x7e7fffff, 0x7e800000, 0x7e800001, 0x7f7fffff};
  for (int i = 0; i < 60; ++i) scales.push_back(1 + random() % 0x7f7fffff);
  for (const Kept kept : {Kept::Signed8, Kept::Unsigned8})
    for (const uint32_t scale : scales) {
      const float absmax = float_of(scale);
      const std::vector<float> x = around_midpoints(kept, absmax, random);
      const size_t length = 255 - random() % 3 * 64;  // of a block, apart from its first number
      for (size_t i = 0; i < x.size(); i += length) {
        std::vector<float> block{absmax};
        for (size_t j = i; j < std::min(i + length, x.size()); ++j) block.push_back(x[j]);
        const auto n = static_cast<int64_t>(block.size());
        std::vector<uint8_t> wanted(block.size() + 64, 9);
        for (size_t j = 0; j < block.size(); ++j)
          wanted[j] = nearest_entry(kept, block[j] / absmax);
        for (const CodeLoops loops : all_code_loops()) {
          std::vector<uint8_t> bytes(block.size() + 64, 9);
          float found = 0;
          encode(kept, loops, block.data(), bytes.data(), &found, n);
          ASSERT_EQ(found, absmax);
          ASSERT_EQ(bytes, wanted) << absmax << " " << static_cast<int>(loops);
        }
      }
    }
}

TEST(EightBits, ComeBackTheSameFromEveryLoop) {
  std::mt19937 random(19);
  for (const Kept kept : {Kept::Signed8, Kept::Unsigned8})
    for (const int64_t n : {1, 63, 64, 255, 256, 257, 512, 600}) {
      std::vector<uint8_t> bytes(static_cast<size_t>(n));
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
      std::vector<float> absmax(static_cast<size_t>(code_blocks(n)));
      for (float& scale : absmax) scale = float_of(static_cast<uint32_t>(random() % 0x7f800000));
      for (const CodeLoops loops : all_code_loops()) {
        std::vector<float> x(static_cast<size_t>(n) + 16, 7.0F);
        decode(kept, loops, bytes.data(), absmax.data(), x.data(), n);
        for (size_t i = 0; i < x.size(); ++i)
          ASSERT_EQ(x[i], i < bytes.size() ? codes(kept)[bytes[i]] * absmax[i / 256] : 7.0F) << i;
      }
    }
}

TEST(EightBits, OfWhatIsNotFiniteAreTheSameFromEveryLoop) {
  std::mt19937 random(23);
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Kept kept : {Kept::Signed8, Kept::Unsigned8})
    for (const float bad : {inf, -inf, nan, -nan}) {
      std::vector<float> x(256);
      for (float& value : x) value = float_of(static_cast<uint32_t>(random()));
      x[77] = bad;
      std::vector<uint8_t> first(256);
      float first_absmax = 0;
      encode(kept, CodeLoops::Baseline, x.data(), first.data(), &first_absmax, 256);
      for (const CodeLoops loops : all_code_loops()) {
        std::vector<uint8_t> bytes(256);
        float absmax = 0;
        encode(kept, loops, x.data(), bytes.data(), &absmax, 256);
        EXPECT_EQ(bits_of(absmax), bits_of(first_absmax));
        EXPECT_EQ(bytes, first);
      }
    }
}

TEST(EightBits, ComeBackFromABlockWithTheLargestEntry) {
  for (const Kept kept : {Kept::Signed8, Kept::Unsigned8})
    for (const CodeLoops loops : all_code_loops()) {
      std::vector<uint8_t> bytes(256), again(256);
      std::iota(bytes.begin(), bytes.end(), uint8_t{0});
      std::vector<float> x(256);
      for (const float scale : {1.0F, 3.7F, 1e-20F}) {
        decode(kept, loops, bytes.data(), &scale, x.data(), 256);
        float absmax = 0;
        encode(kept, loops, x.data(), again.data(), &absmax, 256);
        EXPECT_EQ(absmax, scale);
        EXPECT_EQ(again, bytes);
      }
    }
}

TEST(EightBits, OfZerosAreTheByteOfZeroAndOfWhatIsNotFiniteAreNotFinite) {
  for (const Kept kept : {Kept::Signed8, Kept::Unsigned8})
    for (const CodeLoops loops : all_code_loops()) {
      std::vector<float> x(300, 0.0F);
      std::vector<uint8_t> bytes(300, 9);
      std::vector<float> absmax(2, 1.0F);
      encode(kept, loops, x.data(), bytes.data(), absmax.data(), 300);
      EXPECT_EQ(absmax, (std::vector<float>{0, 0}));
      EXPECT_THAT(bytes, testing::Each(zero_code(kept)));
      for (const float bad :
           {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
        x[3] = bad;
        encode(kept, loops, x.data(), bytes.data(), absmax.data(), 300);
        std::vector<float> back(300);
        decode(kept, loops, bytes.data(), absmax.data(), back.data(), 300);
        for (size_t i = 0; i < 256; ++i) EXPECT_FALSE(std::isfinite(back[i])) << i;
        for (size_t i = 256; i < 300; ++i) EXPECT_EQ(back[i], 0);
      }
    }
}

// ---- the golden rows

/// C of a parity run after steps 1, 10 and 60, of the masters where there are some; parameters of
/// that type, start and gradients rounded to it.
std::vector<double> parity(const std::string& rule, at::ScalarType type,
                           const OptionValues& options) {
  std::vector<at::Tensor> params;
  int64_t count = 0;
  for (const Shape& shape : Shapes{{4, 3}, {4}, {3, 5}, {2, 3, 2}}) {
    at::Tensor p = at::empty(shape, at::kDouble);
    for (int64_t j = 0; j < p.numel(); ++j)
      p.view(-1)[j] = std::cos(0.9 * static_cast<double>(count++) + 0.3);
    params.push_back(p.to(type).requires_grad_());
  }
  const auto opt = descent::make_optimizer(rule, params, options);
  std::vector<double> found;
  for (int64_t t = 1; t <= 60; ++t) {
    int64_t i = 0;
    for (const auto& p : params) {
      const at::Tensor x = p.detach().to(at::kDouble).view(-1);
      at::Tensor g = at::empty({p.numel()}, at::kDouble);
      for (int64_t j = 0; j < p.numel(); ++j)
        g[j] = replay::parity_term(i++, t, x[j].item<double>()).gradient;
      p.mutable_grad() = g.view(p.sizes()).to(type);
    }
    opt->step();
    if (t != 1 && t != 10 && t != 60) continue;
    double sum = 0;
    i = 0;
    for (const auto& p : params) {
      const auto* const state = opt->state_of(p);
      const bool whole = state->beside().master() == Master::Float32 ||
                         state->beside().master() == Master::Remainder;
      const at::Tensor x = (whole ? value_of(p, *state) : p.detach()).to(at::kDouble).reshape(-1);
      for (int64_t j = 0; j < x.numel(); ++j)
        sum += replay::checksum_term(i++, x[j].item<double>());
    }
    found.push_back(sum);
  }
  return found;
}

struct Row {
  const char* name;
  const char* rule;
  at::ScalarType type;
  OptionValues options;
  std::array<double, 3> wanted;
  double tolerance;
};

TEST(LowPrecision, FollowsTheGoldenRowsOnEveryPass) {
  const auto adamw = [](OptionValues more) {
    OptionValues options{{"lr", 0.01}, {"weight_decay", 0.1}};
    options.insert(options.end(), more.begin(), more.end());
    return options;
  };
  const std::vector<Row> rows{
      {"bf16_state32",
       "adamw",
       at::kBFloat16,
       adamw({}),
       {-0.82467875, -0.701287105, -0.325817948},
       5e-3},
      {"bf16_master",
       "adamw",
       at::kBFloat16,
       adamw({{"master", "float32"}}),
       {-0.824846369, -0.713807009, -0.34774354},
       1e-4},
      {"bf16_master",
       "adamw",
       at::kBFloat16,
       adamw({{"master", "remainder"}}),
       {-0.824846369, -0.713807009, -0.34774354},
       1e-4},
      {"bf16_stochastic",
       "adamw",
       at::kBFloat16,
       adamw({{"rounding", "stochastic"}, {"seed", 5}}),
       {-0.8308989, -0.72292766, -0.325683226},
       5e-3},
      {"bf16_kahan",
       "adamw",
       at::kBFloat16,
       adamw({{"master", "kahan"}}),
       {-0.82467875, -0.710177518, -0.347406885},
       5e-3},
      {"bf16_kahan_sgd",
       "sgd",
       at::kBFloat16,
       {{"lr", std::ldexp(1.0, -7)}, {"master", "kahan"}},
       {-0.817871402, -0.6789610567, -0.1665695152},
       5e-3},
      {"state8",
       "adamw",
       at::kFloat,
       adamw({{"state_bits", 8}, {"min_8bit_size", 1}}),
       {-0.8220395029, -0.72128868, -0.4247372952},
       2e-3},
  };
  for (const auto& pass : passes()) {
    const PassScope scope(pass);
    for (const Row& row : rows) {
      const auto found = parity(row.rule, row.type, row.options);
      for (size_t i = 0; i < 3; ++i)
        EXPECT_NEAR(found[i], row.wanted[i], row.tolerance) << row.name << " on " << pass;
    }
  }
}

// ---- every rule in every setting

struct Kind {
  at::ScalarType type;
  OptionValues options;
};

/// The settings that a rule and a type may have, each alone and some together.
std::vector<Kind> kinds() {
  const OptionValues eight{{"state_bits", 8}, {"min_8bit_size", 300}};
  return {
      {at::kBFloat16, {{"state_dtype", "param"}}},
      {at::kBFloat16, {{"master", "float32"}}},
      {at::kBFloat16, {{"master", "float32"}, {"state_dtype", "param"}}},
      {at::kBFloat16, {{"master", "remainder"}}},
      {at::kBFloat16, {{"master", "kahan"}}},
      {at::kBFloat16, {{"rounding", "stochastic"}, {"seed", 5}, {"state_dtype", "param"}}},
      {at::kHalf, {{"state_dtype", "param"}}},
      {at::kHalf, {{"master", "float32"}}},
      {at::kHalf, {{"master", "kahan"}, {"state_dtype", "param"}}},
      {at::kFloat, eight},
      {at::kBFloat16,
       {{"state_bits", 8},
        {"min_8bit_size", 1},
        {"master", "remainder"},
        {"state_dtype", "param"}}},
      {at::kHalf, {{"state_bits", 8}, {"min_8bit_size", 1}}},
  };
}

class EveryRuleInLowPrecision : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (rule().tensor_update != nullptr) torch::set_num_threads(1);
  }
  void TearDown() override { torch::set_num_threads(threads_); }

  const RuleTable& rule() const { return descent::find_rule(GetParam()); }

  /// Calls f(options, type) for the rule's settings with each kind that it allows.
  Failures in_each(const std::function<Failures(const OptionValues&, at::ScalarType)>& f,
                   bool all_settings = true) const {
    Failures failures;
    for (const Kind& kind : kinds())
      for (const Setting& setting : settings(rule())) {
        const OptionValues options = joined(setting.options, kind.options);
        if (is_refused(rule(), options, kind.type)) continue;
        for (const std::string& failure : f(options, kind.type))
          failures.push_back(setting.name + " in " + c10::toString(kind.type) + ", " +
                             kind.options[0].first + ": " + failure);
        if (!all_settings) break;
      }
    return failures;
  }

 private:
  const int threads_ = torch::get_num_threads();
};

std::vector<std::string> keys() {
  std::vector<std::string> list;
  for (const RuleTable* rule : descent::optimizers()) list.emplace_back(rule->about.key);
  return list;
}
INSTANTIATE_TEST_SUITE_P(Registered, EveryRuleInLowPrecision, testing::ValuesIn(keys()),
                         [](const auto& rule) { return rule.param; });

TEST_P(EveryRuleInLowPrecision, GivesTheSameBitsOnEveryPass) {
  const Shapes shapes{{0}, {1}, {33}, {511}, {513}, {17, 13}, {}, {4700}};
  EXPECT_THAT(in_each([&](const OptionValues& options, at::ScalarType type) {
                return gives_the_same_bits_on_every_pass(rule(), options, shapes, type, 5);
              }),
              IsEmpty());
}

TEST_P(EveryRuleInLowPrecision, GivesTheSameBitsOnAnyNumberOfThreads) {
  const Shapes shapes =
      rule().tensor_update != nullptr ? kSmallShapes : Shapes{{70000}, {4097}, {33}, {1}, {0}};
  EXPECT_THAT(in_each(
                  [&](const OptionValues& options, at::ScalarType type) {
                    return gives_the_same_bits_on_any_number_of_threads(rule(), options, shapes,
                                                                        type, 2);
                  },
                  /*all_settings=*/false),
              IsEmpty());
}

TEST_P(EveryRuleInLowPrecision, TakesAnyLayoutAndFollowsItsChange) {
  EXPECT_THAT(in_each(
                  [&](const OptionValues& options, at::ScalarType type) {
                    // Sums in another order may round a number of 16 bits the other way.
                    if (type != at::kFloat && tolerance_of(rule(), options, type) > 0)
                      return Failures{};
                    Failures failures = takes_any_layout(rule(), options, {25, 19}, type);
                    for (auto& failure : follows_a_change_of_layout(rule(), options, type))
                      failures.push_back(failure);
                    return failures;
                  },
                  /*all_settings=*/false),
              IsEmpty());
}

TEST_P(EveryRuleInLowPrecision, ContinuesFromAnArchive) {
  EXPECT_THAT(in_each([&](const OptionValues& options, at::ScalarType type) {
                return continues_from_an_archive(rule(), options, type);
              }),
              IsEmpty());
}

/// With a master in float the parameter's own 16 bits are only what is shown of it.
TEST_P(EveryRuleInLowPrecision, StepsItsMastersAsFloat32) {
  for (const char* master : {"float32", "remainder"}) {
    const OptionValues base{{"master", master}};
    for (const Setting& setting : settings(rule())) {
      if (joins_group(rule(), setting.options)) continue;
      // A centralized gradient is rounded to the parameter's type.
      const auto own = options_of(rule(), setting.options);
      if (rule().centralizes != nullptr && rule().centralizes(own.get(), 2)) continue;
      Training found(rule(), joined(setting.options, base),
                     parameters(kSmallShapes, at::kBFloat16));
      std::vector<at::Tensor> wide;
      for (const auto& p : found.params) wide.push_back(p.detach().to(at::kFloat).requires_grad_());
      Training wanted(rule(), setting.options, wide);
      for (int64_t t = 1; t <= 6; ++t) {
        set_gradients(found.params, t);
        for (size_t i = 0; i < wide.size(); ++i) {
          const at::Tensor g = found.params[i].grad();
          wide[i].mutable_grad() = g.defined() ? g.to(at::kFloat) : at::Tensor();
        }
        take_step(*found.optimizer);
        take_step(*wanted.optimizer);
      }
      for (size_t i = 0; i < wide.size(); ++i) {
        const auto* const state = found.optimizer->state_of(found.params[i]);
        if (state == nullptr) continue;
        // It takes an epsilon from the parameter's type.
        if (rule().about.key == std::string("adafactor")) continue;
        EXPECT_TRUE(same_bits(value_of(found.params[i], *state), wide[i].detach()))
            << setting.name << ", " << master << ", parameter " << i;
      }
    }
  }
}

TEST_P(EveryRuleInLowPrecision, IsPlainBelowTheSizeOf8Bits) {
  const auto setting = settings(rule()).front();
  if (is_refused(rule(), joined(setting.options, {{"state_bits", 8}}), at::kFloat))
    GTEST_SKIP() << "is refused";
  const auto state = [&](const OptionValues& base) {
    Training run(rule(), joined(setting.options, base), parameters({{4095}, {33}}, at::kFloat));
    run.steps(1, 4);
    return run.everything();
  };
  EXPECT_EQ(difference(state({{"state_bits", 8}}), state({})), "");
}

// A byte of a mean is off by up to 11 % of it, and more of small ones, so the root of v - a^2 would be of a negative number.
TEST(EightBits, NeverRoundAMeanOfSquaresBelowTheSquareOfTheMean) {
  struct Centered {
    const char* rule;
    OptionValues options;
    const char *squares, *means;
  };
  const std::vector<Centered> rows{
      {"rmsprop",
       {{"alpha", 0.9}, {"eps", 1e-3}, {"momentum", 0.5}, {"centered", true}},
       "square_avg",
       "grad_avg"},
      {"laprop",
       {{"lr", 0.01}, {"betas", {0.9, 0.9}}, {"eps", 1e-3}, {"centered", true}},
       "exp_avg_sq",
       "exp_mean_avg_beta2"}};
  for (const Centered& row : rows)
    for (const auto& pass : passes()) {
      const PassScope scope(pass);
      const at::Tensor p = noise({3, 500}, at::kFloat, 1).requires_grad_();
      // The mean is ten times the noise, and from element to element it differs by much.
      const at::Tensor mean = noise({3, 500}, at::kFloat, 2).pow(3);
      const auto opt = descent::make_optimizer(
          row.rule, {p}, joined(row.options, {{"state_bits", 8}, {"min_8bit_size", 1}}));
      for (int64_t t = 0; t < 60; ++t) {
        p.mutable_grad() = mean * (1 + 0.1 * noise({3, 500}, at::kFloat, 10 + t));
        opt->step();
        const auto& state = *opt->state_of(p);
        const auto values = [&](const char* name) {
          const auto& names = state.rule().buffers;
          const auto b = std::find(names.begin(), names.end(), name) - names.begin();
          EXPECT_EQ(state.buffer(static_cast<size_t>(b)).scalar_type(), at::kByte);
          return values_of(state, static_cast<size_t>(b));
        };
        const at::Tensor v = values(row.squares), a = values(row.means);
        ASSERT_TRUE(v.ge(a * a).all().item<bool>()) << row.rule << " on " << pass << ", " << t;
      }
      EXPECT_TRUE(p.isfinite().all().item<bool>()) << row.rule << " on " << pass;
    }
}

// ---- what is refused

std::string problem_of(const std::string& rule, at::ScalarType type, const OptionValues& options) {
  const Shape shape = rule == "shampoo" ? Shape{4, 3} : Shape{5000};
  const at::Tensor p = at::ones(shape, type).requires_grad_();
  const std::string at_once = refusal([&] { descent::make_optimizer(rule, {p}, options); });
  // Set later, the same is refused by the step, with nothing changed.
  const auto opt = descent::make_optimizer(rule, {p});
  std::string later = refusal([&] { opt->group_options().set(options); });
  if (later.empty()) {
    p.mutable_grad() = at::ones_like(p);
    later = refusal([&] { opt->step(); });
    EXPECT_EQ(later.empty(), at_once.empty());
    if (!later.empty()) {
      EXPECT_TRUE(p.eq(1).all().item<bool>());
      EXPECT_EQ(opt->state_of(p), nullptr);
    }
  }
  return at_once;
}

TEST(LowPrecision, RefusesByNameWhatDoesNotFit) {
  const auto expect = [](const std::string& rule, at::ScalarType type, const OptionValues& options,
                         const std::string& text) {
    EXPECT_THAT(problem_of(rule, type, options), HasSubstr(text));
  };
  expect(
      "adamw", at::kDouble, {{"master", "kahan"}},
      "AdamW: the group of params[0] has master = kahan, must be none for a parameter of Double");
  expect("adamw", at::kDouble, {{"state_bits", 8}}, "state_bits = 8, must be 0");
  expect("adamw", at::kDouble, {{"rounding", "stochastic"}}, "rounding = stochastic");
  for (const char* master : {"float32", "remainder", "kahan"})
    expect("adamw", at::kFloat, {{"master", master}}, ", must be none for a parameter of Float");
  expect("adamw", at::kFloat, {{"rounding", "stochastic"}},
         "rounding = stochastic, must be nearest for a parameter of Float");
  expect("adamw", at::kHalf, {{"rounding", "stochastic"}},
         "rounding = stochastic, must be nearest for a parameter of Half");
  expect("adamw", at::kHalf, {{"master", "remainder"}},
         "master = remainder, must be none, float32 or kahan for a parameter of Half");
  for (const char* master : {"float32", "remainder", "kahan"})
    expect("adamw", at::kBFloat16, {{"rounding", "stochastic"}, {"master", master}},
           "rounding = stochastic, must be nearest with a master");
  expect("shampoo", at::kFloat, {{"state_bits", 8}}, "must be 0 for a rule on matrices");
  expect("prodigy", at::kFloat, {{"state_bits", 8}},
         "must be 0 for a rule with sums over all parameters");
  expect("rprop", at::kFloat, {{"state_bits", 8}},
         "must be 0 for a rule without a buffer that 8 bits can hold");
  expect("prodigy", at::kHalf, {{"state_dtype", "param"}},
         "state_dtype = param, must be float32, the state is too small for a parameter of Half");
  expect("adamw", at::kFloat, {{"state_bits", 4}},
         "state_bits = 4, must be a whole number, 0 or 8");
  expect("adamw", at::kFloat, {{"min_8bit_size", -1}}, "min_8bit_size = -1, must be");
  expect("adamw", at::kFloat, {{"seed", -1}}, "seed = -1, must be");
  expect("adamw", at::kFloat, {{"state_dtype", "half"}}, "must be param or float32");
  for (const char* type : {"param", "float32"})
    for (const auto of : {at::kFloat, at::kDouble, at::kHalf})
      EXPECT_EQ(problem_of("adamw", of, {{"state_dtype", type}}), "");
  EXPECT_EQ(problem_of("adamw", at::kFloat, {{"state_bits", 8}}), "");
  EXPECT_EQ(problem_of("adamw", at::kBFloat16, {{"master", "remainder"}, {"state_bits", 8}}), "");
}

TEST(LowPrecision, IsRefusedByTheFullMatrixOfAGroup) {
  const auto p = parameters({{3}, {4}}, at::kBFloat16);
  EXPECT_THAT(
      refusal([&] {
        descent::make_optimizer("full_adagrad", p, {{"block", "per_group"}, {"master", "kahan"}});
      }),
      HasSubstr("master = kahan, must be none"));
}

TEST(LowPrecision, IsRefusedInsideWrappersThatWriteParameters) {
  const at::Tensor p = at::ones({4}, at::kBFloat16).requires_grad_();
  descent::AdamW inner({p}, {}, {.master = Master::Float32});
  EXPECT_THAT(refusal([&] { descent::Lookahead wrapped(inner); }), HasSubstr("keeps masters"));
  descent::AdamW later({p});
  descent::Lookahead wrapped(later);
  later.group_options().set({{"master", "kahan"}});
  p.mutable_grad() = at::ones_like(p);
  EXPECT_THAT(refusal([&] { wrapped.step(); }), HasSubstr("keeps masters"));
  EXPECT_TRUE(p.eq(1).all().item<bool>());
}

// ---- files

TEST(LowPrecision, RefusesAnArchiveOfAnotherSettingByName) {
  const std::vector<OptionValues> settings{{},
                                           {{"state_dtype", "param"}},
                                           {{"master", "float32"}},
                                           {{"master", "remainder"}},
                                           {{"master", "kahan"}},
                                           {{"rounding", "stochastic"}},
                                           {{"state_bits", 8}},
                                           {{"state_bits", 8}, {"min_8bit_size", 5}}};
  const auto trained = [&](const OptionValues& options) {
    auto run = std::make_unique<Training>(descent::find_rule("adamw"), options,
                                          parameters({{4200}, {5}}, at::kBFloat16));
    run->steps(1, 2);
    return run;
  };
  for (const auto& written : settings)
    for (const auto& read : settings) {
      const auto from = trained(written), to = trained(read);
      const std::string bytes = wrapping::saved(*from->optimizer);
      const auto before = to->everything();
      const std::string text = to->optimizer->group_options().text();
      const std::string found = refusal([&] { wrapping::load_from(*to->optimizer, bytes); });
      if (written == read) {
        EXPECT_EQ(found, "");
        continue;
      }
      const auto& name = written.empty() ? read.back().first : written.back().first;
      EXPECT_THAT(found, HasSubstr("the archive has "));
      if (written.empty() || read.empty()) {
        EXPECT_THAT(found, testing::AnyOf(HasSubstr(name), HasSubstr("state_bits")));
      }
      EXPECT_EQ(difference(to->everything(), before), "");
      EXPECT_EQ(to->optimizer->group_options().text(), text);
    }
}

TEST(LowPrecision, IsNotWrittenForProgramsThatDoNotKnowIt) {
  const at::Tensor p = at::ones({4}, at::kBFloat16).requires_grad_();
  descent::AdamW opt({p}, {}, {.master = Master::Kahan});
  const auto folder = std::filesystem::path(testing::TempDir());
  EXPECT_THAT(refusal([&] { descent::save_libtorch(opt, folder / "libtorch.pt"); }),
              HasSubstr("master = kahan"));
  EXPECT_THAT(refusal([&] { descent::save_python(opt, folder / "python.pt"); }),
              HasSubstr("master = kahan"));
}

TEST(LowPrecision, WritesStateForOtherProgramsInTheParametersType) {
  const auto file = std::filesystem::path(testing::TempDir()) / "state_of_16_bits.pt";
  const at::Tensor start = noise({5, 3}, at::kBFloat16, 1);
  for (const auto kept : {descent::StateDtype::Param, descent::StateDtype::Float32}) {
    const at::Tensor p = start.clone().requires_grad_();
    descent::AdamW opt({p}, {}, {.state_dtype = kept});
    for (int64_t t = 1; t <= 3; ++t) {
      set_gradients({p}, t);
      opt.step();
    }
    const at::Tensor plain = opt.state_of(p)->buffer("exp_avg").to(at::kBFloat16);
    const auto expect_read = [&](const auto& load) {
      for (const auto wanted : {descent::StateDtype::Param, descent::StateDtype::Float32}) {
        descent::AdamW read({p}, {}, {.state_dtype = wanted});
        load(read);
        const at::Tensor& found = read.state_of(p)->buffer("exp_avg");
        const bool is_param = wanted == descent::StateDtype::Param;
        EXPECT_EQ(found.scalar_type(), is_param ? at::kBFloat16 : at::kFloat);
        EXPECT_TRUE(same_bits(found, plain.to(found.scalar_type())));
        EXPECT_EQ(read.group_options().base().state_dtype, wanted);
      }
    };
    descent::save_python(opt, file);
    expect_read([&](auto& read) { descent::load_python(read, file); });
    descent::save_libtorch(opt, file);
    expect_read([&](auto& read) { descent::load(read, file); });
    torch::optim::AdamW theirs({p});
    torch::load(theirs, file.string());
    const auto& state = static_cast<const torch::optim::AdamWParamState&>(
        *theirs.state().at(p.unsafeGetTensorImpl()));
    EXPECT_EQ(state.step(), 3);
    EXPECT_TRUE(same_bits(state.exp_avg(), plain));
    theirs.step();
  }
}

// ---- what people do with it

/// Where a weight of 1 ends after 1000 steps of AdamW at lr 1e-3 that only decay it, by 0.1.
float decayed_weight(at::ScalarType type, const OptionValues& base) {
  const at::Tensor p = at::ones({1}, type).requires_grad_();
  const auto opt =
      descent::make_optimizer("adamw", {p}, joined({{"lr", 1e-3}, {"weight_decay", 0.1}}, base));
  for (int t = 0; t < 1000; ++t) {
    p.mutable_grad() = at::zeros_like(p);
    opt->step();
  }
  return p.item<float>();
}

TEST(LowPrecision, DecaysAWeightOnlyWhereSomethingKeepsWhatRoundingLoses) {
  EXPECT_NEAR(decayed_weight(at::kFloat, {}), std::exp(-0.1), 1e-4);
  EXPECT_EQ(decayed_weight(at::kBFloat16, {}), 1);
  EXPECT_EQ(decayed_weight(at::kBFloat16, {{"state_dtype", "param"}}), 1);
  for (const char* master : {"float32", "remainder", "kahan"})
    EXPECT_EQ(decayed_weight(at::kBFloat16, {{"master", master}}), 0.90625F) << master;
  EXPECT_NEAR(decayed_weight(at::kBFloat16, {{"rounding", "stochastic"}}), std::exp(-0.1), 0.1);
}

/// The second moment 2000 steps after the gradients have become smaller by 10.
TEST(LowPrecision, KeepsAStaleSecondMomentInBFloat16UnlessTheStateIsFloat) {
  const auto second_moment = [](const OptionValues& base) {
    const at::Tensor p = at::ones({1}, at::kBFloat16).requires_grad_();
    const auto opt = descent::make_optimizer("adamw", {p}, base);
    for (int t = 0; t < 4000; ++t) {
      p.mutable_grad() = at::full_like(p, t < 2000 ? 1 : 0.125);
      opt->step();
    }
    return opt->state_of(p)->buffer("exp_avg_sq").item<float>();
  };
  EXPECT_NEAR(second_moment({}), 0.13, 0.02);
  // It could neither rise further nor fall.
  EXPECT_EQ(second_moment({{"state_dtype", "param"}}), 0.25F);
}

TEST(LowPrecision, TakesWhatIsWrittenIntoAParameterOnlyWhenToldTo) {
  for (const Master master : {Master::Float32, Master::Remainder, Master::Kahan}) {
    const at::Tensor p = at::ones({6}, at::kBFloat16).requires_grad_();
    descent::SGD opt({p}, {.lr = 1e-3}, {.master = master});
    p.mutable_grad() = at::ones_like(p);
    opt.step();
    p.detach().fill_(8);
    opt.sync_masters();
    EXPECT_TRUE(value_of(p, *opt.state_of(p)).eq(8).all().item<bool>());
    opt.step();
    EXPECT_NEAR(value_of(p, *opt.state_of(p))[0].item<float>(), 7.999, 1e-5);
  }
  const at::Tensor p = at::ones({6}, at::kBFloat16).requires_grad_();
  descent::SGD opt({p}, {.lr = 1e-3}, {.master = Master::Float32});
  p.mutable_grad() = at::ones_like(p);
  opt.step();
  p.detach().fill_(8);
  opt.step();
  EXPECT_TRUE(p.lt(1.01).all().item<bool>());  // the master counts
}

TEST(LowPrecision, MayBeChangedInMidRun) {
  const RuleTable& rule = descent::find_rule("adamw");
  Training run(rule, {}, parameters({{5000}, {33}}, at::kBFloat16));
  int64_t t = 0;
  for (const OptionValues& next :
       {OptionValues{{"state_dtype", "param"}}, OptionValues{{"master", "remainder"}},
        OptionValues{{"state_bits", 8}}, OptionValues{{"master", "kahan"}},
        OptionValues{{"state_bits", 0}}, OptionValues{{"master", "none"}},
        OptionValues{{"state_dtype", "float32"}}}) {
    run.steps(t + 1, t + 2);
    t += 2;
    const at::Tensor before = value_of(run.params[0], *run.optimizer->state_of(run.params[0]));
    const at::Tensor moment = values_of(*run.optimizer->state_of(run.params[0]), 0).to(at::kFloat);
    run.optimizer->group_options().set(next);
    run.steps(t + 1, t + 1);
    ++t;
    const auto* const state = run.optimizer->state_of(run.params[0]);
    EXPECT_LE((value_of(run.params[0], *state) - before).abs().max().item<float>(), 0.02F);
    EXPECT_LE((values_of(*state, 0).to(at::kFloat) - moment).abs().max().item<float>(), 0.6F);
  }
  EXPECT_EQ(run.optimizer->group_options().base(), BaseOptions{});
  EXPECT_FALSE(run.optimizer->state_of(run.params[0])->has_beside());
  EXPECT_EQ(run.optimizer->state_of(run.params[0])->buffer(0).scalar_type(), at::kFloat);
}

TEST(LowPrecision, SavesSoManyBytesOfState) {
  const auto bytes = [](at::ScalarType type, const OptionValues& base) {
    const at::Tensor p = at::ones({4096}, type).requires_grad_();
    const auto opt = descent::make_optimizer("adamw", {p}, base);
    p.mutable_grad() = at::ones_like(p);
    opt->step();
    size_t sum = 0;
    opt->state_of(p)->each_tensor(
        [&](const std::string&, const at::Tensor& x) { sum += x.nbytes(); });
    return sum;
  };
  EXPECT_EQ(bytes(at::kFloat, {}), 4096U * 8);
  EXPECT_EQ(bytes(at::kFloat, {{"state_bits", 8}}), 4096U * 2 + 16 * 8);
  EXPECT_EQ(bytes(at::kBFloat16, {{"state_dtype", "param"}}), 4096U * 4);
  EXPECT_EQ(bytes(at::kBFloat16, {}), 4096U * 8);
  EXPECT_EQ(bytes(at::kBFloat16, {{"master", "float32"}}), 4096U * 12);
  EXPECT_EQ(bytes(at::kBFloat16, {{"master", "remainder"}}), 4096U * 10);
}

// Between steps the state is still kept as the options said before.
TEST(LowPrecision, IsSavedAsTheNextStepBeginsWithIt) {
  const std::vector<OptionValues> kinds{{{"state_bits", 0}, {"master", "none"}},
                                        {{"state_bits", 8}, {"master", "none"}},
                                        {{"state_bits", 0}, {"master", "float32"}},
                                        {{"state_bits", 8}, {"master", "remainder"}},
                                        {{"state_bits", 0}, {"master", "kahan"}}};
  for (const OptionValues& before : kinds)
    for (const OptionValues& after : kinds) {
      const at::Tensor p = noise({64, 80}, at::kBFloat16, 1).requires_grad_();
      const auto step = [](descent::OptimizerBase& opt, const at::Tensor& x, int64_t t) {
        x.mutable_grad() = noise({64, 80}, at::kBFloat16, 10 + t);
        opt.step();
      };
      const auto opt = descent::make_optimizer("adamw", {p}, before);
      for (int64_t t = 1; t <= 2; ++t) step(*opt, p, t);
      opt->group_options().set(after);
      std::stringstream archive;
      torch::save(opt->as_libtorch(), archive);
      const at::Tensor q = p.detach().clone().requires_grad_();
      const auto again = descent::make_optimizer("adamw", {q}, after);
      torch::load(again->as_libtorch(), archive);
      for (int64_t t = 3; t <= 4; ++t) {
        step(*opt, p, t);
        step(*again, q, t);
      }
      EXPECT_EQ(difference(everything(*opt), everything(*again)), "")
          << opt->group_options().text();
    }
}

TEST(LowPrecision, IsPartOfAGroupsText) {
  const at::Tensor p = at::ones({4}, at::kBFloat16).requires_grad_();
  descent::AdamW opt({p}, {}, {.master = Master::Remainder, .state_bits = 8});
  const std::string text = opt.group_options().text();
  EXPECT_THAT(text, testing::EndsWith(",master=remainder,state_bits=8"));
  descent::AdamW again({at::ones({4}, at::kBFloat16).requires_grad_()});
  again.group_options().set(text);
  EXPECT_EQ(again.group_options().base(), opt.group_options().base());
  // A new group begins with the optimizer's.
  opt.add_group({at::ones({4}, at::kBFloat16).requires_grad_()}, [](auto& o) { o.lr = 1; });
  opt.add_group({at::ones({4}, at::kBFloat16).requires_grad_()}, {{"state_bits", 0}});
  EXPECT_EQ(opt.group_options(1).base(), opt.group_options(0).base());
  EXPECT_EQ(opt.group_options(2).base(), (BaseOptions{.master = Master::Remainder}));
}

}  // namespace
}  // namespace precision_test
