// The host's side of steps on CUDA: with the emulated kernels, on tests/stand_in.h in the place of a
// GPU, against the CPU, bit for bit. GradScaler, and steps in graphs.
#include <algorithm>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <torch/optim/adamw.h>
#include <torch/serialize/archive.h>
#include <torch/types.h>

#include <descent/optim.h>
#include <descent/optim/engine/cuda/device.h>
#include <descent/optim/engine/cuda/launch.h>
#include <descent/optim/engine/stored.h>

#include "../../stand_in.h"
#include "../checks.h"
#include "emulated.h"
#include "emulated_rules.h"

// What device.cpp says of CUDA.
namespace descent::engine {

c10::DeviceType cuda::device_type() { return stand_in::device().type(); }
void* cuda::current_stream() { return nullptr; }
bool cuda::is_captured() { return stand_in::Capture::now() != nullptr; }

}  // namespace descent::engine

namespace {

using namespace checks;
namespace cuda = descent::engine::cuda;
namespace stand_in = descent::stand_in;
using descent::GradScaler;
using testing::HasSubstr;

constexpr double kInf = std::numeric_limits<double>::infinity();

const bool are_known = [] {
  for (const cuda::EmulatedRule& rule : cuda::emulated_rules())
    cuda::register_launches(*rule.table, *rule.launches);
  cuda::emulated::put_off = [](std::function<void()> work) {
    if (stand_in::Graph* const graph = stand_in::Capture::now())
      graph->add(std::move(work));
    else
      work();
  };
  return true;
}();

std::vector<at::Tensor> moved(const std::vector<at::Tensor>& tensors, at::Device device) {
  std::vector<at::Tensor> result;
  for (const at::Tensor& tensor : tensors) result.push_back(tensor.detach().to(device));
  return result;
}
std::vector<at::Tensor> leaves(std::vector<at::Tensor> tensors) {
  for (at::Tensor& p : tensors) p.requires_grad_();
  return tensors;
}

std::vector<at::Tensor> copies_of_gradients(const std::vector<at::Tensor>& params) {
  std::vector<at::Tensor> list;
  for (const at::Tensor& p : params) list.push_back(p.grad().clone());
  return list;
}

const Shapes kShapes{{3, 4}, {5}, {1}, {2, 3, 2}, {0}, {4100}};
const Shapes kShort{{3, 4}, {5}, {2, 3, 2}, {0}, {260}};  // kernels without optimization are slow

/// The same training on the CPU and on the stand-in. Gradients stay where they are.
struct Twins {
  Twins(const RuleTable& rule, const OptionValues& options, at::ScalarType type = at::kFloat,
        const Shapes& shapes = kShapes)
      : here(rule, options, parameters(shapes, type)),
        there(rule, options, leaves(moved(here.params, stand_in::device()))) {
    for (at::Tensor& p : here.params) p.mutable_grad() = at::zeros_like(p).detach();
    for (at::Tensor& p : there.params) p.mutable_grad() = at::zeros_like(p).detach();
  }

  void give_gradients(int64_t t, double factor = 1) {
    for (size_t i = 0; i < here.params.size(); ++i) {
      const at::Tensor g = noise(here.params[i].sizes(), here.params[i].scalar_type(),
                                 1000 * t + static_cast<int64_t>(i)) *
                           factor;
      here.params[i].mutable_grad().copy_(g);
      there.params[i].mutable_grad().copy_(g);
    }
  }
  std::string apart(double tolerance = 0) const {
    return difference(moved(there.everything(), at::kCPU), here.everything(), tolerance);
  }

