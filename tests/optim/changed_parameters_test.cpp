// What people do to parameters between two steps: a step either goes on as if the parameter had been
// replaced by one with the same values, or refuses and leaves everything as it was. Runs under
// AddressSanitizer too, where it is about memory that no tensor owns.
#include <gmock/gmock.h>

#include "wrapping.h"

namespace {

using namespace checks;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using wrapping::refusal;

/// A parameter of four dimensions, longer than a block of the step where the rule allows it.
Shape main_shape(const RuleTable& rule) {
  return rule.tensor_update != nullptr ? Shape{2, 3, 4, 5} : Shape{8, 3, 14, 15};
}
/// The second is changed; the third has its sizes.
Shapes shapes(const RuleTable& rule) { return {{8}, main_shape(rule), main_shape(rule), {3}}; }

at::Tensor values(at::IntArrayRef sizes, at::ScalarType type = at::kFloat) {
  return noise(sizes, type, 77);
}

/// Something done to the second of some parameters.
struct Change {
  const char* name;
  bool resizes;  ///< the parameter has other sizes then
  bool refused;  ///< whatever the rule
  std::function<void(std::vector<at::Tensor>&)> make;
};

void set(std::vector<at::Tensor>& params, const at::Tensor& data) {
  at::Tensor p = params[1];
  p.set_data(data);
}

/// p.resize_() as far as LibTorch lets people do it.
void resize(std::vector<at::Tensor>& params, at::IntArrayRef sizes) {
  const at::NoGradGuard no_grad;
  at::Tensor p = params[1];
  p.set_requires_grad(false);
  p.resize_(sizes);
  p.copy_(values(sizes));
  p.set_requires_grad(true);
}

/// The second and the third parameter in one memory, so many elements apart.
void lay_together(std::vector<at::Tensor>& params, int64_t distance) {
  const at::Tensor p = params[1].detach(), q = params[2].detach();
  const int64_t n = p.numel();
  const at::Tensor memory = values({distance + n});
  const at::Tensor first = memory.narrow(0, 0, n).view(p.sizes());
  const at::Tensor second = memory.narrow(0, distance, n).view(p.sizes());
  at::Tensor other = params[2];
  set(params, first);
  other.set_data(second);
}

const std::vector<Change>& every_change() {
  using Params = std::vector<at::Tensor>;
  static const std::vector<Change> list{
      {"more elements", true, false, [](Params& x) { set(x, values({90000})); }},
      {"fewer elements", true, false, [](Params& x) { set(x, values({5})); }},
      {"one element", true, false, [](Params& x) { set(x, values({})); }},
      {"no elements", true, false, [](Params& x) { set(x, values({0})); }},
      {"a row for each plane", true, false,
       [](Params& x) {
         set(x, values({x[1].size(0), 1, 1, x[1].size(3)}));
       }},
      {"the same elements in one row", true, false,
       [](Params& x) { set(x, x[1].detach().clone().view(-1)); }},
      {"the axes in another order", true, false,
       [](Params& x) {
         set(x, x[1].detach().permute({3, 1, 0, 2}).contiguous());
       }},
      {"a larger resize_", true, false, [](Params& x) { resize(x, {70000}); }},
      {"a smaller resize_", true, false, [](Params& x) { resize(x, {6}); }},
      {"other values", false, false, [](Params& x) { set(x, values(x[1].sizes())); }},
      {"float64", false, false, [](Params& x) { set(x, x[1].detach().to(at::kDouble)); }},
      {"bfloat16", false, false, [](Params& x) { set(x, x[1].detach().to(at::kBFloat16)); }},
      {"whole numbers", false, true,
       [](Params& x) {
         x[1].set_requires_grad(false);  // LibTorch refuses them where gradients are wanted
         set(x, x[1].detach().to(at::kLong));
       }},
      {"complex numbers", false, true,
       [](Params& x) { set(x, x[1].detach().to(at::kComplexFloat)); }},
      {"axes laid out in another order", false, false,
       [](Params& x) {
         set(x, x[1].detach().permute({3, 2, 1, 0}).contiguous().permute({3, 2, 1, 0}));
       }},
      {"channels last", false, false,
       [](Params& x) { set(x, x[1].detach().contiguous(at::MemoryFormat::ChannelsLast)); }},
      {"gaps", false, false,
       [](Params& x) {
         Shape sizes = x[1].sizes().vec();
         sizes[3] *= 2;
         set(x, values(sizes).slice(3, 0, sizes[3], 2));
       }},
      {"a view into more", false, false,
       [](Params& x) {
         const int64_t n = x[1].numel();
         set(x, values({n + 9}).narrow(0, 3, n).view(x[1].sizes()));
       }},
      {"the negative of a memory", false, false,
       [](Params& x) { set(x, at::_neg_view(values(x[1].sizes()))); }},
      {"one number for all elements", false, true,
       [](Params& x) { set(x, values({1}).expand(x[1].sizes())); }},
      {"the memory of another parameter", false, true, [](Params& x) { set(x, x[2].detach()); }},
      {"a part of the memory of another parameter", false, true,
       [](Params& x) { lay_together(x, 7); }},
      {"memory beside another parameter's", false, false,
       [](Params& x) { lay_together(x, x[1].numel()); }},
  };
  return list;
}

std::vector<at::Tensor> start(const RuleTable& rule) {
  return parameters(shapes(rule), at::kFloat);
}

/// Gradients for what the parameters are now.
void renew_gradients(const std::vector<at::Tensor>& params) {
  for (size_t i = 0; i < params.size(); ++i)
    params[i].mutable_grad() =
        noise(params[i].sizes(),
              at::isFloatingType(params[i].scalar_type()) ? params[i].scalar_type() : at::kFloat,
              500 + static_cast<int64_t>(i));
}

bool has_buffers(descent::OptimizerBase& optimizer, const at::Tensor& p) {
  const descent::ParamState* const state = optimizer.state_of(p);
  for (size_t b = 0; state != nullptr && b < state->rule().buffers.size(); ++b)
    if (state->buffer(b).defined()) return true;
  return false;
}

/// What is wrong with how the rule takes a change: nothing if it goes on as after replace_param, or
/// refuses with nothing changed.
Failures takes(const RuleTable& rule, const OptionValues& options, const Change& change,
               bool new_gradients) {
  Failures failures;
  const auto wrong = [&](const std::string& text) {
    failures.push_back(std::string(change.name) + ": " + text);
  };
  Training found(rule, options, start(rule));
  found.steps(1, 3);
  const std::string before = c10::str(found.params[1].sizes());
  change.make(found.params);
  const std::string after = c10::str(found.params[1].sizes());
  if (new_gradients) renew_gradients(found.params);
  const auto everything_before = found.everything();
  const auto values_before = wrapping::copies(found.params);
  const auto gradients = wrapping::gradients(found.params);
  const auto gradients_before = wrapping::copies(gradients);
  const bool has_state =
      rule.tensor_update != nullptr || has_buffers(*found.optimizer, found.params[1]);
  const std::string unsaved = refusal([&] { wrapping::saved(*found.optimizer); });
  if (unsaved.empty() == (change.resizes && has_state)) wrong("saved: " + unsaved);

  const std::string message = refusal([&] { take_step(*found.optimizer); });
  const std::string written = difference(wrapping::copies(gradients), gradients_before);
  if (!written.empty()) wrong("wrote a gradient: " + written);
  if (!message.empty()) {
    const std::string changed = difference(found.everything(), everything_before);
    if (!changed.empty()) wrong("was refused with something changed: " + changed);
    if (!message.starts_with(rule.about.name)) wrong("does not name the class: " + message);
    if (message.find("params[") == std::string::npos) wrong("names no parameter: " + message);
    const bool may_be = change.refused || change.resizes || joins_group(rule, options);
    if (!may_be) wrong("was refused: " + message);
    if (change.resizes && new_gradients)
      for (const std::string& word :
           {before, after,
            std::string(rule.tensor_update != nullptr ? "state().clear()" : "replace_param")})
        if (message.find(word) == std::string::npos) wrong("does not say " + word + ": " + message);
    return failures;
  }
  if (change.refused || (change.resizes && (has_state || !new_gradients))) wrong("was not refused");

  Training wanted(rule, options, start(rule));
  wanted.steps(1, 3);
  for (const size_t i : {1, 2}) {
    const at::Tensor p = values_before[i].clone().requires_grad_();
    wanted.optimizer->replace_param(wanted.params[i], p);
    wanted.params[i] = p;
  }
  for (size_t i = 0; i < gradients.size(); ++i) wanted.params[i].mutable_grad() = gradients[i];
  take_step(*wanted.optimizer);
  const std::string text =
      difference(found.everything(), wanted.everything(), tolerance_of(rule, options, at::kFloat));
  if (!text.empty()) wrong("is not as replaced: " + text);
  return failures;
}

class EveryChange : public testing::TestWithParam<std::string> {
 protected:
  /// Decompositions of small matrices take much longer on several threads.
  void SetUp() override {
    if (rule().tensor_update != nullptr) torch::set_num_threads(1);
  }
  void TearDown() override { torch::set_num_threads(threads_); }
  const RuleTable& rule() const { return descent::find_rule(GetParam()); }

