// What every registered rule does, a program's own included, before its author writes a test.
#include <gmock/gmock.h>

#include "checks.h"

namespace contract_test {
namespace {

using namespace checks;
using testing::IsEmpty;

std::vector<std::string> keys() {
  std::vector<std::string> list;
  for (const RuleTable* rule : descent::optimizers()) list.emplace_back(rule->about.key);
  return list;
}

class EveryRule : public testing::TestWithParam<std::string> {
 protected:
  /// Decompositions of small matrices take much longer on several threads.
  void SetUp() override {
    if (rule().tensor_update != nullptr) torch::set_num_threads(1);
  }
  void TearDown() override { torch::set_num_threads(threads_); }

  const RuleTable& rule() const { return descent::find_rule(GetParam()); }

  Failures with_all_settings(const std::function<Failures(const OptionValues&)>& check) const {
    return on_all(settings(rule()), check);
  }
  Failures with_pairs_too(const std::function<Failures(const OptionValues&)>& check) const {
    Failures failures = with_all_settings(check);
    for (auto& failure : on_all(paired_settings(rule()), check)) failures.push_back(failure);
    return failures;
  }

 private:
  const int threads_ = torch::get_num_threads();
};

INSTANTIATE_TEST_SUITE_P(Registered, EveryRule, testing::ValuesIn(keys()),
                         [](const auto& rule) { return rule.param; });

/// Around the lanes of a vector and the blocks of the step.
const Shapes kEdges{{0}, {1}, {}, {31}, {32}, {33}, {4095}, {4096}, {4097}, {17, 13}};
/// Enough in all for several threads, and one that several threads share.
const Shapes kLarge{{70000}, {40000}, {4097}, {33}, {1}, {0}, {66000}};
const Shapes kTiny{{0}, {1}, {31}, {33}, {}, {7, 5}};

TEST_P(EveryRule, HasSettingsToTestBesidesItsDefaults) { EXPECT_GT(settings(rule()).size(), 1); }

TEST_P(EveryRule, GivesTheSameBitsOnEveryPassInFloat32) {
  EXPECT_THAT(with_all_settings([&](const OptionValues& options) {
                return gives_the_same_bits_on_every_pass(rule(), options, kEdges, at::kFloat, 10);
              }),
              IsEmpty());
}

TEST_P(EveryRule, GivesTheSameBitsOnEveryPassInFloat64) {
  EXPECT_THAT(with_all_settings([&](const OptionValues& options) {
                return gives_the_same_bits_on_every_pass(rule(), options, kEdges, at::kDouble, 10);
              }),
              IsEmpty());
}

TEST_P(EveryRule, GivesTheSameBitsOnEveryPassInBFloat16AndHalf) {
  const Shapes shapes{{0}, {1}, {33}, {511}, {513}, {4097}, {}, {9000}};
  for (const auto type : {at::kBFloat16, at::kHalf})
    EXPECT_THAT(with_all_settings([&](const OptionValues& options) {
                  return gives_the_same_bits_on_every_pass(rule(), options, shapes, type, 10);
                }),
                IsEmpty());
}

TEST_P(EveryRule, GivesTheSameBitsOnEveryPassWithTwoOptionsChanged) {
  for (const auto type : {at::kFloat, at::kDouble})
    EXPECT_THAT(on_all(paired_settings(rule()),
                       [&](const OptionValues& options) {
                         return gives_the_same_bits_on_every_pass(rule(), options, kTiny, type, 4);
                       }),
                IsEmpty());
}

TEST_P(EveryRule, GivesTheSameBitsOnEveryPassInLargeTensors) {
  for (const auto type : {at::kFloat, at::kDouble})
    EXPECT_THAT(gives_the_same_bits_on_every_pass(rule(), settings(rule()).front().options, kLarge,
                                                  type, 10),
                IsEmpty());
}

TEST_P(EveryRule, GivesTheSameBitsOnAnyNumberOfThreads) {
  const Shapes& shapes = rule().tensor_update != nullptr ? kSmallShapes : kLarge;
  EXPECT_THAT(with_all_settings([&](const OptionValues& options) {
                return gives_the_same_bits_on_any_number_of_threads(rule(), options, shapes,
                                                                    at::kFloat, 2);
              }),
              IsEmpty());
  for (const auto type : {at::kDouble, at::kHalf})
    EXPECT_THAT(gives_the_same_bits_on_any_number_of_threads(
                    rule(), settings(rule()).front().options, shapes, type, 3),
                IsEmpty());
}

/// Longer than the pieces of a norm are one block each.
TEST_P(EveryRule, GivesTheSameBitsOnTensorsOfMoreThanAMillionElements) {
  if (rule().tensor_update != nullptr)
    GTEST_SKIP() << "a tensor algorithm has no blocks and one pass";
  const Shapes shapes{{1100000}, {5}};
  const OptionValues options = settings(rule()).front().options;
  EXPECT_THAT(gives_the_same_bits_on_every_pass(rule(), options, shapes, at::kFloat, 2), IsEmpty());
  EXPECT_THAT(gives_the_same_bits_on_any_number_of_threads(rule(), options, shapes, at::kFloat, 2),
              IsEmpty());
}

TEST_P(EveryRule, ComputesBFloat16AndHalfAsFloat) {
  for (const auto type : {at::kBFloat16, at::kHalf})
    for (const char* state : {"float32", "param"}) {
      const OptionValues kept{{"state_dtype", state}};
      if (is_refused(rule(), kept, type)) continue;
      EXPECT_THAT(with_all_settings([&](const OptionValues& options) {
                    return computes_16_bits_as_float(rule(), joined(options, kept), type);
                  }),
                  IsEmpty())
          << "state_dtype=" << state;
    }
}

TEST_P(EveryRule, TakesAnyLayoutOfParameterAndGradient) {
  for (const auto type : {at::kFloat, at::kDouble})
    EXPECT_THAT(with_all_settings([&](const OptionValues& options) {
                  return takes_any_layout(rule(), options, {5, 9}, type);
                }),
                IsEmpty());
}

TEST_P(EveryRule, TakesAnyLayoutOfParametersLongerThanABlock) {
  if (rule().tensor_update != nullptr) GTEST_SKIP() << "a tensor algorithm has no blocks";
  for (const auto type : {at::kFloat, at::kDouble})
    EXPECT_THAT(takes_any_layout(rule(), settings(rule()).front().options, {130, 310}, type),
                IsEmpty());
}

TEST_P(EveryRule, FollowsAChangeOfTheParametersLayout) {
  for (const auto type : {at::kFloat, at::kDouble})
    EXPECT_THAT(with_all_settings([&](const OptionValues& options) {
                  return follows_a_change_of_layout(rule(), options, type);
                }),
                IsEmpty());
}

TEST_P(EveryRule, IgnoresParametersWithoutGradient) {
  EXPECT_THAT(with_pairs_too([&](const OptionValues& options) {
                return ignores_parameters_without_gradient(rule(), options);
              }),
              IsEmpty());
}

TEST_P(EveryRule, NeverWritesGradients) {
  EXPECT_THAT(with_all_settings([&](const OptionValues& options) {
                return never_writes_gradients(rule(), options);
              }),
              IsEmpty());
}

TEST_P(EveryRule, KeepsNoGradientsMemory) {
  for (const auto type : {at::kFloat, at::kDouble})
    EXPECT_THAT(with_all_settings([&](const OptionValues& options) {
                  return keeps_no_gradients_memory(rule(), options, type);
                }),
                IsEmpty())
        << type;
}

TEST_P(EveryRule, StaysAtRateZero) {
  EXPECT_THAT(with_all_settings(
                  [&](const OptionValues& options) { return stays_at_rate_zero(rule(), options); }),
              IsEmpty());
}

TEST_P(EveryRule, DecaysAsItsModeSays) {
  EXPECT_THAT(with_pairs_too([&](const OptionValues& options) {
                return decays_as_its_mode_says(rule(), options);
              }),
              IsEmpty());
}

TEST_P(EveryRule, AscendsAsItDescendsOnTheOpposite) {
  EXPECT_THAT(with_all_settings([&](const OptionValues& options) {
                return ascends_as_it_descends_on_the_opposite(rule(), options);
              }),
              IsEmpty());
}

TEST_P(EveryRule, DoesNotSeeHowParametersAreGrouped) {
  EXPECT_THAT(with_pairs_too([&](const OptionValues& options) {
                return does_not_see_how_parameters_are_grouped(rule(), options);
              }),
              IsEmpty());
}

TEST_P(EveryRule, ContinuesFromAnArchiveBitForBit) {
  for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16})
    EXPECT_THAT(with_all_settings([&](const OptionValues& options) {
                  return continues_from_an_archive(rule(), options, type);
                }),
                IsEmpty());
}