  Training here, there;
};

/// Whether bytes of its state are compared with each other, which kernels do not do.
bool compares_codes(const RuleTable& rule, const OptionValues& options) {
  if (base_options_of(rule, options).state_bits == 0) return false;
  Training probe(rule, options, parameters({{260}}, at::kFloat));
  probe.steps(1, 1);
  const auto& form = rule.forms[static_cast<size_t>(rule.form(options_of(rule, options).get()))];
  return descent::engine::coded_difference(*probe.optimizer->state_of(probe.params[0]),
                                           form.buffers)
      .has_value();
}
/// Whether kernels make the steps of such a rule.
bool are_kernels_for(const RuleTable& rule) {
  return !rule.forms.empty() && rule.weigh == nullptr && !rule.sparse_only;
}
/// Whether something of it is summed up by operations of ATen, in another order than the CPU's.
bool sums_by_operations(const RuleTable& rule, const OptionValues& options) {
  return base_options_of(rule, options).decay_scale == descent::DecayScale::Stable ||
         needs_gradient_norm(rule, options) ||
         (rule.centralizes != nullptr && rule.centralizes(options_of(rule, options).get(), 2));
}
/// Whether nothing of a step is computed on the host of what the device has.
bool can_be_captured(const RuleTable& rule, const OptionValues& options) {
  const auto is_it = [&](const cuda::EmulatedRule& of) { return of.table == &rule; };
  const auto& rules = cuda::emulated_rules();
  const auto* const launches = std::find_if(rules.begin(), rules.end(), is_it)->launches;
  const auto form = rule.forms.empty() ? 0 : rule.form(options_of(rule, options).get());
  return are_kernels_for(rule) && !needs_gradient_norm(rule, options) &&
         base_options_of(rule, options).decay_scale != descent::DecayScale::Stable &&
         !compares_codes(rule, options) && rule.pull == nullptr &&
         !is_set(rule, options, "lookahead") &&
         (launches->judges || !rule.forms[static_cast<size_t>(form)].reads_twice);
}
/// Whether its numbers follow from options and the count of steps.
bool follows_from_counts(const RuleTable& rule, const OptionValues& options) {
  return can_be_captured(rule, options) && rule.scalars.empty() && rule.advance == nullptr;
}

/// What is kept otherwise, and decays of another kind, where the rule takes them.
std::vector<Setting> base_settings(const RuleTable& rule) {
  const OptionValues plain = settings(rule)[0].options;
  std::vector<Setting> list;
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"state_dtype", "param"},
                                                        {"decay_scale", "independent"},
                                                        {"decay_scale", "stable"},
                                                        {"cautious_decay", "true"},
                                                        {"master", "float32"},
                                                        {"master", "remainder"},
                                                        {"master", "kahan"},
                                                        {"rounding", "stochastic"},
                                                        {"state_bits", "8"}}) {
    OptionValues options = joined(plain, {{name, value}});
    if (name == "state_bits") options.emplace_back("min_8bit_size", "256");
    try {
      make_fitting(rule, {at::zeros({2, 2}, at::kBFloat16)}, options);
      list.push_back({name + "=" + value, options});
    } catch (const c10::Error&) {
      continue;
    }
  }
  return list;
}

struct Case {
  Setting setting;
  at::ScalarType type;
};
/// Its own settings in float32, and the others in bfloat16.
std::vector<Case> cases(const RuleTable& rule) {
  std::vector<Case> list;
  for (const Setting& setting : settings(rule)) list.push_back({setting, at::kFloat});
  if (rule.forms.empty()) return list;
  for (const Setting& setting : base_settings(rule)) list.push_back({setting, at::kBFloat16});
  return list;
}
/// What sums in another order may do.
double tolerance(const RuleTable& rule, const Case& of) {
  if (are_kernels_for(rule) && !sums_by_operations(rule, of.setting.options)) return 0;
  return of.type == at::kBFloat16 ? 1e-2 : 1e-5;
}

class EveryRule : public testing::TestWithParam<std::string> {
 protected:
  const RuleTable& rule() const { return descent::find_rule(GetParam()); }
};
std::vector<std::string> keys() {
  std::vector<std::string> list;
  for (const RuleTable* rule : descent::optimizers()) list.emplace_back(rule->about.key);
  return list;
}
INSTANTIATE_TEST_SUITE_P(ByKernels, EveryRule, testing::ValuesIn(keys()),
                         [](const auto& rule) { return rule.param; });

