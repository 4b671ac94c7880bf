// Tests of tests: the checks of the contract suite find what is wrong with rules made wrong on
// purpose, and nothing with the rules that those were made from.
#include <gmock/gmock.h>
#include <torch/torch.h>

#include "checks.h"

namespace {

using namespace checks;
using testing::IsEmpty;
using testing::Not;

const std::string kLion = GOLDEN_FOLDER "/lion.json";
const std::string kAdam = GOLDEN_FOLDER "/adam.json";
const Shapes kShapes{{33}, {5}};

const RuleTable& rule(const char* key) { return descent::find_rule(key); }
OptionValues base(const char* key) { return settings(rule(key)).front().options; }

TEST(RecordedTrajectories, FindSwappedWeights) {
  EXPECT_THAT(follows_the_recording(rule("lion"), kLion, "lion"), IsEmpty());
  EXPECT_THAT(follows_the_recording(rule("swapped_lion"), kLion, "lion"), Not(IsEmpty()));
}

TEST(RecordedTrajectories, FindAStateThatIsForgotten) {
  EXPECT_THAT(follows_the_recording(rule("forgetful_lion"), kLion, "lion"), Not(IsEmpty()));
}

TEST(RecordedTrajectories, FindADecayAppliedTwice) {
  EXPECT_THAT(follows_the_recording(rule("adamw"), kAdam, "adamw"), IsEmpty());
  EXPECT_THAT(follows_the_recording(rule("twice_decayed_adamw"), kAdam, "adamw"), Not(IsEmpty()));
}

TEST(RecordedTrajectories, SayWhichCaseIsMissing) {
  EXPECT_THAT(follows_the_recording(rule("lion"), kLion, "no such case"), Not(IsEmpty()));
}

TEST(TheContract, FindsADecayAppliedTwice) {
  EXPECT_THAT(decays_as_its_mode_says(rule("adamw"), base("adamw")), IsEmpty());
  EXPECT_THAT(decays_as_its_mode_says(rule("twice_decayed_adamw"), base("twice_decayed_adamw")),
              Not(IsEmpty()));
}

TEST(TheContract, FindsADecayThatForgotTheRate) {
  EXPECT_THAT(stays_at_rate_zero(rule("lion"), base("lion")), IsEmpty());
  EXPECT_THAT(stays_at_rate_zero(rule("rateless_decay_lion"), base("rateless_decay_lion")),
              Not(IsEmpty()));
}

TEST(TheContract, FindsAFormulaThatDependsOnThePass) {
  for (const auto type : {at::kFloat, at::kDouble}) {
    EXPECT_THAT(gives_the_same_bits_on_every_pass(rule("lion"), base("lion"), kShapes, type, 10),
                IsEmpty());
    EXPECT_THAT(gives_the_same_bits_on_every_pass(rule("two_faced_lion"), base("two_faced_lion"),
                                                  kShapes, type, 10),
                Not(IsEmpty()));
  }
}

TEST(AnOptimizer, RefusesAFormThatItsRuleDoesNotList) {
  const auto message = testing::HasSubstr(
      "UnlistedFormLion: form(options) gives a Form that is not in the rule's list");
  const auto refusal = [](const auto& act) -> std::string {
    try {
      act();
    } catch (const c10::Error& error) {
      return error.what_without_backtrace();
    }
    return "";
  };
  const at::Tensor p = at::ones({3}).requires_grad_();
  const auto make = [&](double decay) {
    return descent::make_optimizer("unlisted_form_lion", {p}, {{"weight_decay", decay}});
  };
  EXPECT_THAT(refusal([&] { make(0.1); }), message);
  const auto opt = make(0);
  p.mutable_grad() = at::ones({3});
  opt->step();
  opt->group_options().set({{"weight_decay", 0.1}});
  const at::Tensor before = p.detach().clone();
  EXPECT_THAT(refusal([&] { opt->step(); }), message);
  EXPECT_TRUE(same_bits(p, before));
}

}  // namespace