 private:
  const int threads_ = torch::get_num_threads();
};

std::vector<std::string> keys() {
  std::vector<std::string> list;
  for (const RuleTable* rule : descent::optimizers()) list.emplace_back(rule->about.key);
  return list;
}

INSTANTIATE_TEST_SUITE_P(Registered, EveryChange, testing::ValuesIn(keys()),
                         [](const auto& rule) { return rule.param; });

TEST_P(EveryChange, IsFollowedOrRefusedAsAWhole) {
  const auto all = settings(rule());
  for (const std::string pass : {"auto", "tensor"}) {
    const PassScope scope(pass);
    for (const auto& change : every_change())
      for (const bool new_gradients : {true, false})
        EXPECT_THAT(on_all(all,
                           [&](const OptionValues& options) {
                             return takes(rule(), options, change, new_gradients);
                           }),
                    IsEmpty())
            << pass << (new_gradients ? "" : ", the gradients are those of before");
  }
}

TEST_P(EveryChange, OfTheStateIsNoticedToo) {
  const OptionValues options = settings(rule()).front().options;
  for (const at::Tensor& x : {values({3}), values({90000}), values({1}).expand({7, 9000})}) {
    Training run(rule(), options, start(rule()));
    run.steps(1, 2);
    descent::ParamState* const state = run.optimizer->state_of(run.params[1]);
    if (!has_buffers(*run.optimizer, run.params[1])) GTEST_SKIP() << "there is no state";
    for (size_t b = 0; b < rule().buffers.size(); ++b)
      if (state->buffer(b).defined()) state->buffer(b) = x;
    const auto before = run.everything();
    renew_gradients(run.params);
    EXPECT_THAT(refusal([&] { take_step(*run.optimizer); }),
                AllOf(HasSubstr(rule().about.name), HasSubstr("params[1]")));
    EXPECT_EQ(difference(run.everything(), before), "");
  }
}

/// As frameworks do that free a parameter's memory while it is not needed.
void free_memory(const at::Tensor& x) {
  c10::StorageImpl* const memory = x.storage().unsafeGetStorageImpl();
  memory->set_data_ptr_noswap(at::DataPtr());
  memory->set_nbytes(0);
}

TEST_P(EveryChange, ToNoMemoryIsRefused) {
  const OptionValues options = settings(rule()).front().options;
  for (const bool of_gradient : {false, true}) {
    Training run(rule(), options, start(rule()));
    run.steps(1, 2);
    renew_gradients(run.params);
    const at::Tensor& p = run.params[1];
    const at::Tensor other = run.params[2].detach().clone();
    free_memory(of_gradient ? p.grad() : p.detach());
    EXPECT_THAT(refusal([&] { take_step(*run.optimizer); }),
                AllOf(HasSubstr(rule().about.name), HasSubstr("params[1]"), HasSubstr("memory")));
    EXPECT_TRUE(same_bits(run.params[2], other));
  }
}

TEST_P(EveryChange, OfAGradientIsFollowedOrRefused) {
  const OptionValues options = settings(rule()).front().options;
  const auto after = [&](const std::function<at::Tensor(const at::Tensor&)>& laid) {
    Training run(rule(), options, start(rule()));
    run.steps(1, 2);
    renew_gradients(run.params);
    run.params[1].mutable_grad() = laid(run.params[1].grad());
    take_step(*run.optimizer);
    return run.everything();
  };
  const auto plain = after([](const at::Tensor& g) { return g; });
  // A mean is taken off a wider gradient in the wider type.
  const double tolerance = std::max(1e-6, tolerance_of(rule(), options, at::kFloat));
  const auto wide = [](const at::Tensor& g) { return g.to(at::kDouble); };
  const auto negative = [](const at::Tensor& g) { return at::_neg_view(-g); };
  EXPECT_EQ(difference(after(wide), plain, tolerance), "");
  EXPECT_EQ(difference(after(negative), plain, tolerance), "");
  const auto nothing = [](const at::Tensor& g) {
    return at::_efficientzerotensor(g.sizes(), g.options());
  };
  EXPECT_THAT(refusal([&] { after(nothing); }), HasSubstr("must have values"));
  for (const auto type : {at::kLong, at::kBool, at::kComplexFloat})
    EXPECT_THAT(refusal([&] { after([&](const at::Tensor& g) { return g.to(type); }); }),
                HasSubstr("must be a real floating-point type"));
}

TEST(AParameterOfNewSizes, GoesOnWithItsStateMapped) {
  const RuleTable& rule = descent::find_rule("adamw");
  Training found(rule, {}, start(rule)), wanted(rule, {}, start(rule));
  found.steps(1, 3);
  wanted.steps(1, 3);
  const auto half = [](const at::Tensor& s) { return s.narrow(0, 0, 4).clone(); };
  const at::Tensor smaller = half(wanted.params[1].detach()).requires_grad_();
  set(found.params, half(found.params[1].detach()));
  found.optimizer->replace_param(found.params[1], found.params[1], half);
  wanted.optimizer->replace_param(wanted.params[1], smaller, half);
  wanted.params[1] = smaller;
  found.steps(4, 6);
  wanted.steps(4, 6);
  EXPECT_EQ(difference(found.everything(), wanted.everything()), "");
}

TEST(ParametersThatShareMemory, AreNoticedAtTheFirstStepAndAtEveryOther) {
  const at::Tensor memory = values({10000});
  const at::Tensor p = memory.narrow(0, 0, 5000).requires_grad_();
  const at::Tensor q = memory.narrow(0, 4999, 5000).requires_grad_();
  Training run(descent::find_rule("adamw"), {}, {p, q});
  for (int i = 0; i < 2; ++i) {
    renew_gradients(run.params);
    EXPECT_THAT(refusal([&] { run.optimizer->step(); }),
                HasSubstr("AdamW: params[1] of group 0 shares memory with params[0] of group 0"));
  }
  EXPECT_TRUE(same_bits(memory, values({10000})));
  q.mutable_grad() = at::Tensor();  // alone nobody is in its way
  run.optimizer->step();
}

/// What is made of the parameters {8}, {8, 3, 14, 15}, {8, 3, 14, 15}, {3}, and stands around them.
struct Around {
  const char* name;
  std::function<std::unique_ptr<torch::optim::Optimizer>(const std::vector<at::Tensor>&)> make;
};

template <class Wrapper>
Around around(const char* name, typename Wrapper::Options options = {}) {
  return {name, [options](const std::vector<at::Tensor>& params) {
            return std::make_unique<Wrapper>(descent::AdamW(params), options);
          }};
}

TEST(EveryWrapper, RefusesParametersOfOtherSizesAsAWhole) {
  const std::vector<Around> list{
      around<descent::Lookahead>("lookahead", {.k = 2}),
      around<descent::Lookahead>("lookahead, lazy", {.k = 3, .slow_init = descent::SlowInit::Lazy}),
      {"lookahead around LibTorch's",
       [](const std::vector<at::Tensor>& params) {
         return std::make_unique<descent::Lookahead>(torch::optim::SGD(params, 0.1));
       }},
      around<descent::SAM>("sam"),
      around<descent::SAM>("adaptive sam", {.adaptive = true}),
      around<descent::ClipNorm>("clip_norm"),
      around<descent::ClipValue>("clip_value"),
      around<descent::AdaptiveClip>("adaptive_clip"),
      around<descent::GradientNoise>("gradient_noise", {.eta = 0.1}),
      around<descent::GradientCentralization>("gradient_centralization")};
  for (const auto& [name, make] : list)
    for (const auto& change : every_change()) {
      if (!change.resizes) continue;
      wrapping::Problem problem{start(descent::find_rule("adamw"))};
      const auto opt = make(problem.params);
      problem.train(*opt, 1, 4);
      change.make(problem.params);
      const auto before = wrapping::copies(problem.params);
      problem.forget_gradients();
      problem.backward();
      EXPECT_THAT(refusal([&] { opt->step(problem.closure()); }), HasSubstr("params[1]"))
          << name << ", " << change.name;
      EXPECT_EQ(difference(wrapping::copies(problem.params), before), "")
          << name << ", " << change.name;
      EXPECT_THAT(refusal([&] { wrapping::saved(*opt); }), HasSubstr("params[1]"))
          << name << ", " << change.name;
    }
}

TEST(SlowWeights, FollowToAnotherTypeAndRefuseOtherSizes) {
  const auto half = [](const at::Tensor& s) { return s.narrow(0, 0, 4).clone(); };
  wrapping::Problem problem{start(descent::find_rule("adamw"))};
  descent::Lookahead opt(descent::AdamW(problem.params), {.k = 2});
  problem.train(opt, 1, 2);
  set(problem.params, problem.params[1].detach().to(at::kDouble));
  set(problem.params, half(problem.params[1].detach()));
  EXPECT_THAT(refusal([&] { opt.sync(); }),
              AllOf(HasSubstr("Lookahead: params[1] of group 0 has sizes [4, 3, 14, 15], its slow "
                              "weights have sizes [8, 3, 14, 15]"),
                    HasSubstr("replace_param")));
  opt.replace_param(problem.params[1], problem.params[1], half);
  for (const auto& p : problem.params) p.mutable_grad() = at::zeros_like(p);
  for (int i = 0; i < 4; ++i) opt.step();
  EXPECT_EQ(problem.params[1].scalar_type(), at::kDouble);
  EXPECT_THAT(refusal([&] { opt.replace_param(problem.params[1], values({3}).requires_grad_()); }),
              HasSubstr("map is missing, must return a tensor of sizes [3]"));
}

/// Ranger's slow weights belong to parameters without a gradient too.
TEST(SlowWeights, OfARuleAreComparedWithoutAGradientToo) {
  for (const char* key : {"ranger", "rangerlars"}) {
    const RuleTable& rule = descent::find_rule(key);
    Training run(rule, {{"k", 2.0}}, start(rule));
    run.steps(1, 3);
    set(run.params, values({8, 1, 14, 15}));
    renew_gradients(run.params);
    run.params[1].mutable_grad() = at::Tensor();
    const auto before = run.everything();
    EXPECT_THAT(refusal([&] { run.optimizer->step(); }), HasSubstr("params[1] of group 0"));
    EXPECT_EQ(difference(run.everything(), before), "");
  }
}

TEST(AGradientAhead, IsNotSoughtWhereTheStateDoesNotFit) {
  for (const RuleTable* one : descent::optimizers()) {
    if (one->look_ahead == nullptr) continue;
    for (const auto& setting : settings(*one)) {
      if (one->look_ahead(options_of(*one, setting.options).get()) == 0) continue;
      Training run(*one, setting.options, start(*one));
      run.steps(1, 2);
      if (!has_buffers(*run.optimizer, run.params[1])) continue;
      set(run.params, values({8, 1, 14, 15}));
      const auto before = run.everything();
      EXPECT_THAT(refusal([&] {
                    run.optimizer->step([]() -> at::Tensor {
                      ADD_FAILURE() << "the closure was called";
                      return {};
                    });
                  }),
                  HasSubstr("params[1] of group 0"));
      EXPECT_EQ(difference(run.everything(), before), "");
    }
  }
}

TEST(AClosure, ThatChangesSizesIsNoticed) {
  wrapping::Problem problem{start(descent::find_rule("adamw"))};
  problem.train(*std::make_unique<descent::AdamW>(problem.params), 1, 1);
  bool change = false;
  const auto closure = [&] {
    if (change) set(problem.params, values({8, 1, 14, 15}));
    problem.forget_gradients();
    return problem.backward();
  };
  descent::SAM sam(descent::AdamW(problem.params), {.call_closure_first = true});
  sam.step(closure);
  const at::Tensor first = problem.params[0].detach().clone();
  int calls = 0;
  EXPECT_NE(refusal([&] {
              sam.step([&] {
                change = ++calls == 2;
                return closure();
              });
            }),
            "");
  EXPECT_TRUE(same_bits(problem.params[0], first));

  wrapping::Problem other{start(descent::find_rule("adamw"))};
  const at::Tensor start_of_first = other.params[0].detach().clone();
  calls = 0;
  EXPECT_THAT(refusal([&] {
                descent::line_search(other.params, [&] {
                  if (++calls == 2) set(other.params, values({8, 1, 14, 15}));
                  other.forget_gradients();
                  return other.backward();
                });
              }),
              HasSubstr("line_search: after the closure params[1] has sizes [8, 1, 14, 15], must "
                        "have [8, 3, 14, 15]"));
  EXPECT_TRUE(same_bits(other.params[0], start_of_first));
}

TEST(EveryAverage, RefusesWeightsOfOtherSizesAsAWhole) {
  for (const auto& change : every_change()) {
    if (!change.resizes) continue;
    const auto refuses = [&](auto make) {
      auto params = start(descent::find_rule("adamw"));
      auto average = make(params);
      average->update();
      change.make(params);
      const auto before = wrapping::copies(params);
      const auto averages = wrapping::copies(average->averages());
      EXPECT_THAT(refusal([&] { average->update(); }), HasSubstr("weights[1] has sizes"));
      EXPECT_THAT(refusal([&] { average->copy_to(); }), HasSubstr("weights[1] has sizes"));
      EXPECT_THAT(refusal([&] { const auto scope = average->applied(); }),
                  HasSubstr("weights[1] has sizes"));
      EXPECT_THAT(refusal([&] {
                    torch::serialize::OutputArchive archive;
                    average->save(archive);
                  }),
                  HasSubstr("weights[1] has sizes"));
      EXPECT_EQ(difference(wrapping::copies(params), before), "") << change.name;
      EXPECT_EQ(difference(average->averages(), averages), "") << change.name;
      const at::Tensor now = params[1].detach();
      average->replace_param(params[1], params[1], [&](const at::Tensor&) { return now; });
      average->update();
    };
    refuses([](const auto& x) { return std::make_unique<descent::ExponentialMovingAverage>(x); });
    refuses([](const auto& x) { return std::make_unique<descent::StochasticWeightAverage>(x); });
  }
}

TEST(AnAverage, OfARuleIsNotSwappedIntoParametersOfOtherSizes) {
  auto params = start(descent::find_rule("asgd"));
  descent::ASGD opt(params);
  renew_gradients(params);
  opt.step();
  set(params, values({8, 1, 14, 15}));
  const auto before = wrapping::copies(params);
  EXPECT_THAT(refusal([&] { opt.swap_average(); }), HasSubstr("ASGD: params[1] of group 0"));
  EXPECT_EQ(difference(wrapping::copies(params), before), "");
  set(params, values(shapes(opt.rule())[1], at::kDouble));
  const at::Tensor p = params[1].detach().clone();
  opt.swap_average();
  opt.swap_average();
  EXPECT_TRUE(same_bits(params[1], p)) << "the average has fewer digits than the parameter";
}

TEST(TheBestWeights, AreNotPutBackIntoParametersOfOtherSizes) {
  auto params = start(descent::find_rule("adamw"));
  descent::EarlyStopping stop({.patience = 1, .restore_best = true}, params);
  stop.check(1);
  set(params, values({8, 1, 14, 15}));
  const auto before = wrapping::copies(params);
  EXPECT_THAT(refusal([&] { stop.check(2); }),
              HasSubstr("EarlyStopping: weights[1] has sizes [8, 1, 14, 15]"));
  EXPECT_EQ(difference(wrapping::copies(params), before), "");

  descent::Convergence convergence(params, {descent::StepTest{}});
  set(params, values({8, 3, 14, 15}));
  EXPECT_THAT(refusal([&] { convergence.check(); }), HasSubstr("Convergence: params[1] has sizes"));
}

}  // namespace