TEST_P(EveryRule, HasTheBitsOfTheCpu) {
  std::vector<Case> list = cases(rule());
  if (!rule().forms.empty()) {
    // The first setting, which has few options, in all types; the others in each type in turn.
    const std::vector<Setting> all = settings(rule());
    list.push_back({all[0], at::kBFloat16});
    for (size_t i = 0; i < all.size(); ++i)
      list.push_back({all[i], i % 2 == 0 ? at::kDouble : at::kBFloat16});
  }
  for (const Setting& setting : base_settings(rule())) list.push_back({setting, at::kFloat});
  for (const Case& of : list) {
    const OptionValues& options = of.setting.options;
    if (is_refused(rule(), options, of.type) || rule().sparse_only) continue;
    Twins twins(rule(), options, of.type, kShort);
    const int64_t before = cuda::parameters_stepped();
    for (int64_t t = 1; t <= 3; ++t) {
      twins.give_gradients(t);
      take_step(*twins.here.optimizer);
      take_step(*twins.there.optimizer);
    }
    // Of these parameters one is long enough for 8 bits.
    const auto count =
        static_cast<int64_t>(twins.here.params.size()) - (compares_codes(rule(), options) ? 1 : 0);
    EXPECT_EQ(cuda::parameters_stepped() - before, are_kernels_for(rule()) ? 3 * count : 0)
        << of.setting.name;
    EXPECT_EQ(twins.apart(tolerance(rule(), of)), "") << of.setting.name << " in " << of.type;
  }
}

// ---- GradScaler

/// A training with a scaler, on both sides.
struct Scaled : Twins {
  using Twins::Twins;

  /// A step; `spoiled`: with a gradient that is not finite.
  void step(int64_t t, bool spoiled) {
    of_here.scale(at::zeros({}));
    of_there.scale(at::zeros({}, at::TensorOptions(stand_in::device())));
    give_gradients(t, spoiled ? kInf : scale);
    of_here.step(*here.optimizer);
    of_here.update();
    const int64_t before = stand_in::waits();
    of_there.step(*there.optimizer);
    of_there.update();
    waits = stand_in::waits() - before;
    scale = of_here.get_scale();
  }
  void capture(stand_in::Graph& graph) {
    const stand_in::Capture scope(graph);
    of_there.step(*there.optimizer);
    of_there.update();
  }
  /// As step().
  void replay(const stand_in::Graph& graph, int64_t t, bool spoiled) {
    give_gradients(t, spoiled ? kInf : scale);
    of_here.step(*here.optimizer);
    of_here.update();
    const int64_t before = stand_in::waits();
    there.optimizer->before_replay();
    graph.replay();
    waits = stand_in::waits() - before;
    scale = of_here.get_scale();
  }

  GradScaler of_here{{.init_scale = 1000, .growth_factor = 1.5, .growth_interval = 2}},
      of_there{of_here};
  double scale = 1000;
  int64_t waits = 0;
};

TEST_P(EveryRule, IsSkippedByTheDeviceThatFindsAnInfinity) {
  if (rule().needs_loss || rule().sparse_only) GTEST_SKIP();
  const std::vector<Case> list = cases(rule());
  for (size_t i = 0; i < list.size(); ++i) {
    const Case& of = list[i];
    const Setting& setting = of.setting;
    if (is_set(rule(), setting.options, "lookahead")) continue;  // calls closures
    const bool deferred = follows_from_counts(rule(), setting.options);
    if (deferred && i % 2 != 0) continue;  // IsSkippedInAReplay has these
    Scaled twins(rule(), setting.options, of.type, kShort);
    const std::string steps = ".oo.ooo..o.oo";  // o: finite
    for (size_t t = 0; t < steps.size(); ++t) {
      // The device tells nothing for a while.
      std::optional<stand_in::Delay> delay;
      if (t > 5 && t < 10) delay.emplace();
      twins.step(static_cast<int64_t>(t), steps[t] == '.');
      if (t > 1) {
        EXPECT_EQ(twins.waits == 0, deferred) << setting.name << " at " << t;
      }
    }
    EXPECT_EQ(twins.of_there.get_scale(), twins.of_here.get_scale());
    EXPECT_EQ(twins.apart(tolerance(rule(), of)), "") << setting.name;
  }
}

