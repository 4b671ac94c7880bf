#include "rival.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <ATen/Parallel.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include <descent/base/pass.h>
#include <descent/optim/optimizer/registry.h>

#include "triad.h"

namespace bench {
namespace {

using List = std::vector<at::Tensor>;

constexpr double kLr = 1e-6;  // small, so that numbers stay of their size however long a race is
constexpr double kMomentum = 0.9, kBeta1 = 0.9, kBeta2 = 0.999, kEps = 1e-8, kDecay = 1e-2;
constexpr double kBuffer = 1e-2;  // what buffers start at: a state that every rule can have

List gradients_of(const List& parameters) {
  List list;
  for (const auto& p : parameters) list.push_back(p.grad());
  return list;
}

bool needs_loss(const torch::optim::Optimizer& optimizer) {
  const auto* const ours = dynamic_cast<const descent::OptimizerBase*>(&optimizer);
  return ours != nullptr && ours->rule().needs_loss;
}

/// Takes an optimizer's first step and replaces its state by the common tensors.
void share_state(const Cost& cost, torch::optim::Optimizer& optimizer, const Tensors& tensors) {
  take_step(optimizer);
  for (size_t i = 0; i < tensors.parameters.size(); ++i) {
    auto* const state = optimizer.state().at(tensors.parameters[i].unsafeGetTensorImpl()).get();
    if (auto* const ours = dynamic_cast<descent::ParamState*>(state)) {
      size_t shared = 0;
      for (size_t b = 0; b < ours->rule().buffers.size(); ++b)
        if (ours->buffer(b).defined() && shared < static_cast<size_t>(cost.buffers))
          ours->buffer(b) = tensors.buffers[shared++][i];
    } else if (auto* const sgd = dynamic_cast<torch::optim::SGDParamState*>(state)) {
      sgd->momentum_buffer(tensors.buffers[0][i]);
    } else if (auto* const adamw = dynamic_cast<torch::optim::AdamWParamState*>(state)) {
      adamw->exp_avg(tensors.buffers[0][i]);
      adamw->exp_avg_sq(tensors.buffers[1][i]);
    }
  }
}

Rival fused_sgd(const Tensors& tensors) {
  return {"at::_fused_sgd_", [p = tensors.parameters, g = gradients_of(tensors.parameters),
                              m = tensors.buffers[0], first = true]() mutable {
            at::_fused_sgd_(p, g, m, /*weight_decay=*/0, kMomentum, kLr, /*dampening=*/0,
                            /*nesterov=*/false, /*maximize=*/false, std::exchange(first, false));
          }};
}

Rival fused_adamw(const Tensors& tensors) {
  List steps;
  for (size_t i = 0; i < tensors.parameters.size(); ++i) steps.push_back(at::zeros({}));
  return {"at::_fused_adamw_",
          [p = tensors.parameters, g = gradients_of(tensors.parameters), m = tensors.buffers[0],
           v = tensors.buffers[1], steps = std::move(steps)] {
            for (const auto& step : steps) *step.data_ptr<float>() += 1;
            at::_fused_adamw_(p, g, m, v, /*max_exp_avg_sqs=*/{}, steps, kLr, kBeta1, kBeta2,
                              kDecay, kEps, /*amsgrad=*/false, /*maximize=*/false);
          }};
}

Rival triads(const Cost& cost, const Tensors& tensors) {
  std::vector<Pair> pairs;
  for (size_t i = 0; i < tensors.parameters.size(); ++i) {
    const at::Tensor& p = tensors.parameters[i];
    const float* const g = p.grad().const_data_ptr<float>();
    pairs.push_back({p.mutable_data_ptr<float>(), g, p.numel()});
    if (cost.buffers == 0) continue;
    const float* const second =
        cost.buffers >= 2 ? tensors.buffers[1][i].const_data_ptr<float>() : g;
    pairs.push_back({tensors.buffers[0][i].mutable_data_ptr<float>(), second, p.numel()});
  }
  return {"triad",
          [pairs = std::move(pairs), threads = at::get_num_threads()] { triad(pairs, threads); }};
}

}  // namespace

const std::vector<Cost>& costs() {
  static const std::vector<Cost> all = [] {
    std::vector<Cost> list;
    const auto add = [&](const descent::engine::RuleTable& rule, const std::string& change,
                         const descent::OptionValues& options) {
      if (rule.forms.empty()) return;  // a tensor algorithm
      const auto made = rule.make_options(nullptr);
      for (const auto& [name, value] : options) rule.set(made.get(), name, value);
      const auto& form = form_of(rule, made.get());
      const auto buffers = std::count(form.buffers.begin(), form.buffers.end(), true);
      list.push_back({rule.about.key + (change.empty() ? "" : " " + change), options, form.traffic,
                      static_cast<int>(buffers)});
    };
    for (const descent::engine::RuleTable* rule : descent::optimizers()) {
      add(*rule, "", {});
      for (const auto& option : rule->defaults) {
        if (option.name == "momentum") add(*rule, "momentum", {{"momentum", kMomentum}});
        if (option.name == "cautious") add(*rule, "cautious", {{"cautious", "mean_clamp"}});
        for (const char* flag : {"amsgrad", "centered", "sign_gain"})
          if (option.name == flag) add(*rule, flag, {{flag, true}});
      }
    }
    return list;
  }();
  return all;
}

Tensors::Tensors(const Profile& profile) : parameters(draw(profile, 0.1, 1)) {
  const auto gradients = draw(profile, 0.01, 2);
  for (size_t i = 0; i < parameters.size(); ++i) {
    parameters[i].mutable_grad() = gradients[i];
    for (auto& list : buffers) list.push_back(at::full_like(parameters[i], kBuffer));
  }
}

std::vector<std::pair<std::string, std::function<std::shared_ptr<torch::optim::Optimizer>()>>>
optimizers(const Cost& cost, const Tensors& tensors) {
  using Made = std::shared_ptr<torch::optim::Optimizer>;
  const List& p = tensors.parameters;
  std::vector<std::pair<std::string, std::function<Made()>>> list;
  list.emplace_back("descent", [cost, p]() -> Made {
    descent::OptionValues options = cost.options;
    options.emplace_back("lr", kLr);
    return descent::make_optimizer(cost.key(), p, options);
  });
  if (cost.optimizer == "sgd momentum")
    list.emplace_back("torch::optim", [p]() -> Made {
      return std::make_shared<torch::optim::SGD>(p,
                                                 torch::optim::SGDOptions(kLr).momentum(kMomentum));
    });
  if (cost.optimizer == "adamw")
    list.emplace_back("torch::optim", [p]() -> Made {
      return std::make_shared<torch::optim::AdamW>(p, torch::optim::AdamWOptions(kLr));
    });
  return list;
}

void take_step(torch::optim::Optimizer& optimizer) {
  if (needs_loss(optimizer))
    optimizer.step([] { return at::ones({}); });
  else
    optimizer.step();
}

std::vector<Rival> rivals(const Cost& cost, const Tensors& tensors, bool with_tensor_pass) {
  std::vector<Rival> list;
  for (auto& buffers : tensors.buffers)
    for (auto& buffer : buffers) buffer.fill_(kBuffer);
  for (const auto& [who, make] : optimizers(cost, tensors)) {
    const auto optimizer = make();
    share_state(cost, *optimizer, tensors);
    if (needs_loss(*optimizer))
      list.push_back({who, [optimizer] { take_step(*optimizer); }});
    else
      list.push_back({who, [optimizer] { optimizer->step(); }});
    if (who == "descent" && with_tensor_pass)
      list.push_back({"descent tensor", [optimizer] {
                        descent::set_pass("tensor");
                        take_step(*optimizer);
                        descent::set_pass("auto");
                      }});
  }
  if (cost.optimizer == "sgd momentum") list.push_back(fused_sgd(tensors));
  if (cost.optimizer == "adamw") list.push_back(fused_adamw(tensors));
  list.push_back(triads(cost, tensors));
  return list;
}

std::vector<Kept> kept_in_fewer_bits(const Profile& profile) {
  std::vector<Kept> list{{"float32", "", 28, {}},
                         {"float32", "state_bits=8", 16, {}},
                         {"bfloat16", "", 22, {}},
                         {"bfloat16", "state_dtype=param", 14, {}},
                         {"bfloat16", "master=float32", 28, {}},
                         {"bfloat16", "master=remainder", 26, {}},
                         {"bfloat16", "master=kahan", 26, {}},
                         {"bfloat16", "rounding=stochastic", 22, {}},
                         {"bfloat16", "state_bits=8", 10, {}}};
  for (Kept& kept : list) {
    const auto type = kept.dtype == std::string("float32") ? at::kFloat : at::kBFloat16;
    List parameters;
    const List gradients = draw(profile, 0.01, 2);
    for (const at::Tensor& x : draw(profile, 0.1, 1)) {
      parameters.push_back(x.detach().to(type).requires_grad_());
      parameters.back().mutable_grad() = gradients[parameters.size() - 1].to(type);
    }
    descent::OptionValues options = descent::parse_options(kept.options);
    options.emplace_back("lr", kLr);
    const std::shared_ptr<torch::optim::Optimizer> optimizer =
        descent::make_optimizer("adamw", parameters, options);
    kept.rival = {"descent", [optimizer] { optimizer->step(); }};
  }
  return list;
}

Rival full_adagrad() {
  constexpr int64_t kSteps = 8, kLength = 1024;
  List gradients;
  for (int64_t i = 0; i < kSteps; ++i) gradients.push_back(at::randn({kLength}, at::kDouble));
  return {"descent", [gradients = std::move(gradients)] {
            at::Tensor p = at::zeros({kLength}, at::kDouble);
            const auto optimizer = descent::make_optimizer("full_adagrad", {p});
            for (const auto& gradient : gradients) {
              p.mutable_grad() = gradient;
              optimizer->step();
            }
          }};
}

}  // namespace bench
