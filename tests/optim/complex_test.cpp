// Complex parameters, which are stepped as their real views (..., 2).
#include <cmath>
#include <limits>
#include <sstream>

#include <gmock/gmock.h>
#include <torch/serialize.h>
#include <torch/types.h>

#include <descent/optim/wrappers/gradient_transforms.h>
#include <descent/optim/wrappers/lookahead.h>
#include <descent/optim/wrappers/mechanic.h>
#include <descent/optim/wrappers/sam.h>
#include <descent/optim/wrappers/schedule_free.h>

#include "../replay/parity.h"
#include "checks.h"

namespace complex_test {
namespace {

using namespace checks;
using testing::HasSubstr;

const Shapes kShapes{{3, 7}, {}, {0}, {33}, {2, 3, 4}};

std::string complaint(const std::function<void()>& act) {
  try {
    act();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "";
}

class Complex : public testing::TestWithParam<const RuleTable*> {
 protected:
  const RuleTable& rule() const { return *GetParam(); }
};
std::string name_of(const testing::TestParamInfo<const RuleTable*>& info) {
  return info.param->about.name;
}
INSTANTIATE_TEST_SUITE_P(EveryRule, Complex, testing::ValuesIn(descent::optimizers()), name_of);

/// Parameters and state as real views, copied; and the numbers of steps.
std::vector<at::Tensor> real(const std::vector<at::Tensor>& all) {
  std::vector<at::Tensor> list;
  for (const at::Tensor& x : all)
    list.push_back(x.is_complex() ? at::view_as_real(x.resolve_conj()).clone() : x);
  return list;
}

/// Complex parameters beside their real views in an optimizer of their own, and gradients for both.
struct Twins {
  Twins(const RuleTable& rule, const OptionValues& options, at::ScalarType type) {
    for (const Shape& shape : kShapes) {
      Shape with_parts = shape;
      with_parts.push_back(2);
      views.push_back(noise(with_parts, type, static_cast<int64_t>(views.size())).requires_grad_());
      params.push_back(at::view_as_complex(views.back().detach().clone()).requires_grad_());
    }
    of_views = make_fitting(rule, views, options);
    of_params = make_fitting(rule, params, options);
  }
  void step(int64_t t) {
    set_gradients(views, t);
    for (size_t i = 0; i < params.size(); ++i)
      params[i].mutable_grad() =
          views[i].grad().defined() ? at::view_as_complex(views[i].grad().clone()) : at::Tensor();
    take_step(*of_views);
    take_step(*of_params);
  }

  std::vector<at::Tensor> views, params;
  std::unique_ptr<descent::OptimizerBase> of_views, of_params;
};

TEST_P(Complex, ParametersAreSteppedAsTheirRealViews) {
  const at::Tensor p = noise({2, 2}, at::kFloat, 1).requires_grad_();
  if (rule().tensor_update != nullptr) {
    const at::Tensor complex = at::view_as_complex(p.detach()).requires_grad_();
    EXPECT_THAT(complaint([&] { descent::make_optimizer(rule().about.key, {complex}); }),
                HasSubstr("params[0] has dtype ComplexFloat, must be a real floating-point type"));
    return;
  }
  for (const std::string& pass : passes()) {
    const PassScope scope(pass);
    for (const Setting& setting : settings(rule())) {
      if (is_set(rule(), setting.options, "lookahead")) continue;  // asks elsewhere for gradients
      for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
        // Slow weights are to be pulled twice.
        const bool pulls = rule().pull != nullptr;
        const OptionValues options =
            pulls ? joined(setting.options, {{"k", 2.0}}) : setting.options;
        Twins twins(rule(), options, type);
        for (int64_t t = 1; t <= (pulls ? 5 : 3); ++t) twins.step(t);
        EXPECT_EQ(difference(real(everything(*twins.of_params)), everything(*twins.of_views)), "")
            << setting.name << " on " << pass;
        if (pass != "tensor" && setting.name != "base") break;
      }
    }
  }
  for (const at::Tensor& x : Twins(rule(), {}, at::kFloat).params) EXPECT_TRUE(x.is_complex());
}

TEST_P(Complex, StatesAreComplexAndContinueFromAnArchive) {
  if (rule().tensor_update != nullptr) GTEST_SKIP() << "takes no complex parameters";
  Twins twins(rule(), {}, at::kDouble);
  for (int64_t t = 1; t <= 2; ++t) twins.step(t);
  const descent::ParamState* const state = twins.of_params->state_of(twins.params[0]);
  for (size_t b = 0; b < rule().buffers.size(); ++b)
    if (state->buffer(b).defined()) {
      EXPECT_EQ(state->buffer(b).scalar_type(), at::kComplexDouble) << rule().buffers[b];
      EXPECT_EQ(state->buffer(b).sizes(), twins.params[0].sizes());
    }
  std::stringstream archive;
  torch::save(twins.of_params->as_libtorch(), archive);
  std::vector<at::Tensor> again;
  for (const at::Tensor& p : twins.params) again.push_back(p.detach().clone().requires_grad_());
  const auto opt = make_fitting(rule(), again, {});
  torch::load(opt->as_libtorch(), archive);
  for (int64_t t = 3; t <= 4; ++t) {
    twins.step(t);
    for (size_t i = 0; i < again.size(); ++i) again[i].mutable_grad() = twins.params[i].grad();
    take_step(*opt);
  }
  EXPECT_EQ(difference(real(everything(*opt)), real(everything(*twins.of_params))), "");
}

using Wrap = std::function<std::unique_ptr<torch::optim::Optimizer>(std::vector<at::Tensor>)>;
template <class Outer, class Inner = descent::SGD>
Wrap wrap(const typename Outer::Options& outer,
          const typename Inner::Options& inner = {.lr = 0.1}) {
  return [=](const std::vector<at::Tensor>& params) {
    return std::make_unique<Outer>(Inner(params, inner), outer);
  };
}

TEST(ComplexParameters, AreSteppedAsTheirRealViewsInEveryWrapper) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<std::pair<const char*, Wrap>> wrappers{
      {"Mechanic", wrap<descent::Mechanic, descent::AdamW>({.s_init = 0.01}, {.lr = 0.1})},
      {"Lookahead", wrap<descent::Lookahead>({.k = 2})},
      {"ScheduleFree", wrap<descent::ScheduleFree>({})},
      {"SAM", wrap<descent::SAM>({.rho = 0.5, .call_closure_first = true})},
      {"adaptive SAM",
       wrap<descent::SAM>({.rho = 0.5, .adaptive = true, .call_closure_first = true})},
      {"ClipNorm", wrap<descent::ClipNorm>({.max_norm = 0.5})},
      {"ClipNorm of order 1", wrap<descent::ClipNorm>({.max_norm = 0.5, .norm_type = 1})},
      {"ClipNorm of the largest",
       wrap<descent::ClipNorm>({.max_norm = 0.5, .norm_type = kInfinity})},
      {"ClipValue", wrap<descent::ClipValue>({.clip_value = 0.3})},
      {"AdaptiveClip", wrap<descent::AdaptiveClip>({})},
      {"GradientCentralization", wrap<descent::GradientCentralization>({})},
      {"GradientNoise", wrap<descent::GradientNoise>({.eta = 1})},
  };
  for (const auto& [name, make] : wrappers)
    for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
      std::vector<at::Tensor> views, params;
      for (const Shape& shape : kShapes) {
        Shape with_parts = shape;
        with_parts.push_back(2);
        views.push_back(noise(with_parts, type, static_cast<int64_t>(views.size())));
        params.push_back(at::view_as_complex(views.back().clone()).requires_grad_());
        views.back().requires_grad_();
      }
      const auto of_views = make(views), of_params = make(params);
      const double tolerance = type == at::kFloat ? 2e-6 : 1e-12;
      for (int64_t t = 1; t <= 6; ++t) {
        // Gradients that go by where the parameters are, as SAM wants them.
        const auto gradient = [&](const at::Tensor& x, size_t i) {
          return x + noise(x.sizes(), type, 10 * t + static_cast<int64_t>(i));
        };
        const auto closure = [&](const std::vector<at::Tensor>& all) {
          return [&] {
            const at::NoGradGuard no_grad;
            for (size_t i = 0; i < all.size(); ++i)
              all[i].mutable_grad() =
                  all[i].is_complex()
                      ? at::view_as_complex(gradient(at::view_as_real(all[i].detach()), i))
                      : gradient(all[i].detach(), i);
            return at::zeros({});
          };
        };
        of_views->step(closure(views));
        of_params->step(closure(params));
        ASSERT_EQ(difference(real(params), views, tolerance), "") << name << ", step " << t;
      }
    }
}