void change_rate(descent::OptimizerBase& optimizer, double factor) {
  for (auto& group : optimizer.param_groups())
    group.options().set_lr(factor * group.options().get_lr());
}

/// A training with AdamW, some of whose steps may have been skipped, with the device silent.
struct Open : Scaled {
  explicit Open(const std::string& steps = "oo..o.")
      : Scaled(descent::find_rule("adamw"), {{"weight_decay", "0.1"}}) {
    step(0, false);
    delay.emplace();
    for (size_t t = 0; t < steps.size(); ++t) step(static_cast<int64_t>(t + 1), steps[t] == '.');
  }
  std::optional<stand_in::Delay> delay;
};

TEST(OpenSteps, AreCountedRightlyForWhoeverAsks) {
  Open twins;
  const at::Tensor& p = twins.there.params[0];
  const descent::ParamState* const state = twins.there.optimizer->state_of(p);
  // LibTorch's own accessor counts open steps as made.
  const auto& theirs = dynamic_cast<const torch::optim::AdamWParamState&>(
      *twins.there.optimizer->state().at(p.unsafeGetTensorImpl()));
  EXPECT_EQ(theirs.step(), 7);
  EXPECT_EQ(state->step(), 4);
  EXPECT_EQ(theirs.step(), 4);
  EXPECT_EQ(twins.there.optimizer->steps(), 4);
  EXPECT_EQ(twins.apart(), "");
  twins.step(7, true);
  const auto copy = twins.there.optimizer->state().at(p.unsafeGetTensorImpl())->clone();
  EXPECT_EQ(dynamic_cast<const descent::ParamState&>(*copy).step(), 4);
}

TEST(OpenSteps, AreCountedRightlyInACheckpoint) {
  Open twins;
  const auto saved = [](const descent::OptimizerBase& optimizer) {
    torch::serialize::OutputArchive out;
    optimizer.save(out);
    std::stringstream stream;
    out.save_to(stream);
    return stream;
  };
  // LibTorch cannot write archives of the stand-in's tensors to files. What is saved is what is held.
  const at::Tensor& p = twins.there.params[0];
  const auto& theirs = dynamic_cast<const torch::optim::AdamWParamState&>(
      *twins.there.optimizer->state().at(p.unsafeGetTensorImpl()));
  EXPECT_EQ(theirs.step(), 7);
  torch::serialize::OutputArchive archive;
  twins.there.optimizer->save(archive);
  EXPECT_EQ(theirs.step(), 4);
  // A count that is replaced is no longer corrected.
  twins.step(7, true);
  auto stream = saved(*twins.here.optimizer);
  torch::serialize::InputArchive of_here;
  of_here.load_from(stream);
  twins.there.optimizer->load(of_here);
  twins.step(8, false);
  EXPECT_EQ(twins.apart(), "");
}

