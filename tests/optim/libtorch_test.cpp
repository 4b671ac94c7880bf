// LibTorch's own optimizers: their options, and the archives that they write.
#include <sstream>

#include <gmock/gmock.h>
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>
#include <torch/serialize.h>
#include <torch/serialize/archive.h>
#include <torch/types.h>
#include <torch/version.h>

#include "checks.h"

namespace libtorch_test {
namespace {

using namespace checks;
using testing::AllOf;
using testing::HasSubstr;
using torch::optim::OptimizerParamGroup;
using torch::serialize::OutputArchive;

const Shapes kShapes{{6, 5}, {40}, {}, {2, 3, 4}};

std::string saved(const torch::optim::Optimizer& optimizer) {
  std::ostringstream out;
  torch::save(optimizer, out);
  return out.str();
}

template <class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "";
}

/// The message with which an archive is refused; fails the test unless nothing has changed.
std::string refusal(descent::OptimizerBase& optimizer, const std::string& archive) {
  const auto before = everything(optimizer);
  const std::string options = optimizer.group_options().text();
  const std::string message = message_of([&] {
    std::istringstream in(archive);
    torch::load(optimizer, in);
  });
  EXPECT_EQ(difference(everything(optimizer), before), "") << message;
  EXPECT_EQ(optimizer.group_options().text(), options) << message;
  return message;
}

/// One of ours that has gone some way on these shapes.
Training trained(const std::string& key, const Shapes& shapes = kShapes) {
  Training run(descent::find_rule(key), {}, parameters(shapes, at::kDouble));
  run.steps(1, 2);
  return run;
}

bool has_rule(std::string_view key) {
  for (const RuleTable* rule : descent::optimizers())
    if (rule->about.key == key) return true;
  return false;
}

/// What LibTorch's class and its options are, and which options ours have then.
struct Counterpart {
  std::string key;
  std::function<std::unique_ptr<torch::optim::Optimizer>(std::vector<OptimizerParamGroup>)> make;
  std::unique_ptr<torch::optim::OptimizerOptions> first, second;
  OptionValues first_values;
};

template <class Theirs, class Options>
Counterpart counterpart(const char* key, const Options& first, const Options& second,
                        const OptionValues& values) {
  return {key,
          [](std::vector<OptimizerParamGroup> groups) {
            return std::make_unique<Theirs>(std::move(groups), Options(0.25));
          },
          std::make_unique<Options>(first), std::make_unique<Options>(second), values};
}

std::vector<Counterpart> counterparts() {
  using namespace torch::optim;
  std::vector<Counterpart> list;
  list.push_back(counterpart<torch::optim::SGD>(
      "sgd", SGDOptions(0.05).momentum(0.9).dampening(0.3).weight_decay(0.1),
      SGDOptions(0.02).momentum(0.8).nesterov(true),
      {{"lr", 0.05}, {"momentum", 0.9}, {"dampening", 0.3}, {"weight_decay", 0.1}}));
  list.push_back(counterpart<torch::optim::Adam>(
      "adam", AdamOptions(0.05).betas({0.8, 0.95}).eps(1e-3).weight_decay(0.1).amsgrad(true),
      AdamOptions(0.02),
      {{"lr", 0.05},
       {"betas", {0.8, 0.95}},
       {"eps", 1e-3},
       {"weight_decay", 0.1},
       {"amsgrad", true}}));
  list.push_back(counterpart<torch::optim::AdamW>(
      "adamw", AdamWOptions(0.05).betas({0.8, 0.95}).eps(1e-3).weight_decay(0.3),
      AdamWOptions(0.02).amsgrad(true),
      {{"lr", 0.05}, {"betas", {0.8, 0.95}}, {"eps", 1e-3}, {"weight_decay", 0.3}}));
  list.push_back(counterpart<torch::optim::RMSprop>(
      "rmsprop",
      RMSpropOptions(0.02).alpha(0.9).eps(1e-4).weight_decay(0.1).momentum(0.7).centered(true),
      RMSpropOptions(0.01),
      {{"lr", 0.02},
       {"alpha", 0.9},
       {"eps", 1e-4},
       {"weight_decay", 0.1},
       {"momentum", 0.7},
       {"centered", true}}));
  list.push_back(counterpart<torch::optim::Adagrad>(
      "adagrad",
      AdagradOptions(0.1).lr_decay(0.01).eps(1e-5).weight_decay(0.1).initial_accumulator_value(0.2),
      AdagradOptions(0.05).eps(1e-4),
      {{"lr", 0.1},
       {"lr_decay", 0.01},
       {"eps", 1e-5},
       {"weight_decay", 0.1},
       {"initial_accumulator_value", 0.2}}));
  std::erase_if(list, [](const auto& c) { return !has_rule(c.key); });
  return list;
}

/// Theirs in two groups. LibTorch merges options that stand at their class's defaults with those of
/// the optimizer, so each group is given its own afterwards.
std::unique_ptr<torch::optim::Optimizer> theirs_of(const Counterpart& c,
                                                   const std::vector<at::Tensor>& p) {
  std::vector<OptimizerParamGroup> groups;
  groups.emplace_back(std::vector<at::Tensor>{p[0], p[1]});
  groups.emplace_back(std::vector<at::Tensor>{p[2], p[3]});
  auto theirs = c.make(std::move(groups));
  const auto give = [&](size_t g, const torch::optim::OptimizerOptions& options) {
    theirs->param_groups()[g].set_options(options.clone());
  };
  give(0, *c.first);
  give(1, *c.second);
  return theirs;
}

/// Ours in two groups, at options that are the defaults.
std::unique_ptr<descent::OptimizerBase> ours_of(const Counterpart& c,
                                                const std::vector<at::Tensor>& p) {
  auto ours = descent::make_optimizer(c.key, {p[0], p[1]});
  ours->add_group({p[2], p[3]});
  return ours;
}

/// Parameter 1 lacks a gradient now and then, parameter 3 until step 13.
void steps(torch::optim::Optimizer& optimizer, const std::vector<at::Tensor>& p, int64_t from,
           int64_t to) {
  for (int64_t t = from; t <= to; ++t) {
    for (size_t k = 0; k < p.size(); ++k) {
      const bool none = (k == 1 && t % 3 == 0) || (k == 3 && t < 13);
      p[k].mutable_grad() =
          none ? at::Tensor() : noise(p[k].sizes(), at::kDouble, 100 * t + static_cast<int64_t>(k));
    }
    optimizer.step();
  }
}

TEST(LibTorchsOptions, AreTakenByName) {
  for (const auto& c : counterparts()) {
    const auto [optimizer, values] = descent::options_of(*c.first);
    EXPECT_EQ(optimizer, c.key);
    const auto text = [&](const OptionValues& options) {
      const auto made = descent::make_group_options(descent::find_rule(c.key), options);
      return descent::group_options(*made).text();
    };
    EXPECT_EQ(text(values), text(c.first_values));
  }
}

TEST(LibTorchsOptions, MakeOptimizers) {
  const auto p = parameters(kShapes, at::kFloat);
  descent::AdamW adamw({p[0], p[1]}, torch::optim::AdamWOptions(0.25).betas({0.5, 0.75}));
  EXPECT_EQ(adamw.options().lr, 0.25);
  EXPECT_EQ(adamw.options().betas[1], 0.75);
  EXPECT_EQ(adamw.options().weight_decay, 0.01);
  adamw.add_group({p[2]}, [](auto& o) { o.eps = 0.5; });
  EXPECT_EQ(adamw.options(1).lr, 0.25);
  EXPECT_EQ(adamw.options(1).eps, 0.5);

  const descent::Adam adam(p, torch::optim::AdamOptions(0.5).weight_decay(0.25));
  const auto& options = *static_cast<const descent::Adam::Options*>(adam.group_options().value());
  EXPECT_EQ(options.weight_decay, 0.25);
  EXPECT_EQ(options.decay_mode, descent::DecayMode::Coupled);

  const descent::SGD plain(p, {});
  EXPECT_EQ(plain.group_options().get_lr(), 1e-3);
}

TEST(LibTorchsOptions, MeanInGroupsWhatTheLinkedLibTorchMeans) {
  const auto p = parameters(kShapes, at::kFloat);
  // The constructor's default of 1e-3, which LibTorch takes for "not given" since 2.12.
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 12)
  constexpr double kLr = 0.25, kEps = 0.5;
#else
  constexpr double kLr = 1e-3, kEps = 1e-8;
#endif
  std::vector<OptimizerParamGroup> groups;
  groups.emplace_back(std::vector<at::Tensor>{p[0]},
                      std::make_unique<torch::optim::AdamWOptions>(1e-3));
  groups.emplace_back(std::vector<at::Tensor>{p[1]});
  descent::AdamW opt(std::move(groups), torch::optim::AdamWOptions(0.25).eps(0.5));
  opt.add_param_group({{p[2]}, std::make_unique<torch::optim::AdamWOptions>(0.125)});
  opt.add_param_group(
      {{p[3]},
       std::make_unique<descent::AdamW::GroupOptions>(descent::AdamW::Options{.lr = 0.75})});
  EXPECT_EQ(opt.options(0).lr, kLr);
  EXPECT_EQ(opt.options(0).eps, kEps);
  EXPECT_EQ(opt.options(1).lr, 0.25);
  EXPECT_EQ(opt.options(1).eps, 0.5);
  EXPECT_EQ(opt.options(2).lr, 0.125);
  EXPECT_EQ(opt.options(3).lr, 0.75);
}

