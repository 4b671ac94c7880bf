// What is refused: with class, field, value and what is allowed, and with nothing changed.
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <torch/optim/lbfgs.h>
#include <torch/types.h>

#include "checks.h"

namespace refusals_test {
namespace {

using namespace checks;
using testing::AllOf;
using testing::HasSubstr;

/// The message of the c10::Error that `act` throws; "" if it throws nothing.
template <class Act>
std::string refusal(Act act) {
  try {
    act();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "";
}

std::vector<std::string> keys() {
  std::vector<std::string> list;
  for (const RuleTable* rule : descent::optimizers()) list.emplace_back(rule->about.key);
  return list;
}

/// A matrix, because Muon takes nothing else.
at::Tensor leaf() { return at::ones({1, 1}, at::kDouble).requires_grad_(); }

class EveryRuleRefuses : public testing::TestWithParam<std::string> {
 protected:
  const RuleTable& rule() const { return descent::find_rule(GetParam()); }
  std::string name() const { return rule().about.name; }

  std::unique_ptr<descent::OptimizerBase> make(std::vector<at::Tensor> params,
                                               const OptionValues& options = {}) const {
    return descent::make_optimizer(GetParam(), std::move(params), options);
  }
};

INSTANTIATE_TEST_SUITE_P(Registered, EveryRuleRefuses, testing::ValuesIn(keys()),
                         [](const auto& rule) { return rule.param; });

/// Whether a number is in the range that an option's text promises.
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

bool in_range(std::string allowed, double x) {
  for (const std::string_view before : {"none or ", "each "})
    if (const auto found = allowed.find(before); found != std::string::npos)
      allowed = allowed.substr(found + before.size());
  const std::string whole = "a whole number, ";
  if (allowed.starts_with(whole)) {
    if (x != std::floor(x) || std::isinf(x)) return false;
    allowed = allowed.substr(whole.size());
  }
  if (allowed == "finite") return std::isfinite(x);
  if (allowed == "finite and >= 0") return std::isfinite(x) && x >= 0;
  if (allowed == "finite and > 0") return std::isfinite(x) && x > 0;
  if (allowed == "finite and >= 1") return std::isfinite(x) && x >= 1;
  if (allowed == ">= 0") return x >= 0;
  if (allowed == "finite and > 1") return std::isfinite(x) && x > 1;
  if (allowed == "finite and < 1") return x > -kInf && x < 1;
  if (allowed == "in [1, 99]") return x >= 1 && x <= 99;
  if (allowed == "> 1") return x > 1;
  if (allowed == "finite and >= 4") return std::isfinite(x) && x >= 4;
  if (allowed == "finite and <= 0") return std::isfinite(x) && x <= 0;
  if (allowed == "in (0, 1)") return x > 0 && x < 1;
  if (allowed == "in (0, 1]") return x > 0 && x <= 1;
  if (allowed == "in [0, 1)") return x >= 0 && x < 1;
  if (allowed == "in [0, 1]") return x >= 0 && x <= 1;
  ADD_FAILURE() << "this test does not know the range '" << allowed << "': teach it";
  return false;
}

constexpr double kCandidates[] = {-kInf, -1, -1e-300, 0, 0.5, 1, 1.5, kInf, kNan};

/// The option with a number at one of its places.
std::vector<std::pair<descent::OptionValue, double>> candidates(const descent::OptionInfo& option) {
  std::vector<std::pair<descent::OptionValue, double>> list;
  for (const double x : kCandidates) {
    const bool is_flag = option.allowed.ends_with("true or false");
    if (std::holds_alternative<double>(option.value) || (may_be_none(option) && !is_flag))
      list.emplace_back(x, x);
    if (const auto* numbers = std::get_if<std::vector<double>>(&option.value))
      for (size_t i = 0; i < numbers->size(); ++i) {
        auto changed = *numbers;
        changed[i] = x;
        list.emplace_back(changed, x);
      }
  }
  return list;
}

TEST_P(EveryRuleRefuses, NumbersOutOfRangeAndNoOthers) {
  for (const auto& option : rule().defaults)
    for (const auto& [candidate, number] : candidates(option)) {
      const auto& value = candidate;  // Clang before 16 captures no structured bindings
      const std::string text = option.name + " = " + to_text(value);
      const auto message =
          AllOf(HasSubstr(name() + ": " + text), HasSubstr("must be "), HasSubstr(option.allowed));
      if (in_range(option.allowed, number)) {
        const std::string found = rule().problem(options_of(rule(), {{option.name, value}}).get());
        // In range alone it may still be refused together with another option, by a text of the
        // rule's.
        EXPECT_THAT(found, testing::Not(HasSubstr("must be " + option.allowed))) << text;
        // Of rules that divide by the rate and let a group rest, one must not.
        const bool all_rest = rule().divides_by_lr && option.name == "lr" && number == 0;
        if (found.empty() && !all_rest) {
          EXPECT_EQ(refusal([&] { make({leaf()}, {{option.name, value}}); }), "") << text;
        }
        continue;
      }
      EXPECT_THAT(refusal([&] { make({leaf()}, {{option.name, value}}); }), message) << text;

      const at::Tensor p = leaf();
      const auto opt = make({p});
      EXPECT_THAT(refusal([&] { opt->add_group({leaf()}, {{option.name, value}}); }), message);
      EXPECT_EQ(opt->param_groups().size(), 1);
      p.mutable_grad() = at::ones({1, 1}, at::kDouble);
      take_step(*opt);
      auto edited = rule().make_options(opt->group_options().value());
      if (!rule().set(edited.get(), option.name, value).empty()) continue;  // no field can hold it
      const auto before = everything(*opt);
      opt->group_options().assign(edited.get());
      if (rule().divides_by_lr && option.name == "lr" && number == 0)
        take_step(*opt);  // a schedule may set the rate to 0: a rest
      else
        EXPECT_THAT(refusal([&] { take_step(*opt); }), message) << text;
      EXPECT_EQ(difference(everything(*opt), before), "") << text;

      torch::optim::OptimizerParamGroup group(
          {leaf()}, std::as_const(*opt).param_groups()[0].options().clone());
      EXPECT_THAT(refusal([&] { opt->add_param_group(group); }), message) << text;
      EXPECT_EQ(opt->param_groups().size(), 1);
    }
}

TEST_P(EveryRuleRefuses, ValuesOfAnotherKind) {
  for (const auto& option : rule().defaults) {
    const descent::OptionValue wrong =
        option.allowed.ends_with("true or false") ? descent::OptionValue(0.5) : true;
    EXPECT_THAT(refusal([&] {
                  make({leaf()}, {{option.name, wrong}});
                }),
                AllOf(HasSubstr(name() + ": " + option.name + " = " + to_text(wrong)),
                      HasSubstr(option.allowed)));
  }
}

TEST_P(EveryRuleRefuses, WordsThatNoEnumHas) {
  for (const auto& option : rule().defaults) {
    if (choices(option).empty()) continue;
    EXPECT_THAT(
        refusal([&] {
          make({leaf()}, {{option.name, "sideways"}});
        }),
        AllOf(HasSubstr(name() + ": " + option.name + " = sideways"), HasSubstr(option.allowed)));
  }
}

TEST_P(EveryRuleRefuses, OptionsThatItDoesNotHave) {
  EXPECT_THAT(refusal([&] { make({leaf()}, {{"l", 0.1}}); }), HasSubstr(name()));
  EXPECT_THAT(refusal([&] {
                make({leaf()}, {{"lrr", 0.1}});
              }),
              AllOf(HasSubstr("has no option lrr"), HasSubstr("did you mean lr")));
}

TEST_P(EveryRuleRefuses, ParametersThatCannotBeOptimized) {
  const at::Tensor good = leaf();
  const auto opt = make({good});
  const std::vector<std::tuple<const char*, std::vector<at::Tensor>, const char*>> lists{
      {"none", {}, "params is empty"},
      {"undefined", {leaf(), at::Tensor()}, "params[1] is undefined"},
      {"integral", {at::ones({2}, at::kLong)}, "params[0] has dtype Long"},
      {"bool", {at::ones({2}, at::kBool)}, "params[0] has dtype Bool"},
      {"complex", {leaf(), leaf(), at::zeros({2}, at::kComplexHalf)}, "params[2] has dtype"},
      {"not a leaf", {leaf() * 2}, "must be a leaf"},
      {"sparse", {at::eye(3).to_sparse()}, "must be strided"},
  };
  for (const auto& [what, params, message] : lists) {
    EXPECT_THAT(refusal([&, &bad = params] { make(bad); }),
                AllOf(HasSubstr(name() + ": params"), HasSubstr(message)))
        << what;
    EXPECT_THAT(refusal([&, &bad = params] { opt->add_group(bad); }), HasSubstr(message)) << what;
    EXPECT_THAT(refusal([&, &bad = params] {
                  opt->add_param_group(torch::optim::OptimizerParamGroup(bad));
                }),
                HasSubstr(message))
        << what;
    EXPECT_EQ(opt->param_groups().size(), 1) << what;
  }
}

TEST_P(EveryRuleRefuses, TheSameParameterTwice) {
  const at::Tensor p = leaf(), q = leaf();
  const auto message = AllOf(HasSubstr(name() + ": params[1]"), HasSubstr("must be there once"));
  EXPECT_THAT(refusal([&] { make({p, p}); }), message);
  const auto opt = make({p});
  EXPECT_THAT(refusal([&] { opt->add_group({q, p}); }), message);
  EXPECT_THAT(refusal([&] { opt->add_group({q, q}); }), message);
  EXPECT_EQ(opt->param_groups().size(), 1);
  opt->add_group({q});
  EXPECT_EQ(opt->param_groups().size(), 2);
}

TEST_P(EveryRuleRefuses, AParameterThatWasPushedIntoAGroupTwice) {
  // LibTorch hands out its groups' lists, so that step() is the first to see this.
  const at::Tensor p = leaf();
  p.mutable_grad() = at::ones({1, 1}, at::kDouble);
  const auto opt = make({p});
  opt->param_groups()[0].params().push_back(p);
  EXPECT_THAT(refusal([&] { take_step(*opt); }), HasSubstr("must be there once"));
  EXPECT_TRUE(same_bits(p, at::ones({1, 1}, at::kDouble)));
}

TEST_P(EveryRuleRefuses, UnfitParametersThatWerePushedIntoAGroup) {
  for (const at::Tensor& bad : {at::Tensor(), at::zeros({2}, at::kComplexHalf)}) {
    const at::Tensor p = leaf();
    p.mutable_grad() = at::ones({1, 1}, at::kDouble);
    const auto opt = make({p});
    opt->param_groups()[0].params().push_back(bad);
    if (bad.defined()) bad.mutable_grad() = at::zeros_like(bad);
    EXPECT_THAT(refusal([&] { take_step(*opt); }), HasSubstr(name() + ": params[1]"));
    EXPECT_TRUE(same_bits(p, at::ones({1, 1}, at::kDouble)));
    EXPECT_EQ(opt->state_of(p), nullptr);
  }
}

TEST_P(EveryRuleRefuses, GradientsThatAreSparseOrOfAnotherShape) {
  const at::Tensor p = at::ones({3}, at::kDouble).requires_grad_();
  const at::Tensor q = at::ones({3}, at::kDouble).requires_grad_();
  const auto opt = make_fitting(rule(), {p, q});
  p.mutable_grad() = at::ones({3}, at::kDouble);
  q.mutable_grad() = at::ones({3}, at::kDouble);
  take_step(*opt);
  const auto before = everything(*opt);
  // Some rules take sparse ones, but not compressed ones.
  const at::Tensor sparse = rule().takes_sparse == nullptr
                                ? at::ones({3}, at::kDouble).to_sparse()
                                : at::ones({3, 1}, at::kDouble).to_sparse_csr();
  q.mutable_grad() = at::Tensor();
  q.unsafeGetTensorImpl()->mutable_grad() = sparse;
  EXPECT_THAT(refusal([&] { take_step(*opt); }),
              AllOf(HasSubstr(name() + ": the gradient of params[1]"), HasSubstr("Sparse")));
  q.mutable_grad() = at::ones({1, 3}, at::kDouble);
  EXPECT_THAT(refusal([&] { take_step(*opt); }),
              AllOf(HasSubstr("the gradient of params[1]"), HasSubstr("[1, 3]"), HasSubstr("[3]")));
  EXPECT_EQ(difference(everything(*opt), before), "");
}

TEST_P(EveryRuleRefuses, GroupsOfAnotherClasssOptions) {
  const at::Tensor p = leaf();
  const RuleTable& other = descent::find_rule(GetParam() == "lion" ? "adamw" : "lion");
  const auto foreign = [&] { return descent::make_group_options(other); };
  const auto lbfgs = [] { return std::make_unique<torch::optim::LBFGSOptions>(0.1); };
  const auto opt = make({p});
  EXPECT_THAT(refusal([&] {
                opt->add_param_group({{leaf()}, foreign()});
              }),
              AllOf(HasSubstr(name() + ": "), HasSubstr(other.about.name)));
  EXPECT_THAT(refusal([&] {
                opt->add_param_group({{leaf()}, lbfgs()});
              }),
              AllOf(HasSubstr(name() + ": "), HasSubstr("torch::optim::LBFGSOptions")));
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(std::vector<at::Tensor>{leaf()}, foreign());
  EXPECT_THAT(refusal([&] {
                descent::make_optimizer(rule(), groups, *descent::make_group_options(rule()));
              }),
              HasSubstr(other.about.name));
  EXPECT_EQ(opt->param_groups().size(), 1);

  p.mutable_grad() = at::ones({1, 1}, at::kDouble);
  take_step(*opt);
  const auto before = everything(*opt);
  opt->param_groups()[0].set_options(foreign());
  EXPECT_THAT(refusal([&] { take_step(*opt); }), HasSubstr(other.about.name));
  opt->param_groups()[0].set_options(lbfgs());
  EXPECT_THAT(refusal([&] { take_step(*opt); }), HasSubstr("torch::optim::LBFGSOptions"));
  EXPECT_EQ(difference(everything(*opt), before), "");
}

TEST_P(EveryRuleRefuses, AnEditOfOneGroupThatIsOutOfRangeBeforeAnyGroupMoves) {
  const at::Tensor p = leaf(), q = leaf();
  const auto opt = make({p});
  opt->add_group({q});
  for (const at::Tensor& x : {p, q}) x.mutable_grad() = at::ones({1, 1}, at::kDouble);
  take_step(*opt);
  const auto before = everything(*opt);
  const double lr = std::as_const(*opt).group_options(1).get_lr();
  opt->param_groups()[1].options().set_lr(-2);
  EXPECT_THAT(refusal([&] { take_step(*opt); }), HasSubstr(name() + ": lr = -2, must be"));
  EXPECT_EQ(difference(everything(*opt), before), "");
  opt->param_groups()[1].options().set_lr(lr);
  take_step(*opt);
  EXPECT_NE(difference(everything(*opt), before), "");
}

TEST(Refuses, AnEnumThatNoNameStandsFor) {
  const at::Tensor p = leaf();
  const auto wrong = static_cast<descent::EpsMode>(7);
  EXPECT_THAT(refusal([&] { descent::AdamW({p}, {.eps_mode = wrong}); }),
              AllOf(HasSubstr("AdamW: eps_mode = "), HasSubstr("outside, inside or hat")));
}

TEST(Refuses, NesterovWithoutMomentumOrWithDampening) {
  for (const descent::SGD::Options& options :
       {descent::SGD::Options{.nesterov = true},
        descent::SGD::Options{.momentum = 0.9, .dampening = 0.1, .nesterov = true}})
    EXPECT_THAT(refusal([&] { descent::SGD({leaf()}, options); }),
                HasSubstr("SGD: nesterov = true, must be false unless"));
  EXPECT_EQ(refusal([] { descent::SGD({leaf()}, {.momentum = 0.9, .nesterov = true}); }), "");
}

TEST(Refuses, BoundsOfLambsRatioInTheWrongOrder) {
  EXPECT_THAT(refusal([] { descent::LAMB({leaf()}, {.phi_min = 2, .phi_max = 1}); }),
              HasSubstr("LAMB: phi_min = 2, must be <= phi_max"));
}

TEST(Refuses, AFullMatrixThatIsTooLarge) {
  const at::Tensor p = at::ones({5}).requires_grad_(), q = at::ones({4}).requires_grad_();
  EXPECT_THAT(refusal([&] { descent::FullAdagrad({p}, {.max_dim = 4}); }),
              AllOf(HasSubstr("FullAdagrad: params[0]"), HasSubstr("5"), HasSubstr("max_dim = 4")));
  EXPECT_THAT(
      refusal([&] {
        descent::FullAdagrad({p, q}, {.block = descent::AdagradBlock::PerGroup, .max_dim = 8});
      }),
      HasSubstr("max_dim = 8"));
  descent::FullAdagrad opt({p}, {.max_dim = 5});
  opt.options().max_dim = 3;
  p.mutable_grad() = at::ones({5});
  EXPECT_THAT(refusal([&] { opt.step(); }), HasSubstr("max_dim = 3"));
  EXPECT_TRUE(at::equal(p, at::ones({5})));
}

TEST(Refuses, ABlockOfDifferentTypes) {
  EXPECT_THAT(refusal([] {
                descent::FullAdagrad({at::ones({2}), at::ones({2}, at::kDouble)},
                                     {.block = descent::AdagradBlock::PerGroup});
              }),
              HasSubstr("FullAdagrad: params[1]"));
}

TEST(Refuses, NamesOfNoOptimizerAndListsTheNearest) {
  EXPECT_THAT(refusal([] { descent::make_optimizer("adamv", {leaf()}); }),
              AllOf(HasSubstr("no optimizer is called adamv"), HasSubstr("adam")));
  EXPECT_THAT(refusal([] { descent::find_rule(""); }), HasSubstr("no optimizer"));
}

TEST(Refuses, AGroupThatDoesNotExist) {
  descent::Lion opt({leaf()});
  EXPECT_THAT(refusal([&] { opt.group_options(1); }), HasSubstr("Lion: group 1"));
}

TEST(Refuses, ABufferThatNoStateHas) {
  const at::Tensor p = leaf();
  p.mutable_grad() = at::ones({1, 1}, at::kDouble);
  descent::Lion opt({p});
  opt.step();
  EXPECT_TRUE(opt.state_of(p)->buffer("exp_avg").defined());
  EXPECT_THAT(refusal([&] { opt.state_of(p)->buffer("exp_avg_sq"); }), HasSubstr("exp_avg_sq"));
}

TEST(Refuses, SettingSeveralOptionsAllOrNone) {
  descent::AdamW opt({leaf()});
  const std::string before = opt.group_options().text();
  EXPECT_NE(refusal([&] { opt.group_options().set({{"lr", 0.5}, {"eps", -1}}); }), "");
  EXPECT_NE(refusal([&] { opt.group_options().set({{"lr", 0.5}, {"epsilon", 1}}); }), "");
  EXPECT_EQ(opt.group_options().text(), before);
}

}  // namespace
}  // namespace refusals_test