TEST(OpenSteps, MayBeFollowedByStepsOfOtherParameters) {
  Open twins;
  const at::Tensor here = twins.here.params[1].grad(), there = twins.there.params[1].grad();
  for (int64_t t = 7; t < 13; ++t) {
    const bool rests = t < 11;
    twins.here.params[1].mutable_grad() = rests ? at::Tensor() : here;
    twins.there.params[1].mutable_grad() = rests ? at::Tensor() : there;
    for (size_t i = 0; i < twins.here.params.size(); ++i) {
      if (!twins.here.params[i].grad().defined()) continue;
      twins.here.params[i].mutable_grad().fill_(twins.scale * (t % 3 == 0 ? kInf : 0.5));
      twins.there.params[i].mutable_grad().copy_(twins.here.params[i].grad());
    }
    twins.of_here.step(*twins.here.optimizer);
    twins.of_there.step(*twins.there.optimizer);
    twins.of_here.update();
    twins.of_there.update();
    twins.scale = twins.of_here.get_scale();
  }
  EXPECT_EQ(twins.apart(), "");
}

TEST(OpenSteps, MayBeFollowedByAStepOfTheHosts) {
  Open twins;
  twins.give_gradients(7);
  twins.here.optimizer->step();
  twins.there.optimizer->step();
  twins.step(8, false);
  EXPECT_EQ(twins.apart(), "");
}

TEST(OpenSteps, MayBeOfSeveralDevicesAndMove) {
  Scaled twins(descent::find_rule("adamw"), {{"weight_decay", "0.1"}});
  const auto move = [&](size_t i, c10::DeviceIndex index) {
    at::Tensor& p = twins.there.params[i];
    p.set_data(p.detach().to(stand_in::device(index)));
    p.mutable_grad() = p.grad().to(stand_in::device(index));
  };
  for (size_t i = 0; i < twins.there.params.size(); i += 2) move(i, 1);
  const std::string steps = "oo.o..oo.o.o.ooo";
  for (size_t t = 0; t < steps.size(); ++t) {
    if (t == 9)
      for (size_t i = 0; i < twins.there.params.size(); ++i) move(i, 1);
    twins.step(static_cast<int64_t>(t), steps[t] == '.');
    if (t > 0 && t != 9) {
      EXPECT_EQ(twins.waits, 0) << t;
    }
  }
  EXPECT_EQ(twins.apart(), "");
}

TEST(OpenSteps, AreThoseOfAllGroups) {
  Scaled twins(descent::find_rule("adamw"), {{"weight_decay", "0.1"}, {"rounding", "stochastic"}},
               at::kBFloat16);
  for (descent::OptimizerBase* const optimizer :
       {twins.here.optimizer.get(), twins.there.optimizer.get()}) {
    auto& first = optimizer->param_groups()[0].params();
    const std::vector<at::Tensor> others(first.begin() + 3, first.end());
    first.resize(3);
    optimizer->add_param_group({others, optimizer->param_groups()[0].options().clone()});
    optimizer->group_options(1).set(
        OptionValues{{"amsgrad", "true"}, {"lr", "0.05"}, {"seed", "5"}});
  }
  const std::string steps = "o.oo..o.oo.o";
  for (size_t t = 0; t < steps.size(); ++t) {
    twins.step(static_cast<int64_t>(t), steps[t] == '.');
    if (t > 0) {
      EXPECT_EQ(twins.waits, 0) << t;
    }
  }
  EXPECT_EQ(twins.apart(), "");
  stand_in::Graph graph;
  twins.capture(graph);
  for (size_t t = 0; t < steps.size(); ++t)
    twins.replay(graph, static_cast<int64_t>(t + steps.size()), steps[t] == '.');
  EXPECT_EQ(twins.apart(), "");
}

TEST(OpenSteps, AreWaitedForWhereTheyAreTooMany) {
  Open twins(".o.o.o.");
  EXPECT_EQ(twins.waits, 0);
  twins.step(8, true);
  EXPECT_EQ(twins.waits, 0);
  twins.step(9, false);  // there are numbers for up to 7 skips
  EXPECT_EQ(twins.waits, 1);
  for (int64_t t = 10; t < 20; ++t) twins.step(t, t % 2 == 0);
  EXPECT_EQ(twins.apart(), "");
}