TEST(LibTorchsOptions, OfAnotherClassAreRefused) {
  const auto p = parameters(kShapes, at::kFloat);
  EXPECT_THAT(message_of([&] { descent::AdamW(p, torch::optim::AdamOptions(0.1)); }),
              AllOf(HasSubstr("AdamW: a group's options are torch::optim::AdamOptions"),
                    HasSubstr("must be AdamW::GroupOptions or torch::optim::AdamWOptions")));
  EXPECT_THAT(message_of([&] { descent::Lion(p, torch::optim::SGDOptions(0.1)); }),
              AllOf(HasSubstr("Lion: a group's options are torch::optim::SGDOptions"),
                    testing::EndsWith("must be Lion::GroupOptions")));
  EXPECT_THAT(message_of([&] { descent::Lion(p, descent::AdamW::GroupOptions({})); }),
              HasSubstr("Lion: a group's options are those of AdamW"));
  EXPECT_THAT(message_of([&] { descent::options_of(torch::optim::LBFGSOptions(1)); }),
              HasSubstr("options are torch::optim::LBFGSOptions, must be SGDOptions"));
  descent::SGD sgd({p[0]});
  EXPECT_THAT(message_of([&] {
                sgd.add_param_group({{p[1]}, std::make_unique<torch::optim::AdamOptions>(0.1)});
              }),
              HasSubstr("SGD: a group's options are torch::optim::AdamOptions"));
  EXPECT_EQ(sgd.param_groups().size(), 1u);
}