TEST_P(EveryRule, TakesParametersOfDifferentTypesTogether) {
  const OptionValues options = settings(rule()).front().options;
  if (joins_group(rule(), options)) GTEST_SKIP() << "a block of all parameters has one type";
  if (!rule().shared.empty() || draws_by_position(rule()))
    GTEST_SKIP() << "a parameter's way goes by the others";
  const std::vector<at::ScalarType> types{at::kFloat, at::kDouble, at::kBFloat16, at::kHalf,
                                          at::kFloat};
  std::vector<at::Tensor> params;
  for (const auto type : types)
    params.push_back(noise({50}, type, static_cast<int64_t>(params.size())).requires_grad_());
  Training together(rule(), options, params);
  together.steps(1, 4);
  for (size_t i = 0; i < types.size(); ++i) {
    const at::Tensor p = noise({50}, types[i], static_cast<int64_t>(i)).requires_grad_();
    Training alone(rule(), options, {p});
    for (int64_t t = 1; t <= 4; ++t) {
      if (i % 3 == 2 && t % 4 == 2) continue;  // as set_gradients leaves it out
      p.mutable_grad() = noise({50}, types[i], 1000 * t + static_cast<int64_t>(i));
      take_step(*alone.optimizer);
    }
    EXPECT_TRUE(same_bits(params[i], p)) << "parameter " << i << " of type " << types[i];
  }
}

TEST_P(EveryRule, StaysFinite) {
  EXPECT_THAT(
      with_all_settings([&](const OptionValues& options) { return stays_finite(rule(), options); }),
      IsEmpty());
}

TEST_P(EveryRule, IgnoresNoOption) {
  // How a result is computed, and what is refused, are no part of it; blocks have tests of their own.
  // Recorded trajectories hold what acts only once a rate has been found.
  EXPECT_THAT(ignores_no_option(rule(), {"method", "max_dim", "split_sizes", "heads", "norm",
                                         "transpose", "d_coef", "growth_rate"}),
              IsEmpty());
}

TEST_P(EveryRule, PropagatesWhatIsNotANumber) {
  Training run(rule(), {}, parameters({{40}}, at::kFloat));
  set_gradients(run.params, 1);
  run.params[0].mutable_grad()[3] = NAN;
  for (int step = 0; step < 2; ++step) take_step(*run.optimizer);  // SOAP rests in the first
  // Lion's sign of NaN is 0; the state has it in any case.
  std::string seen;
  for (const auto& x : run.everything())
    if (x.is_floating_point() && x.isnan().any().item<bool>()) seen = "NaN";
  EXPECT_EQ(seen, "NaN");
}

}  // namespace
}  // namespace contract_test