TEST(OpenSteps, FollowTheirGroupsOptions) {
  Open twins;
  for (int64_t t = 7; t < 11; ++t) {
    change_rate(*twins.here.optimizer, 0.5);
    change_rate(*twins.there.optimizer, 0.5);
    twins.step(t, t == 8);
  }
  EXPECT_EQ(twins.apart(), "");
}

TEST(ByKernels, GradScalerLeavesGradientsAndTheirUnscaledOnesToTheKernels) {
  for (const bool first : {false, true}) {
    Scaled twins(descent::find_rule("adamw"), {});
    twins.of_here.set_growth_interval(first ? 2 : 2000);
    twins.of_there.set_growth_interval(first ? 2 : 2000);
    twins.step(0, false);
    twins.give_gradients(1, twins.scale);
    const int64_t before = stand_in::waits();
    if (first) twins.of_there.unscale_(*twins.there.optimizer);
    const auto gradients = moved(copies_of_gradients(twins.there.params), at::kCPU);
    const int64_t read = stand_in::waits();
    twins.of_there.step(*twins.there.optimizer);
    twins.of_there.update();
    EXPECT_EQ(stand_in::waits(), read);
    EXPECT_EQ(read - before, static_cast<int64_t>(gradients.size()));  // for this comparison
    EXPECT_EQ(difference(moved(copies_of_gradients(twins.there.params), at::kCPU), gradients), "");
    twins.of_here.step(*twins.here.optimizer);
    twins.of_here.update();
    EXPECT_EQ(twins.apart(), "");
  }
}

TEST(ByKernels, GradScalerWaitsOnceForAStepThatIsNotTheKernelsAlone) {
  Scaled twins(descent::find_rule("adamw"), {});
  twins.step(0, false);
  EXPECT_EQ(twins.waits, 1);  // it made the state
  descent::Lookahead here(*twins.here.optimizer), there(*twins.there.optimizer);
  const std::string steps = "o..oo";
  for (size_t t = 0; t < steps.size(); ++t) {
    twins.give_gradients(static_cast<int64_t>(t), steps[t] == '.' ? kInf : twins.scale);
    twins.of_here.step(here);
    twins.of_here.update();
    const int64_t before = stand_in::waits();
    twins.of_there.step(there);
    twins.of_there.update();
    EXPECT_EQ(stand_in::waits() - before, 1) << t;
    twins.scale = twins.of_here.get_scale();
  }
  EXPECT_EQ(twins.apart(), "");
}

// ---- graphs

TEST_P(EveryRule, IsReplayedWithTheNumbersOfEachStep) {
  for (const Case& of : cases(rule())) {
    const Setting& setting = of.setting;
    if (rule().sparse_only || !can_be_captured(rule(), setting.options)) continue;
    const double apart = tolerance(rule(), of);
    Twins twins(rule(), setting.options, of.type, kShort);
    twins.give_gradients(1);
    take_step(*twins.here.optimizer);
    take_step(*twins.there.optimizer);
    stand_in::Graph graph;
    {
      const stand_in::Capture capture(graph);
      twins.there.optimizer->step();
    }
    EXPECT_EQ(twins.apart(apart), "") << setting.name << ": nothing was to happen";
    for (int64_t t = 2; t <= 8; ++t) {
      twins.give_gradients(t);
      for (descent::OptimizerBase* const optimizer :
           {twins.here.optimizer.get(), twins.there.optimizer.get()})
        if (t == 4) change_rate(*optimizer, 0.25);
      twins.here.optimizer->step();
      const int64_t before = stand_in::waits();
      twins.there.optimizer->before_replay();
      graph.replay();
      EXPECT_EQ(stand_in::waits(), before);
    }
    EXPECT_EQ(twins.apart(apart), "") << setting.name;
    graph.replay();
    EXPECT_EQ(twins.apart(apart), "") << setting.name << ": nobody had announced it";
    twins.give_gradients(9);
    take_step(*twins.here.optimizer);
    take_step(*twins.there.optimizer);
    EXPECT_EQ(twins.apart(apart), "") << setting.name << ": outside of the graph";
  }
}