TEST(ComplexParameters, HaveTheNormOfTheirRealViews) {
  const at::Tensor view = noise({7, 2}, at::kFloat, 1).requires_grad_();
  const at::Tensor p = at::view_as_complex(view.detach().clone()).requires_grad_();
  view.mutable_grad() = noise({7, 2}, at::kFloat, 2);
  p.mutable_grad() = at::view_as_complex(view.grad().clone());
  for (const double order : {1.0, 2.0, 3.0})
    EXPECT_TRUE(at::equal(descent::grad_norm({p}, order), descent::grad_norm({view}, order)));
}

// The golden row complex_adamw: real and imaginary parts are numbered as shapes (4, 3, 2), (5, 2).
TEST(ComplexAdamW, HasTheNumbersOfTheSpecification) {
  std::vector<at::Tensor> params;
  int64_t first = 0;
  for (const Shape& shape : {Shape{4, 3, 2}, Shape{5, 2}}) {
    const int64_t n = at::empty(shape).numel();
    const at::Tensor i = at::arange(first, first + n, at::kDouble);
    params.push_back(
        at::view_as_complex(at::cos(0.9 * i + 0.3).view(shape).contiguous()).requires_grad_());
    first += n;
  }
  descent::AdamW opt(params, {.lr = 0.01, .weight_decay = 0.1, .amsgrad = true});
  const auto checksum = [&] {
    double sum = 0;
    int64_t i = 0;
    for (const at::Tensor& p : params) {
      const at::Tensor x = at::view_as_real(p.detach()).contiguous();
      for (int64_t k = 0; k < x.numel(); ++k, ++i)
        sum += x.const_data_ptr<double>()[k] * std::cos(0.37 * static_cast<double>(i) + 0.1);
    }
    return sum;
  };
  for (int64_t t = 1; t <= 60; ++t) {
    int64_t i = 0;
    for (const at::Tensor& p : params) {
      const at::Tensor g = at::view_as_real(p.detach()).clone();
      for (int64_t k = 0; k < g.numel(); ++k, ++i) {
        double& x = g.mutable_data_ptr<double>()[k];
        x = replay::parity_term(i, t, x).gradient;
      }
      p.mutable_grad() = at::view_as_complex(g);
    }
    opt.step();
    if (t == 1) {
      EXPECT_NEAR(checksum(), -0.9427616039625, 1e-11);
    }
    if (t == 10) {
      EXPECT_NEAR(checksum(), -0.8283706199369, 1e-11);
    }
    if (t == 60) {
      EXPECT_NEAR(checksum(), -0.3604575280568, 1e-11);
    }
  }
}