TEST(LibTorchsOptions, OutOfRangeAreRefused) {
  const auto p = parameters(kShapes, at::kFloat);
  EXPECT_THAT(message_of([&] { descent::AdamW(p, torch::optim::AdamWOptions(-1)); }),
              HasSubstr("AdamW: lr = -1, must be"));
}

TEST(LibTorchsArchives, AreContinued) {
  for (const auto& c : counterparts()) {
    const auto p = parameters(kShapes, at::kDouble);
    const auto theirs = theirs_of(c, p);
    steps(*theirs, p, 1, 10);
    const std::string archive = saved(*theirs);
    std::vector<at::Tensor> q;
    for (const auto& x : p) q.push_back(x.detach().clone());
    steps(*theirs, p, 11, 20);

    const auto fresh = ours_of(c, q);
    auto r = parameters(kShapes, at::kDouble);
    const auto used = ours_of(c, r);
    steps(*used, r, 1, 14);  // a state that has to go
    for (size_t k = 0; k < q.size(); ++k) r[k].detach().copy_(q[k]);
    for (const auto& [ours, params] : {std::pair{fresh.get(), q}, {used.get(), r}}) {
      std::istringstream in(archive);
      torch::load(*ours, in);
      EXPECT_EQ(ours->state_of(params[3]) == nullptr, c.key != "adagrad") << c.key;
      steps(*ours, params, 11, 20);
      std::vector<at::Tensor> found, wanted;
      for (size_t k = 0; k < params.size(); ++k) {
        found.push_back(params[k].detach());
        wanted.push_back(p[k].detach());
      }
      EXPECT_EQ(difference(found, wanted, 1e-12), "") << c.key;
    }
  }
}