TEST_P(EveryRule, IsSkippedInAReplay) {
  const std::vector<Case> list = cases(rule());
  for (size_t i = 0; i < list.size(); ++i) {
    if (i != 0 && i % 2 == 0) continue;  // IsSkippedByTheDeviceThatFindsAnInfinity has these
    const Case& of = list[i];
    const Setting& setting = of.setting;
    if (rule().sparse_only || !follows_from_counts(rule(), setting.options)) continue;
    const double apart = tolerance(rule(), of);
    Scaled twins(rule(), setting.options, of.type, kShort);
    twins.step(0, false);
    twins.step(1, true);
    stand_in::Graph graph;
    twins.capture(graph);
    const std::string steps = "o..oo.ooo..o.o";
    for (size_t t = 0; t < steps.size(); ++t) {
      std::optional<stand_in::Delay> delay;
      if (t > 3 && t < 9) delay.emplace();
      twins.replay(graph, static_cast<int64_t>(t + 2), steps[t] == '.');
      EXPECT_EQ(twins.waits, 0) << setting.name << " at " << t;
    }
    EXPECT_EQ(twins.of_there.get_scale(), twins.scale);
    EXPECT_EQ(twins.apart(apart), "") << setting.name;
    twins.step(20, true);
    twins.step(21, false);
    EXPECT_EQ(twins.apart(apart), "") << setting.name << ": outside of the graph";
  }
}

/// A training with a captured step.
struct Replayed : Twins {
  explicit Replayed(const std::string& key, const OptionValues& options = {},
                    at::ScalarType type = at::kFloat)
      : Twins(descent::find_rule(key), options, type) {
    give_gradients(1);
    here.optimizer->step();
    there.optimizer->step();
    const stand_in::Capture capture(graph);
    there.optimizer->step();
  }
  void step(int64_t t) {
    give_gradients(t);
    here.optimizer->step();
    there.optimizer->before_replay();
    graph.replay();
  }
  stand_in::Graph graph;
};

TEST(Replays, MayAlternateWithSteps) {
  Replayed twins("adamw");
  for (int64_t t = 2; t < 8; ++t) {
    if (t % 3 != 0) {
      twins.step(t);
      continue;
    }
    twins.give_gradients(t);
    twins.here.optimizer->step();
    twins.there.optimizer->step();
  }
  EXPECT_EQ(twins.apart(), "");
}

TEST(Replays, ServeTheLastCapturedStep) {
  Replayed twins("adamw");
  stand_in::Graph second;
  {
    const stand_in::Capture capture(second);
    twins.there.optimizer->step();
  }
  twins.give_gradients(2);
  twins.here.optimizer->step();
  twins.there.optimizer->before_replay();
  twins.graph.replay();
  second.replay();
  EXPECT_EQ(twins.apart(), "");
}