TEST(ComplexParameters, TakeConjugatedGradientsAndRefuseOthers) {
  const at::Tensor p = at::view_as_complex(noise({4, 2}, at::kFloat, 1)).requires_grad_();
  const at::Tensor q = p.detach().clone().requires_grad_();
  descent::AdamW one({p}, {.lr = 0.1}), other({q}, {.lr = 0.1});
  const at::Tensor g = at::view_as_complex(noise({4, 2}, at::kFloat, 2));
  p.mutable_grad() = g.conj();
  q.mutable_grad() = g.conj().resolve_conj();
  one.step();
  other.step();
  EXPECT_TRUE(at::equal(p, q));
  const at::Tensor before = p.detach().clone();
  p.unsafeGetTensorImpl()->mutable_grad() = noise({4}, at::kFloat, 3);
  EXPECT_THAT(complaint([&] { one.step(); }),
              HasSubstr("has dtype Float and layout Strided, must be complex"));
  EXPECT_TRUE(at::equal(p.detach(), before));
  EXPECT_TRUE(one.state_of(p)->buffer(0).is_complex());
  const at::Tensor half = at::zeros({2}, at::kComplexHalf).requires_grad_();
  EXPECT_THAT(complaint([&] { descent::AdamW opt({half}); }),
              HasSubstr("has dtype ComplexHalf, must be a floating-point type, or complex"));
  EXPECT_THAT(complaint([&] { descent::AdamW opt({p}, {}, {.state_bits = 8}); }),
              HasSubstr("state_bits = 8, must be 0 for a parameter of ComplexFloat"));
}

}  // namespace
}  // namespace complex_test
