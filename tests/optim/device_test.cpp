// Parameters on another device than the CPU, for which tests/stand_in.h stands, and how often a step
// waits for it.
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <torch/serialize/archive.h>
#include <torch/types.h>

#include "../stand_in.h"
#include "checks.h"

namespace device_test {
namespace {

using namespace checks;
namespace stand_in = descent::stand_in;
using testing::HasSubstr;
using testing::ThrowsMessage;

std::vector<std::string> keys() {
  std::vector<std::string> list;
  for (const RuleTable* rule : descent::optimizers()) list.emplace_back(rule->about.key);
  return list;
}

std::vector<at::Tensor> moved(const std::vector<at::Tensor>& tensors, at::Device device) {
  std::vector<at::Tensor> result;
  for (const at::Tensor& tensor : tensors) result.push_back(tensor.detach().to(device));
  return result;
}

/// The same training on the CPU and on the stand-in.
struct Twins {
  Twins(const RuleTable& rule, const OptionValues& options, const Shapes& shapes)
      : here(rule, options, parameters(shapes, at::kFloat)), there(rule, options, [&] {
          auto params = moved(here.params, stand_in::device());
          for (at::Tensor& p : params) p.requires_grad_();
          return params;
        }()) {}

  void give_gradients(int64_t t) {
    set_gradients(here.params, t);
    for (size_t i = 0; i < here.params.size(); ++i) {
      const at::Tensor& g = here.params[i].grad();
      there.params[i].mutable_grad() = g.defined() ? g.to(stand_in::device()) : g;
    }
  }

  Training here, there;
};

class EveryRule : public testing::TestWithParam<std::string> {
 protected:
  const RuleTable& rule() const { return descent::find_rule(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(OnADevice, EveryRule, testing::ValuesIn(keys()),
                         [](const auto& rule) { return rule.param; });

TEST_P(EveryRule, StepsAsOnTheCpu) {
  const PassScope tensor("tensor");
  const auto failures = on_all(settings(rule()), [&](const OptionValues& options) -> Failures {
    Twins twins(rule(), options, kSmallShapes);
    for (int64_t t = 1; t <= 3; ++t) {
      twins.give_gradients(t);
      take_step(*twins.here.optimizer);
      take_step(*twins.there.optimizer);
    }
    const std::string found =
        difference(moved(twins.there.everything(), at::kCPU), twins.here.everything(), 1e-5);
    return found.empty() ? Failures{} : Failures{found};
  });
  EXPECT_THAT(failures, testing::IsEmpty());
}

/// How often a step of `count` matrices waits for the device.
int64_t waits_of_a_step(const RuleTable& rule, int64_t count, const OptionValues& options = {}) {
  Twins twins(rule, options, Shapes(static_cast<size_t>(count), Shape{6, 4}));
  int64_t before = 0;
  for (int64_t t = 1; t <= 4; ++t) {
    twins.give_gradients(4);
    before = stand_in::waits();
    take_step(*twins.there.optimizer);
  }
  return stand_in::waits() - before;
}

/// Norms and sums over parameters are read together. Three rules take matrices apart, which waits for
/// each of them.
TEST_P(EveryRule, WaitsOnceAtMost) {
  const std::map<std::string, int64_t> of_a_matrix{
      {"full_adagrad", 1}, {"kron", 12}, {"shampoo", 2}};
  const auto known = of_a_matrix.find(GetParam());
  if (known == of_a_matrix.end()) {
    EXPECT_LE(waits_of_a_step(rule(), 5), 1);
  } else {
    EXPECT_LE(waits_of_a_step(rule(), 5), 5 * known->second);
  }
}

/// A rule that reads nothing of other elements has nothing to wait for.
TEST(OnADevice, ElementwiseRulesDoNotWait) {
  for (const char* const name : {"sgd", "adagrad", "rmsprop", "adamw", "lion", "adopt", "muon"})
    EXPECT_EQ(waits_of_a_step(descent::find_rule(name), 5), 0) << name;
}

TEST(OnADevice, WhatIsMeasuredAheadWaitsOnce) {
  EXPECT_EQ(waits_of_a_step(descent::find_rule("lamb"), 5, {{"max_grad_norm", "0.5"}}), 2);
  EXPECT_EQ(waits_of_a_step(descent::find_rule("adamw"), 5,
                            {{"weight_decay", "0.1"}, {"decay_scale", "stable"}}),
            1);
}

/// A replay would repeat the numbers of the step that was captured.
TEST(OnADevice, AStepInsideOfACaptureIsRefused) {
  for (const char* const name : {"adamw", "lamb", "muon"}) {
    Twins twins(descent::find_rule(name), {}, kSmallShapes);
    twins.give_gradients(1);
    const auto before = twins.there.everything();
    {
      const stand_in::Capture capture;
      EXPECT_THAT([&] { twins.there.optimizer->step(); },
                  ThrowsMessage<c10::Error>(HasSubstr("step() while a graph captures the stream")));
      twins.here.optimizer->step();  // of the CPU nothing is captured
    }
    EXPECT_EQ(difference(moved(twins.there.everything(), at::kCPU), moved(before, at::kCPU)), "");
  }
}

TEST(OnADevice, AGradientOnAnotherDeviceIsRefused) {
  Twins twins(descent::find_rule("adamw"), {}, kSmallShapes);
  twins.give_gradients(1);
  twins.there.params[0].mutable_grad() = twins.here.params[0].grad();
  EXPECT_THAT([&] { twins.there.optimizer->step(); },
              ThrowsMessage<c10::Error>(
                  HasSubstr("AdamW: the gradient of params[0] of group 0 is on cpu, must be on ")));
}

TEST(OnADevice, ParametersOfOneRuleMayBeOnSeveral) {
  const RuleTable& rule = descent::find_rule("adamw");
  auto params = parameters({{3, 4}, {5}, {2}}, at::kFloat);
  for (size_t i = 1; i < 3; ++i)
    params[i] = params[i].detach().to(stand_in::device(static_cast<c10::DeviceIndex>(i - 1)));
  const Training several(rule, {}, params);
  const Training one(rule, {}, parameters({{3, 4}, {5}, {2}}, at::kFloat));
  for (size_t i = 0; i < 3; ++i) {
    const at::Tensor g = noise(params[i].sizes(), at::kFloat, static_cast<int64_t>(i));
    several.params[i].mutable_grad() = g.to(params[i].device());
    one.params[i].mutable_grad() = g;
  }
  several.optimizer->step();
  one.optimizer->step();
  EXPECT_EQ(difference(moved(several.everything(), at::kCPU), one.everything(), 1e-6), "");
}

/// A checkpoint goes from one device to another and back.
TEST(OnADevice, StateMovesWithItsParameters) {
  const RuleTable& rule = descent::find_rule("adamw");
  Twins twins(rule, {}, kSmallShapes);
  for (int64_t t = 1; t <= 2; ++t) {
    twins.give_gradients(t);
    take_step(*twins.here.optimizer);
  }
  torch::serialize::OutputArchive out;
  twins.here.optimizer->save(out);
  std::stringstream stream;
  out.save_to(stream);
  torch::serialize::InputArchive in;
  in.load_from(stream);
  twins.there.optimizer->load(in);
  for (size_t i = 0; i < twins.here.params.size(); ++i)
    twins.there.params[i].detach().copy_(twins.here.params[i].detach());
  twins.give_gradients(3);
  take_step(*twins.here.optimizer);
  take_step(*twins.there.optimizer);
  EXPECT_EQ(difference(moved(twins.there.everything(), at::kCPU), twins.here.everything(), 1e-6),
            "");
}

}  // namespace
}  // namespace device_test
