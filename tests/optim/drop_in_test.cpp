// Programs that were written for LibTorch's own optimizers: one pattern each, run with LibTorch's
// class and with ours, and compared.
#include <filesystem>

#include <gmock/gmock.h>
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/schedulers/step_lr.h>
#include <torch/optim/sgd.h>
#include <torch/serialize.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <torch/version.h>
#include <unistd.h>

#include "checks.h"

namespace {

using namespace checks;
using testing::AllOf;
using testing::HasSubstr;
using torch::optim::OptimizerParamGroup;

/// What LibTorch has, and what this library has under the same name.
template <class Theirs_, class Ours_, class Options_, class State_>
struct Pair {
  using Theirs = Theirs_;
  using Ours = Ours_;
  using Options = Options_;
  using State = State_;
};
using Pairs = testing::Types<
    Pair<torch::optim::SGD, descent::SGD, torch::optim::SGDOptions, torch::optim::SGDParamState>,
    Pair<torch::optim::Adam, descent::Adam, torch::optim::AdamOptions,
         torch::optim::AdamParamState>,
    Pair<torch::optim::AdamW, descent::AdamW, torch::optim::AdamWOptions,
         torch::optim::AdamWParamState>,
    Pair<torch::optim::RMSprop, descent::RMSprop, torch::optim::RMSpropOptions,
         torch::optim::RMSpropParamState>,
    Pair<torch::optim::Adagrad, descent::Adagrad, torch::optim::AdagradOptions,
         torch::optim::AdagradParamState>>;

/// Options under which every buffer of the class is used.
void use_all(torch::optim::SGDOptions& o) { o.momentum(0.9).nesterov(true).weight_decay(0.01); }
void use_all(torch::optim::AdamOptions& o) { o.amsgrad(true).weight_decay(0.01); }
void use_all(torch::optim::AdamWOptions& o) { o.amsgrad(true).betas({0.8, 0.95}); }
void use_all(torch::optim::RMSpropOptions& o) { o.momentum(0.9).centered(true); }
void use_all(torch::optim::AdagradOptions& o) { o.lr_decay(0.1).initial_accumulator_value(0.5); }
template <class Options>
Options options_at(double lr) {
  Options options(lr);
  use_all(options);
  return options;
}

/// The names of a state's buffers and their tensors.
template <class Class, class State>
std::vector<at::Tensor*> buffers(State& state) {
  std::vector<at::Tensor*> list;
  descent::engine::LibTorch<Class>::each_buffer(
      state, [&](const char*, at::Tensor& buffer) { list.push_back(&buffer); });
  return list;
}

std::vector<at::Tensor> parameters_of(const torch::optim::Optimizer& optimizer) {
  std::vector<at::Tensor> list;
  for (const auto& group : optimizer.param_groups())
    for (const auto& p : group.params()) list.push_back(p.detach().clone());
  return list;
}

void take_gradients(const torch::optim::Optimizer& optimizer, int64_t t) {
  int64_t k = 0;
  for (const auto& group : optimizer.param_groups())
    for (const auto& p : group.params())
      p.mutable_grad() = noise(p.sizes(), at::kDouble, 100 * t + k++);
}

void expect_same(const torch::optim::Optimizer& theirs, const torch::optim::Optimizer& ours) {
  EXPECT_EQ(difference(parameters_of(ours), parameters_of(theirs), 1e-12), "");
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "";
}

std::vector<at::Tensor> start() { return parameters({{3, 4}, {5}}, at::kDouble); }

template <class P>
class DropIn : public testing::Test {
 public:
  /// Runs a program with both classes, behind a pointer to LibTorch's class.
  template <class Program>
  void compare(Program program) {
    torch::manual_seed(0);
    const std::unique_ptr<typename P::Theirs> theirs =
        std::make_unique<typename P::Theirs>(start(), options_at<typename P::Options>(0.02));
    const std::unique_ptr<typename P::Theirs> ours =
        std::make_unique<typename P::Ours>(start(), options_at<typename P::Options>(0.02));
    program(*theirs);
    program(*ours);
    expect_same(*theirs, *ours);
  }
};
TYPED_TEST_SUITE(DropIn, Pairs);

TYPED_TEST(DropIn, IsLibTorchsClassAndHoldsItsOptionsAndStates) {
  typename TypeParam::Ours ours(start(), options_at<typename TypeParam::Options>(0.02));
  torch::optim::Optimizer& base = ours;
  EXPECT_NE(dynamic_cast<typename TypeParam::Theirs*>(&base), nullptr);
  EXPECT_NE(dynamic_cast<typename TypeParam::Options*>(&base.defaults()), nullptr);
  EXPECT_NE(dynamic_cast<typename TypeParam::Options*>(&base.param_groups()[0].options()), nullptr);
  take_gradients(base, 1);
  base.step();
  for (const auto& [key, state] : base.state())
    EXPECT_NE(dynamic_cast<typename TypeParam::State*>(state.get()), nullptr);
  // So is what is made by name, kept by the base class.
  const std::shared_ptr<torch::optim::Optimizer> made =
      descent::make_optimizer(ours.rule().about.key, start());
  EXPECT_NE(dynamic_cast<typename TypeParam::Theirs*>(made.get()), nullptr);
}

TYPED_TEST(DropIn, DecaysItsRateInEveryForm) {
  using Options = typename TypeParam::Options;
  constexpr bool kIsAdagrad = std::is_same_v<Options, torch::optim::AdagradOptions>;
  this->compare([](torch::optim::Optimizer& opt) {
    torch::optim::StepLR schedule(opt, 3, 0.5);
    for (int64_t t = 1; t <= 48; ++t) {
      take_gradients(opt, t);
      opt.step();
      const double lr = opt.param_groups()[0].options().get_lr();
      switch (t % 8) {
        case 1:  // groups by reference
          for (auto& group : opt.param_groups())
            static_cast<Options&>(group.options()).lr(lr * 0.9);
          break;
        case 2:  // options by reference, the tuple or number itself
          static_cast<Options&>(opt.param_groups()[0].options()).lr() *= 0.9;
          break;
        case 3:  // by a copy that is put back
        {
          Options copy = static_cast<Options&>(opt.param_groups()[0].options());
          copy.lr(lr * 0.9);
          static_cast<Options&>(opt.param_groups()[0].options()) = copy;
          break;
        }
        case 4:
          for (auto& group : opt.param_groups()) group.options().set_lr(lr * 0.9);
          break;
        case 5:
          if (auto* found = dynamic_cast<Options*>(&opt.param_groups()[0].options()))
            found->lr(found->get_lr() * 0.9);
          break;
        case 6:
          schedule.step();
          break;
        case 7: {  // the whole object
          auto made =
              std::make_unique<Options>(static_cast<Options&>(opt.param_groups()[0].options()));
          made->lr(lr * 0.9);
          opt.param_groups()[0].set_options(std::move(made));
          break;
        }
        default:  // of groups to come
          static_cast<Options&>(opt.defaults()).lr(lr);
          static_cast<Options&>(opt.defaults()).weight_decay(0.125);
          if constexpr (!kIsAdagrad)  // LibTorch's makes its states in the constructor alone
            opt.add_param_group(OptimizerParamGroup(parameters({{2}}, at::kDouble, t)));
      }
    }
  });
}

TYPED_TEST(DropIn, ReadsThroughTheBaseWhatIsWrittenThroughOursAndTheOtherWay) {
  using Options = typename TypeParam::Options;
  typename TypeParam::Ours ours(start());
  auto& theirs = static_cast<Options&>(ours.param_groups()[0].options());
  auto& options = ours.options();
  options.lr = 0.5;
  EXPECT_EQ(theirs.lr(), 0.5);
  EXPECT_EQ(theirs.get_lr(), 0.5);
  theirs.lr(0.25).weight_decay(0.75);
  EXPECT_EQ(options.lr, 0.25);
  EXPECT_EQ(options.weight_decay, 0.75);
  EXPECT_THAT(ours.group_options().text(), HasSubstr("lr=0.25,"));
  ours.group_options().set({{"lr", 0.125}});
  EXPECT_EQ(theirs.lr(), 0.125);
  EXPECT_EQ(options.lr, 0.125);
  const typename TypeParam::Ours::Options copy = ours.options();
  EXPECT_EQ(copy.weight_decay, 0.75);
}

TYPED_TEST(DropIn, KeepsItsOwnOptionsWhenLibTorchsObjectIsSet) {
  using Options = typename TypeParam::Options;
  typename TypeParam::Ours ours(start());
  ours.options().maximize = true;
  ours.options().decay_mode = descent::DecayMode::Decoupled;
  static_cast<Options&>(ours.param_groups()[0].options()) = options_at<Options>(0.5);
  EXPECT_TRUE(ours.options().maximize);
  EXPECT_EQ(ours.options().lr, 0.5);
  ours.param_groups()[0].set_options(std::make_unique<Options>(options_at<Options>(0.25)));
  EXPECT_TRUE(ours.options().maximize);
  EXPECT_EQ(ours.options().decay_mode, descent::DecayMode::Decoupled);
  EXPECT_EQ(ours.options().lr, 0.25);
  // A new group has those of the defaults.
  ours.param_groups().push_back(OptimizerParamGroup(
      parameters({{2}}, at::kDouble, 7), std::make_unique<Options>(options_at<Options>(0.75))));
  take_gradients(ours, 1);
  ours.step();
  EXPECT_FALSE(ours.options(1).maximize);
  EXPECT_EQ(ours.options(1).lr, 0.75);
}

TYPED_TEST(DropIn, FollowsEverySurgeryOnItsState) {
  using State = typename TypeParam::State;
  using Class = typename TypeParam::Theirs;
  this->compare([](torch::optim::Optimizer& opt) {
    int64_t t = 0;
    const auto run = [&] {
      for (int i = 0; i < 3; ++i) {
        take_gradients(opt, ++t);
        opt.step();
      }
    };
    auto& params = opt.param_groups()[0].params();
    const auto state_of = [&](size_t i) -> State& {
      return static_cast<State&>(*opt.state().at(params[i].unsafeGetTensorImpl()));
    };
    run();
    // In place, and by setter.
    for (at::Tensor* buffer : buffers<Class>(state_of(0))) buffer->mul_(0.5);
    for (at::Tensor* buffer : buffers<Class>(state_of(1))) *buffer = *buffer * 0.25;
    run();
    // A step count.
    if constexpr (requires { state_of(0).step(); }) state_of(0).step(state_of(0).step() + 10);
    run();
    // Points are added: the parameter grows, its state moves to another key.
    {
      at::Tensor old = params[0];
      at::Tensor grown = at::cat({old.detach(), at::ones({2, 4}, at::kDouble)}).requires_grad_();
      auto state = std::make_unique<State>(state_of(0));
      for (at::Tensor* buffer : buffers<Class>(*state))
        *buffer = at::cat({*buffer, at::zeros({2, 4}, at::kDouble)});
      opt.state().erase(old.unsafeGetTensorImpl());
      opt.state()[grown.unsafeGetTensorImpl()] = std::move(state);
      params[0] = grown;
    }
    run();
    // Points are pruned, the object itself is moved on.
    {
      at::Tensor old = params[0];
      at::Tensor pruned = old.detach().index_select(0, at::tensor({0, 2, 4})).requires_grad_();
      auto state = std::move(opt.state().at(old.unsafeGetTensorImpl()));
      opt.state().erase(old.unsafeGetTensorImpl());
      for (at::Tensor* buffer : buffers<Class>(static_cast<State&>(*state)))
        *buffer = buffer->index_select(0, at::tensor({0, 2, 4}));
      opt.state()[pruned.unsafeGetTensorImpl()] = std::move(state);
      params[0] = pruned;
    }
    run();
    // Forgotten, copied, exchanged.
    if constexpr (!std::is_same_v<State, torch::optim::AdagradParamState>) {
      opt.state().erase(params[1].unsafeGetTensorImpl());
      run();
      opt.state().clear();
      run();
    }
    // Before the slot is made anew: operator[] makes an empty one.
    auto copy = static_cast<const torch::optim::OptimizerParamState&>(state_of(1)).clone();
    opt.state()[params[1].unsafeGetTensorImpl()] = std::move(copy);
    run();
  });
}

TYPED_TEST(DropIn, TakesTheStateOfAnotherOptimizer) {
  using State = typename TypeParam::State;
  this->compare([](typename TypeParam::Theirs& opt) {
    for (int64_t t = 1; t <= 5; ++t) {
      take_gradients(opt, t);
      opt.step();
    }
    typename TypeParam::Theirs other(start(), options_at<typename TypeParam::Options>(0.02));
    typename TypeParam::Ours ours(start(), options_at<typename TypeParam::Options>(0.02));
    for (torch::optim::Optimizer* to : {static_cast<torch::optim::Optimizer*>(&other),
                                        static_cast<torch::optim::Optimizer*>(&ours)}) {
      for (size_t i = 0; i < 2; ++i) {
        const at::Tensor p = opt.param_groups()[0].params()[i];
        const at::Tensor q = to->param_groups()[0].params()[i];
        at::NoGradGuard no_grad;
        q.copy_(p);
        to->state()[q.unsafeGetTensorImpl()] =
            std::make_unique<State>(static_cast<State&>(*opt.state().at(p.unsafeGetTensorImpl())));
        // Not shared, as LibTorch's clone() would.
        for (at::Tensor* buffer : buffers<typename TypeParam::Theirs>(
                 static_cast<State&>(*to->state().at(q.unsafeGetTensorImpl()))))
          *buffer = buffer->clone();
      }
      for (int64_t t = 6; t <= 10; ++t) {
        take_gradients(*to, t);
        to->step();
      }
    }
    for (int64_t t = 6; t <= 10; ++t) {
      take_gradients(opt, t);
      opt.step();
    }
    expect_same(opt, other);
    expect_same(opt, ours);
  });
}

TYPED_TEST(DropIn, MeansByAGroupsOptionsWhatTheLinkedLibTorchMeans) {
  using Options = typename TypeParam::Options;
  const auto groups = [] {
    std::vector<OptimizerParamGroup> list;
    list.emplace_back(parameters({{3}}, at::kDouble, 1),
                      std::make_unique<Options>(Options(1e-3).weight_decay(0.1)));
    list.emplace_back(parameters({{2}}, at::kDouble, 2));
    return list;
  };
  const auto defaults = [] { return options_at<Options>(0.02); };
  typename TypeParam::Theirs theirs(groups(), defaults());
  typename TypeParam::Ours ours(groups(), defaults());
  theirs.add_param_group(
      OptimizerParamGroup(parameters({{4}}, at::kDouble, 3),
                          std::make_unique<Options>(Options(0.5).weight_decay(0.1))));
  ours.add_param_group(
      OptimizerParamGroup(parameters({{4}}, at::kDouble, 3),
                          std::make_unique<Options>(Options(0.5).weight_decay(0.1))));
  for (torch::optim::Optimizer* base : {static_cast<torch::optim::Optimizer*>(&theirs),
                                        static_cast<torch::optim::Optimizer*>(&ours)})
    base->add_param_group(OptimizerParamGroup(parameters({{4}}, at::kDouble, 4),
                                              std::make_unique<Options>(Options(0.25))));
  for (size_t g = 0; g < 4; ++g)
    EXPECT_TRUE(static_cast<Options&>(ours.param_groups()[g].options()) ==
                static_cast<Options&>(theirs.param_groups()[g].options()))
        << g;
  // Options of our own type stay as they are.
  typename TypeParam::Ours::Options own;
  own.lr = 1e-3;
  ours.add_param_group(
      OptimizerParamGroup(parameters({{4}}, at::kDouble, 5),
                          std::make_unique<typename TypeParam::Ours::GroupOptions>(own)));
  EXPECT_EQ(ours.options(4).lr, 1e-3);
}

TYPED_TEST(DropIn, ExchangesFilesWithLibTorchsClass) {
  using Options = typename TypeParam::Options;
  const auto stepped = [](torch::optim::Optimizer& opt, int64_t from, int64_t to) {
    for (int64_t t = from; t <= to; ++t) {
      take_gradients(opt, t);
      opt.step();
    }
  };
  typename TypeParam::Theirs theirs(start(), options_at<Options>(0.02));
  typename TypeParam::Ours ours(start(), options_at<Options>(0.02));
  stepped(ours, 1, 5);
  stepped(theirs, 1, 5);
  const auto path = std::filesystem::temp_directory_path() /
                    ("descent_drop_in_test_" + std::to_string(getpid()) + ".pt");
  descent::save_libtorch(ours, path);
  typename TypeParam::Theirs read(start(), Options(0.5));
  torch::load(read, path.string());
  typename TypeParam::Ours own(start(), Options(0.5));
  descent::load(own, path);
  for (size_t i = 0; i < 2; ++i)
    own.param_groups()[0].params()[i].detach().copy_(ours.param_groups()[0].params()[i].detach());
  EXPECT_EQ(difference(everything(own), everything(ours)), "");
  EXPECT_EQ(own.group_options().text(), ours.group_options().text());
  for (size_t i = 0; i < 2; ++i)
    read.param_groups()[0].params()[i].detach().copy_(ours.param_groups()[0].params()[i].detach());
  stepped(read, 6, 10);
  stepped(theirs, 6, 10);
  expect_same(theirs, read);

  ours.options().maximize = true;
  EXPECT_THAT(message_of([&] { descent::save_libtorch(ours, path); }),
              AllOf(HasSubstr(ours.rule().about.name), HasSubstr("maximize = true"),
                    HasSubstr("must be false")));
  std::filesystem::remove(path);
}

TYPED_TEST(DropIn, TakesABareRate) {
  const typename TypeParam::Ours ours(start(), 0.125);
  EXPECT_EQ(ours.param_groups()[0].options().get_lr(), 0.125);
  std::vector<OptimizerParamGroup> groups;
  groups.emplace_back(start());
  const typename TypeParam::Ours grouped(groups, 0.25);
  EXPECT_EQ(grouped.param_groups()[0].options().get_lr(), 0.25);
}

TYPED_TEST(DropIn, RefusesNullAndForeignStates) {
  typename TypeParam::Ours ours(start());
  take_gradients(ours, 1);
  ours.step();
  const auto before = everything(ours);
  auto* const key = ours.param_groups()[0].params()[1].unsafeGetTensorImpl();
  auto kept = std::move(ours.state()[key]);
  EXPECT_THAT(message_of([&] { ours.step(); }),
              AllOf(HasSubstr(ours.rule().about.name), HasSubstr("state() holds nothing"),
                    HasSubstr("[5]")));
  ours.state()[key] = std::make_unique<torch::optim::LBFGSParamState>();
  EXPECT_THAT(message_of([&] { ours.step(); }), HasSubstr("torch::optim::LBFGSParamState"));
  EXPECT_THAT(message_of([&] { ours.state_of(ours.param_groups()[0].params()[1]); }),
              HasSubstr("torch::optim::LBFGSParamState"));
  ours.state()[key] = std::move(kept);
  EXPECT_EQ(difference(everything(ours), before), "");
  ours.step();
}

TEST(Adagrad, HasStatesFromTheStart) {
  const auto p = start();
  descent::Adagrad ours(p, descent::AdagradOptions(0.5).initial_accumulator_value(0.25));
  for (const auto& x : p) {
    auto& state =
        static_cast<torch::optim::AdagradParamState&>(*ours.state()[x.unsafeGetTensorImpl()]);
    EXPECT_EQ(state.step(), 0);
    EXPECT_TRUE(same_bits(state.sum(), at::full_like(x, 0.25)));
  }
}

/// A trainer whose optimizer's class was written into its header.
struct Trainer {
  torch::optim::Adam* adam;
  std::unique_ptr<torch::optim::Adam> owned;
};

TEST(Adam, IsAMemberOfTrainersThatNameLibTorchsClass) {
  const auto losses = [](std::unique_ptr<torch::optim::Adam> adam) {
    Trainer trainer{adam.get(), std::move(adam)};
    const at::Tensor p = trainer.adam->param_groups()[0].params()[0];
    std::vector<double> list;
    for (int t = 0; t < 20; ++t) {
      const auto closure = [&] {
        trainer.adam->zero_grad();
        const at::Tensor loss = (p * p).sum();
        loss.backward();
        return loss;
      };
      list.push_back(trainer.adam->step(closure).item<double>());
    }
    return list;
  };
  const auto begin = [] { return std::vector{at::ones({3}, at::kDouble).requires_grad_()}; };
  const auto theirs = losses(std::make_unique<torch::optim::Adam>(begin(), 0.1));
  const auto ours = losses(std::make_unique<descent::Adam>(begin(), 0.1));
  for (size_t i = 0; i < theirs.size(); ++i) EXPECT_NEAR(ours[i], theirs[i], 1e-12);
}

// A user changed AdamW to another rule and left the cast in place.
class EveryOtherRule : public testing::TestWithParam<std::string> {};
std::vector<std::string> other_rules() {
  std::vector<std::string> list;
  for (const RuleTable* rule : descent::optimizers())
    if (descent::engine::holders_of(*rule).libtorch == nullptr) list.emplace_back(rule->about.key);
  return list;
}
INSTANTIATE_TEST_SUITE_P(Registered, EveryOtherRule, testing::ValuesIn(other_rules()),
                         [](const auto& rule) { return rule.param; });

template <class Options>
Options& as(torch::optim::OptimizerOptions& options) {
  // The compiler may know better than a static_cast; a program in several files does not let it.
  torch::optim::OptimizerOptions* volatile hidden = &options;
  return static_cast<Options&>(*hidden);
}

TEST_P(EveryOtherRule, HasItsRateWhereLibTorchsClassesHaveTheirs) {
  const auto opt = make_fitting(descent::find_rule(GetParam()), start());
  torch::optim::OptimizerOptions& options = opt->param_groups()[0].options();
  as<torch::optim::AdamOptions>(options).lr(0.5);
  EXPECT_EQ(options.get_lr(), 0.5);
  EXPECT_EQ(std::get<double>(opt->rule().describe(opt->group_options().value())[0].value), 0.5);
  as<torch::optim::SGDOptions>(options).lr(0.25);
  EXPECT_EQ(as<torch::optim::RMSpropOptions>(options).lr(), 0.25);
  as<torch::optim::LBFGSOptions>(options).lr(0.125);
  EXPECT_EQ(as<torch::optim::AdagradOptions>(options).lr(), 0.125);
  EXPECT_EQ(as<torch::optim::AdamWOptions>(options).lr(), 0.125);
  take_gradients(*opt, 1);
  take_step(*opt);
}

TEST_P(EveryOtherRule, NoticesWhatElseIsWrittenThroughLibTorchsClasses) {
  const auto refused = [&](const auto& write, const char* name) {
    const auto opt = make_fitting(descent::find_rule(GetParam()), start());
    take_gradients(*opt, 1);
    take_step(*opt);
    const auto before = everything(*opt);
    write(opt->param_groups()[0].options());
    take_gradients(*opt, 2);
    EXPECT_THAT(message_of([&] { take_step(*opt); }),
                AllOf(HasSubstr(opt->rule().about.name), HasSubstr(name)));
    EXPECT_EQ(difference(everything(*opt), before), "");
  };
  using torch::optim::OptimizerOptions;
  refused([](OptimizerOptions& o) { as<torch::optim::AdamOptions>(o).weight_decay(0); },
          "weight_decay of torch::optim::AdamOptions");
  refused(
      [](OptimizerOptions& o) {
        as<torch::optim::AdamWOptions>(o).betas({0.5, 0.75});
      },
      "betas of torch::optim::AdamWOptions");
  refused([](OptimizerOptions& o) { as<torch::optim::AdamOptions>(o).amsgrad(false); },
          "amsgrad of torch::optim::AdamOptions");
  refused([](OptimizerOptions& o) { as<torch::optim::SGDOptions>(o).momentum(0.9).nesterov(true); },
          "nesterov of torch::optim::SGDOptions");
  refused([](OptimizerOptions& o) { as<torch::optim::RMSpropOptions>(o).centered(true); },
          "centered of torch::optim::RMSpropOptions");
  refused([](OptimizerOptions& o) { as<torch::optim::LBFGSOptions>(o).line_search_fn("x"); },
          "torch::optim::LBFGSOptions");
  refused([](OptimizerOptions& o) { as<torch::optim::LBFGSOptions>(o).history_size(10); },
          "torch::optim::LBFGSOptions");
}

TEST(Wrappers, HandOnTheRateThatIsWrittenThroughLibTorchsClasses) {
  const auto params = start();
  descent::Lookahead around(descent::Adam(params, 0.5));
  torch::optim::Optimizer& outer = around;
  as<torch::optim::AdamOptions>(outer.param_groups()[0].options()).lr(0.25);
  EXPECT_EQ(outer.param_groups()[0].options().get_lr(), 0.25);
  EXPECT_EQ(around.inner().param_groups()[0].options().get_lr(), 0.25);
  as<torch::optim::AdamOptions>(outer.param_groups()[0].options()).lr(0.125);
  take_gradients(outer, 1);
  outer.step();
  EXPECT_EQ(around.inner().param_groups()[0].options().get_lr(), 0.125);
  around.inner().param_groups()[0].options().set_lr(0.75);
  take_gradients(outer, 2);
  outer.step();
  EXPECT_EQ(as<torch::optim::AdamOptions>(outer.param_groups()[0].options()).lr(), 0.75);

  as<torch::optim::AdamOptions>(outer.param_groups()[0].options()).weight_decay(0.5);
  EXPECT_THAT(
      message_of([&] { outer.step(); }),
      AllOf(HasSubstr("Lookahead"), HasSubstr("weight_decay of torch::optim::AdamOptions")));
}

// What is written in a program whose torch::optim:: was replaced by descent::.
TEST(Descent, HasLibTorchsNames) {
  const auto p = start();
  descent::Adam adam(p, descent::AdamOptions(2e-4).betas(std::make_tuple(0.5, 0.999)));
  EXPECT_EQ(adam.options().betas[0], 0.5);
  std::vector<descent::OptimizerParamGroup> groups;
  groups.emplace_back(std::vector{p[0]}, std::make_unique<descent::SGDOptions>(
                                             descent::SGDOptions(0.5).momentum(0.9)));
  descent::SGD sgd(groups, descent::SGDOptions(0.1));
  descent::Optimizer* chosen = &sgd;
  descent::OptimizerOptions& options = chosen->param_groups()[0].options();
  static_cast<descent::SGDOptions&>(options).lr(0.25);
  EXPECT_EQ(sgd.options().lr, 0.25);
  descent::ReduceLROnPlateauScheduler plateau(sgd);
  take_gradients(*chosen, 1);
  chosen->step();
  EXPECT_TRUE(static_cast<descent::SGDParamState&>(*chosen->state().begin()->second)
                  .momentum_buffer()
                  .defined());
  descent::LBFGS lbfgs(p, descent::LBFGSOptions(1).max_iter(2));
}

}  // namespace
