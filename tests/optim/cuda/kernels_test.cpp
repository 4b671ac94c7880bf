// The kernels for CUDA, run by emulated.h, against the loops: every rule, form, kind of decay and
// format, bit for bit.
#include "emulated_steps.h"

namespace descent::engine::cuda {
namespace {

constexpr Format kPlainFormats[] = {Format::Float,
                                    Format::Double,
                                    Format::BFloat16,
                                    Format::Half,
                                    Format::BFloat16FloatState,
                                    Format::HalfFloatState};

constexpr NumberType kBFloat16 = NumberType::BFloat16, kHalf = NumberType::Half;
constexpr Setting kSettings[] = {
    {.name = "float, decaying", .decays = true},
    {.name = "float, 8 bits", .coded = true},
    {.name = "bfloat16 by chance", .type = kBFloat16, .by_chance = true},
    {.name = "bfloat16 by chance, 8 bits, decaying",
     .type = kBFloat16,
     .by_chance = true,
     .short_state = true,
     .coded = true,
     .decays = true},
    {.name = "bfloat16, remainder, decaying",
     .type = kBFloat16,
     .master = Master::Remainder,
     .decays = true},
    {.name = "bfloat16, remainder, short state, 8 bits",
     .type = kBFloat16,
     .master = Master::Remainder,
     .short_state = true,
     .coded = true},
    {.name = "bfloat16, kahan", .type = kBFloat16, .master = Master::Kahan},
    {.name = "bfloat16, float master, 8 bits",
     .type = kBFloat16,
     .master = Master::Float32,
     .coded = true},
    {.name = "bfloat16, short state, decaying",
     .type = kBFloat16,
     .short_state = true,
     .decays = true},
    {.name = "half, 8 bits, decaying", .type = kHalf, .coded = true, .decays = true},
    {.name = "half, kahan, short state",
     .type = kHalf,
     .master = Master::Kahan,
     .short_state = true},
    {.name = "half, float master, decaying",
     .type = kHalf,
     .master = Master::Float32,
     .decays = true},
};

class CudaRule : public testing::TestWithParam<EmulatedRule> {};

// Lengths around those of a vector, a warp's row and a unit.
TEST_P(CudaRule, HasTheBitsOfTheLoops) {
  const EmulatedRule& rule = GetParam();
  for_each_form(rule, [&](std::size_t form, bool coupled) {
    for (const Format format : kPlainFormats) {
      Case x{*rule.table, *rule.launches, form, coupled, format};
      x.make_sets(3);
      x.compare({1, 2, 3, 0, 5, 127, 128, 129, 31, 1023, 4095, 4104}, 1);
    }
  });
}

// Lengths around those of a vector, a block of codes and a unit.
TEST_P(CudaRule, HasTheBitsOfTheLoopsWhateverIsKept) {
  const EmulatedRule& rule = GetParam();
  for_each_form(rule, [&](std::size_t form, bool coupled) {
    for (const Setting& setting : kSettings) {
      Case x{*rule.table, *rule.launches, form, coupled, Format::Mixed};
      x.setting = setting;
      x.make_sets(3);
      x.compare({264, 257, 513, 0, 7}, 1);
    }
    Case x{*rule.table, *rule.launches, form, coupled, Format::Double};
    x.setting = {.name = "with cautious decay", .decays = true};
    x.make_sets(3);
    x.compare({1, 33, 257}, 1);
  });
}

TEST_P(CudaRule, TakesTheNumbersOfAsManySkipsAsTheDeviceMade) {
  const EmulatedRule& rule = GetParam();
  for_each_form(rule, [&](std::size_t form, bool coupled) {
    const auto compare = [&](Case x, const std::vector<int64_t>& lengths) {
      x.make_sets(3);
      for (const auto source : {Case::Source::Candidates, Case::Source::There}) {
        x.source = source;
        x.compare(lengths, 1);
      }
    };
    for (const Format format : {Format::Float, Format::Double, Format::HalfFloatState})
      compare({*rule.table, *rule.launches, form, coupled, format}, {5, 129});
    // By chance, of 8 bits, and with a decay that one of the sets does not have.
    Case mixed{*rule.table, *rule.launches, form, coupled, Format::Mixed};
    mixed.setting = kSettings[3];
    compare(mixed, {7, 264});
  });
}

INSTANTIATE_TEST_SUITE_P(Every, CudaRule, testing::ValuesIn(emulated_rules()),
                         [](const auto& of) { return std::string(of.param.table->about.key); });

TEST(CudaKernels, AreThereForEveryRuleOfTheLibrary) {
  const auto all = library_rules();
  const auto& rules = emulated_rules();
  ASSERT_EQ(rules.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(rules[i].table, all[i]);
    EXPECT_EQ(rules[i].launches->forms.size(), all[i]->forms.size()) << all[i]->about.name;
  }
}

TEST(CudaKernels, TakeMoreParametersAndNumbersThanOneLaunchHolds) {
  for (const char* key : {"adamw", "lamb"}) {
    const EmulatedRule& rule = rule_called(key);
    Case x{*rule.table, *rule.launches, 0, false, Format::Float};
    x.make_sets(40);
    x.compare(std::vector<int64_t>(1500, 7), 3);
    x.source = Case::Source::Candidates;
    x.compare(std::vector<int64_t>(1500, 7), 1);
  }
}

TEST(CudaKernels, HaveTheBitsOfTheLoopsWhateverIsKeptOfLongAndManyParameters) {
  const auto compare = [](const char* key, const Setting& setting, auto lengths, int steps) {
    const EmulatedRule& rule = rule_called(key);
    Case x{*rule.table, *rule.launches, 0, false, Format::Mixed};
    x.setting = setting;
    x.make_sets(3);
    x.compare(lengths, steps);
  };
  for (const char* key : {"adamw", "lamb"})
    for (const Setting& setting : kSettings)
      compare(key, setting, std::vector<int64_t>{4095, 4097, 8200, 2049}, 2);
  compare("adamw", kSettings[2], std::vector<int64_t>(600, 3), 1);
}

TEST(CudaKernels, AddUpALongParameterInThePiecesOfTheLoops) {
  // Sums of floats are exact in double, whatever their order, and a ratio in float hides much.
  const EmulatedRule& rule = rule_called("novograd");
  Case x{*rule.table, *rule.launches, 0, false, Format::Double};
  x.make_sets(1);
  x.compare({2 * kPieces * kBlock - 7, 4097, 4096}, 1);
}

TEST(CudaKernels, DoNothingWhereAnInfinityWasFoundOrNoReplayIsReady) {
  const auto expect_rest = [](Case x, bool is_ready) {
    x.make_sets(1);
    x.scaled = true;
    x.found_inf = is_ready ? 1 : 0;
    x.source = Case::Source::There;
    x.is_ready = is_ready;
    std::vector<Parameter> before = x.parameters({5, 5000}), after = before;
    std::vector<double> sums;
    x.step_by_kernels(after, 1, sums);
    for (std::size_t i = 0; i < before.size(); ++i) {
      for (std::size_t place = 0; place < before[i].places.size(); ++place) {
        EXPECT_EQ(before[i].places[place].memory, after[i].places[place].memory) << x.name();
        EXPECT_EQ(first_difference(before[i].places[place], after[i].places[place]), -1)
            << x.name();
      }
      for (std::size_t place = 0; place < before[i].beside.size(); ++place)
        EXPECT_EQ(before[i].beside[place].memory, after[i].beside[place].memory) << x.name();
    }
  };
  for (const char* key : {"adamw", "lamb", "novograd"})
    for (const bool is_ready : {true, false}) {
      const EmulatedRule& rule = rule_called(key);
      expect_rest({*rule.table, *rule.launches, 0, false, Format::Float}, is_ready);
      Case mixed{*rule.table, *rule.launches, 0, false, Format::Mixed};
      for (const Setting& setting : kSettings) {
        mixed.setting = setting;
        expect_rest(mixed, is_ready);
      }
    }
}

TEST(CudaKernels, UndoAScaleOfGradients) {
  for (const char* key : {"adamw", "lamb"}) {
    const EmulatedRule& rule = rule_called(key);
    Case plain{*rule.table, *rule.launches, 0, false, Format::Float};
    plain.make_sets(1);
    Case scaled = plain;
    scaled.scaled = true;
    scaled.inverse_scale = 1.0f / 1024;
    std::vector<Parameter> expected = plain.parameters({5, 128, 5000}), found = expected;
    for (Parameter& x : found)
      for (int64_t i = 0; i < x.places[1].n; ++i) x.places[1].set(i, 1024 * x.places[1].get(i));
    std::vector<double> sums;
    plain.step_by_kernels(expected, 1, sums);
    scaled.step_by_kernels(found, 1, sums);
    for (std::size_t i = 0; i < expected.size(); ++i)
      for (const std::size_t place : {0, 2, 3})
        EXPECT_EQ(first_difference(expected[i].places[place], found[i].places[place]), -1) << key;
  }
}

}  // namespace
}  // namespace descent::engine::cuda