TEST(LibTorchsArchives, OfAnotherOptimizerAreRefused) {
  for (const auto& c : counterparts()) {
    const auto p = parameters(kShapes, at::kDouble);
    auto theirs = c.make({OptimizerParamGroup(p)});
    set_gradients(p, 1);
    theirs->step();
    for (const RuleTable* rule : descent::optimizers()) {
      const std::string key = rule->about.key;
      const bool adams = c.key.starts_with("adam") && (key == "adam" || key == "adamw");
      if (key == c.key || adams) continue;
      Training ours = trained(key);
      EXPECT_THAT(refusal(*ours.optimizer, saved(*theirs)),
                  AllOf(HasSubstr(std::string(rule->about.name) + ": "), HasSubstr("must be of")))
          << c.key;
    }
  }
  const auto p = parameters(kShapes, at::kDouble);
  Training sgd = trained("sgd");
  EXPECT_THAT(
      refusal(*sgd.optimizer, saved(torch::optim::AdamW(p))),
      HasSubstr("SGD: group 0 of the archive lacks momentum, dampening, nesterov and has "));
}

TEST(LibTorchsArchives, OfOtherShapesAreRefused) {
  const auto archive_of = [](const Shapes& shapes) {
    const auto p = parameters(shapes, at::kDouble);
    torch::optim::AdamW theirs(p);
    set_gradients(p, 1);
    theirs.step();
    return saved(theirs);
  };
  Training ours = trained("adamw", {{3, 7}, {5}});
  EXPECT_THAT(refusal(*ours.optimizer, archive_of({{5}, {3, 7}})),
              HasSubstr("of params[0] has sizes [5], must be [3, 7]"));
  EXPECT_THAT(refusal(*ours.optimizer, archive_of({{3, 7}})),
              HasSubstr("has 1 parameters in group 0, must have 2"));
  const auto p = parameters({{3, 7}, {5}}, at::kDouble);
  torch::optim::AdamW groups({OptimizerParamGroup({p[0]}), OptimizerParamGroup({p[1]})});
  EXPECT_THAT(refusal(*ours.optimizer, saved(groups)), HasSubstr("has 2 groups, must have 1"));
}

TEST(LibTorchsArchives, WithValuesOutOfRangeAreRefused) {
  const auto p = parameters({{3}}, at::kDouble);
  torch::optim::AdamW theirs(p);
  set_gradients(p, 1);
  theirs.step();
  Training ours = trained("adamw", {{3}});
  const auto options = [&]() -> auto& {
    return static_cast<torch::optim::AdamWOptions&>(theirs.param_groups()[0].options());
  };
  options().lr(-1);
  EXPECT_THAT(refusal(*ours.optimizer, saved(theirs)), HasSubstr("AdamW: lr = -1, must be"));
  options().lr(1).amsgrad(true);
  EXPECT_THAT(refusal(*ours.optimizer, saved(theirs)),
              HasSubstr("state of params[0] lacks max_exp_avg_sq"));
  options().amsgrad(false);
  auto& state =
      static_cast<torch::optim::AdamWParamState&>(*theirs.state().at(p[0].unsafeGetTensorImpl()));
  state.step(-3);
  EXPECT_THAT(refusal(*ours.optimizer, saved(theirs)), HasSubstr("step = -3 for params[0]"));
  state.step(3).exp_avg(at::ones({3}, at::kInt));
  EXPECT_THAT(refusal(*ours.optimizer, saved(theirs)), HasSubstr("exp_avg of params[0] has dtype"));
  state.exp_avg(at::ones({3}, at::kFloat));
  std::istringstream in(saved(theirs));
  torch::load(*ours.optimizer, in);
  EXPECT_EQ(ours.optimizer->state_of(ours.params[0])->step(), 3);
}

TEST(LibTorchsArchives, ThatLackAPartAreRefused) {
  Training ours = trained("adamw");
  OutputArchive out;
  out.write("pytorch_version", c10::IValue("1.5.0"));
  std::ostringstream stream;
  out.save_to(stream);
  EXPECT_THAT(refusal(*ours.optimizer, stream.str()), HasSubstr("AdamW: the archive has no "));
}

}  // namespace
}  // namespace libtorch_test