TEST(Replays, AreRefusedWhereTheGraphIsOutOfDate) {
  const auto refused = [](Twins& twins, const char* why) {
    const auto before = twins.there.everything();
    EXPECT_THAT([&] { twins.there.optimizer->before_replay(); },
                testing::ThrowsMessage<c10::Error>(HasSubstr(why)));
    EXPECT_EQ(difference(moved(twins.there.everything(), at::kCPU), moved(before, at::kCPU)), "");
  };
  {
    Twins twins(descent::find_rule("adamw"), {});
    refused(twins, "AdamW: before_replay() without a captured step");
  }
  {
    Replayed twins("adamw");
    twins.there.optimizer->group_options().set("amsgrad=true");
    refused(twins, "the options of group 0 choose other kernels, must be captured again");
  }
  {
    Replayed twins("adamw");
    at::Tensor& m = twins.there.optimizer->state_of(twins.there.params[1])->buffer("exp_avg");
    m = m.clone();
    refused(twins, "parameter 1 of the step or its state is elsewhere, must be captured again");
  }
  {
    Replayed twins("adamw", {{"rounding", "stochastic"}}, at::kBFloat16);
    auto& params = twins.there.optimizer->param_groups()[0].params();
    std::swap(params[0], params[1]);  // the random bits go by their places
    refused(twins, "parameter 0 of the step has another place among the groups, must be captured");
  }
  {
    Replayed twins("adamw", {}, at::kBFloat16);
    twins.there.optimizer->group_options().set("master=kahan");
    refused(twins, "the options of group 0 choose other kernels, must be captured again");
  }
  {
    Replayed twins("adamw", {{"master", "kahan"}}, at::kBFloat16);
    descent::ParamState& state = *twins.there.optimizer->state_of(twins.there.params[1]);
    const at::Tensor kept = state.beside().parameter();
    state.make_beside().set_parameter(descent::Master::Kahan, kept.clone());
    refused(twins, "parameter 1 of the step or its state is elsewhere, must be captured again");
  }
  {
    Replayed twins("adamw");
    stand_in::Graph graph;
    const stand_in::Capture capture(graph);
    EXPECT_THAT(
        [&] { twins.there.optimizer->before_replay(); },
        testing::ThrowsMessage<c10::Error>(HasSubstr("before_replay() inside of a capture")));
  }
  {
    Replayed twins("adamw");
    twins.there.params[1].mutable_grad() = at::Tensor();
    twins.there.optimizer->step();
    refused(twins, "have not made the same steps, must be captured again");
  }
  {
    Replayed twins("adamw");
    twins.there.optimizer->param_groups()[0].options().set_lr(-1);
    refused(twins, "lr = -1");
  }
}

TEST(Captures, AreRefusedWithTheReason) {
  const auto refused = [](const std::string& key, const OptionValues& options, const char* why) {
    Twins twins(descent::find_rule(key), options, at::kFloat, {{3, 4}, {4, 2}});
    twins.give_gradients(1);
    twins.there.optimizer->step();
    const auto before = twins.there.everything();
    stand_in::Graph graph;
    const stand_in::Capture capture(graph);
    EXPECT_THAT([&] { twins.there.optimizer->step(); },
                testing::ThrowsMessage<c10::Error>(testing::AllOf(
                    HasSubstr("step() while a graph captures the stream of "), HasSubstr(why))));
  };
  refused("muon", {}, "the rule has no kernels");
  refused("prodigy", {}, "sums over all parameters are read on the host");
  refused("novograd", {}, "what norms were is remembered on the host");
  refused("lamb", {{"max_grad_norm", "1"}}, "the norm of all gradients is read on the host");
  refused("adamw", {{"weight_decay", "0.1"}, {"decay_scale", "stable"}}, "decay_scale = stable");
  refused("ranger", {}, "slow weights are drawn by a count of the host's");
}

TEST(Captures, NeedStateAndParametersThere) {
  Twins twins(descent::find_rule("adamw"), {});
  twins.give_gradients(1);
  descent::Lookahead around(*twins.there.optimizer);
  stand_in::Graph graph;
  const stand_in::Capture capture(graph);
  EXPECT_THAT([&] { twins.there.optimizer->step(); },
              testing::ThrowsMessage<c10::Error>(HasSubstr(
                  "params[0] of group 0 has no state yet, or not where kernels find it")));
  const auto more = parameters({{2}}, at::kFloat);
  more[0].mutable_grad() = at::ones({2});
  twins.there.optimizer->add_param(more[0]);
  EXPECT_THAT([&] { twins.there.optimizer->step(); },
              testing::ThrowsMessage<c10::Error>(HasSubstr("while a graph captures")));
  EXPECT_THAT([&] { around.step(); },
              testing::ThrowsMessage<c10::Error>(HasSubstr("Lookahead: step() while a graph")));
}

}  // namespace
