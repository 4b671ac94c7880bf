// Tests of tests: the checks of the contract suite find what is wrong with rules made wrong on
// purpose, and nothing with the rules that those were made from.
#include <gmock/gmock.h>
#include <torch/types.h>

#include "checks.h"

namespace wrong_rules_test {
namespace {

using namespace checks;
using testing::IsEmpty;
using testing::Not;

const std::string kLion = GOLDEN_FOLDER "/lion.json";
const std::string kAdam = GOLDEN_FOLDER "/adam.json";
const Shapes kShapes{{33}, {5}};

const RuleTable& rule(const char* key) { return descent::find_rule(key); }
OptionValues base(const char* key) { return settings(rule(key)).front().options; }

TEST(AFormThatIsNotListed, IsRefusedBeforeItIsUsed) {
  const at::Tensor p = at::ones({3}).requires_grad_();
  const auto opt = descent::make_optimizer("unlisted_form_lion", {p}, {{"lr", 0.5}});
  const auto complaint = [](const auto& act) -> std::string {
    try {
      act();
    } catch (const c10::Error& error) {
      return error.what_without_backtrace();
    }
    return "";
  };
  const auto forms = testing::HasSubstr("UnlistedFormLion: the options choose a form that");
  EXPECT_THAT(complaint([&] { opt->group_options().set({{"cautious", "mean_clamp"}}); }), forms);
  EXPECT_THAT(complaint([&] {
                descent::make_optimizer("unlisted_form_lion", {p}, {{"cautious", "mean_clamp"}});
              }),
              forms);
  // What is written past set() is found by the step, which then changes nothing.
  using Options = descent::rules::Lion::Options;
  Options unlisted = *static_cast<const Options*>(opt->group_options().value());
  unlisted.cautious = descent::Cautious::MeanClamp;
  opt->group_options().assign(&unlisted);
  p.mutable_grad() = at::ones({3});
  EXPECT_THAT(complaint([&] { opt->step(); }), forms);
  EXPECT_TRUE(at::equal(p, at::ones({3})));
}

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

}  // namespace
}  // namespace wrong_rules_test
