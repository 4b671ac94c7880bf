#include "run.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <torch/types.h>

#include <descent/optim/optimizer/lbfgs.h>
#include <descent/optim/optimizer/registry.h>
#include <descent/optim/schedules/schedules.h>
#include <descent/optim/wrappers/lookahead.h>
#include <descent/optim/wrappers/mechanic.h>
#include <descent/optim/wrappers/schedule_free.h>

#include "parity.h"

namespace replay {
namespace {

constexpr double kChecksumTolerance = 1e-11;  // the least, because sums are rounded
constexpr double kReducedTolerance = 1e-4;

at::ScalarType scalar_type(const std::string& dtype) {
  if (dtype == "float64") return at::kDouble;
  if (dtype == "float32") return at::kFloat;
  if (dtype == "bfloat16") return at::kBFloat16;
  return at::kHalf;
}

/// Digits of the type's significand: the fewer, the coarser.
int precision(const std::string& dtype) {
  if (dtype == "float64") return 53;
  if (dtype == "float32") return 24;
  return dtype == "float16" ? 11 : 8;
}

at::Tensor tensor(const Numbers& values, at::IntArrayRef shape, at::ScalarType type) {
  return at::tensor(values, at::kDouble).view(shape).to(type);
}

/// A tensor's numbers in double, row-major.
Numbers numbers(const at::Tensor& values) {
  const at::Tensor copy = values.detach().to(at::kDouble).contiguous();
  return {copy.const_data_ptr<double>(), copy.const_data_ptr<double>() + copy.numel()};
}

at::Tensor gradient_of(const Gradient& recorded, const at::Tensor& p) {
  if (!recorded.rows) return tensor(recorded.values, p.sizes(), p.scalar_type());
  std::vector<int64_t> shape = p.sizes().vec();
  shape[0] = static_cast<int64_t>(recorded.rows->size());
  return at::sparse_coo_tensor(at::tensor(*recorded.rows, at::kLong).view({1, -1}),
                               tensor(recorded.values, shape, p.scalar_type()), p.sizes());
}

/// The parameters of a case and what gives them their gradients.
class Problem {
 public:
  Problem(const Case& recorded, at::ScalarType type) : case_(recorded) {
    for (const Group& group : recorded.groups) {
      groups_.emplace_back();
      for (const Parameter& p : group.params) {
        groups_.back().push_back(tensor(p.values, p.shape, type).requires_grad_());
        params_.push_back(groups_.back().back());
      }
    }
    given_.resize(params_.size());
  }

  const std::vector<std::vector<at::Tensor>>& groups() const { return groups_; }
  const std::vector<at::Tensor>& params() const { return params_; }

  /// Gives every parameter a new gradient, that of step t at the present point, and returns the
  /// loss there (0 for recorded gradients, whose loss is unknown).
  at::Tensor evaluate(int64_t t) {
    double loss = 0;
    int64_t i = 0;
    for (size_t p = 0; p < params_.size(); ++p) {
      at::Tensor gradient;
      if (case_.gradients.empty()) {
        Numbers terms = numbers(params_[p]);
        for (double& x : terms) {
          const ParityTerm term = parity_term(i++, t, x);
          loss += term.loss;
          x = term.gradient;
        }
        gradient = tensor(terms, params_[p].sizes(), params_[p].scalar_type());
      } else if (const auto& row = case_.gradients[static_cast<size_t>(t - 1)][p]) {
        gradient = gradient_of(*row, params_[p]);
      }
      params_[p].mutable_grad() = gradient;
      given_[p] = gradient.defined() ? gradient.clone() : gradient;
    }
    return at::scalar_tensor(loss, at::kDouble);
  }

  /// Throws if a gradient is not what evaluate() left there last.
  void check_gradients(int64_t t) const {
    for (size_t p = 0; p < params_.size(); ++p) {
      const at::Tensor& now = params_[p].grad();
      const bool same = now.defined() == given_[p].defined() &&
                        (!now.defined() || (now.layout() == given_[p].layout() &&
                                            at::equal(now.to_dense(), given_[p].to_dense())));
      if (!same)
        throw std::runtime_error(fmt::format("step {} changed the gradient of parameter {}", t, p));
    }
  }

 private:
  const Case& case_;
  std::vector<std::vector<at::Tensor>> groups_;
  std::vector<at::Tensor> params_;
  std::vector<at::Tensor> given_;
};

/// A struct's options, each given one set by name.
template <class Options>
Options with(const descent::OptionValues& given, std::string_view what) {
  Options options;
  for (const auto& [name, value] : given) {
    const std::string problem = descent::fields::set(options, name, value);
    if (!problem.empty()) throw Malformed(fmt::format("{}: {}", what, problem));
  }
  return options;
}

std::unique_ptr<torch::optim::Optimizer> optimizer(const Case& recorded, const Problem& problem) {
  if (recorded.optimizer == "lbfgs") {  // no rule, because it has one group and many evaluations
    if (recorded.groups.size() != 1) throw Malformed("groups: lbfgs has one");
    return std::make_unique<descent::LBFGS>(
        problem.groups().front(),
        with<descent::LBFGS::Options>(recorded.groups.front().options, "options"));
  }
  const descent::engine::RuleTable& rule = descent::find_rule(recorded.optimizer);
  std::vector<torch::optim::OptimizerParamGroup> groups;
  for (size_t g = 0; g < recorded.groups.size(); ++g)
    groups.emplace_back(problem.groups()[g],
                        descent::make_group_options(rule, recorded.groups[g].options));
  auto made = descent::make_optimizer(
      rule, groups, *descent::make_group_options(rule, recorded.groups.front().options));
  std::unique_ptr<torch::optim::Optimizer> whole = std::move(made);
  const auto wrap = [&]<class Wrapper>(const auto& given, const char* what) {
    if (given)
      whole = std::make_unique<Wrapper>(std::move(whole),
                                        with<typename Wrapper::Options>(*given, what));
  };
  wrap.operator()<descent::Lookahead>(recorded.lookahead, "lookahead");
  wrap.operator()<descent::ScheduleFree>(recorded.schedule_free, "schedule_free");
  wrap.operator()<descent::Mechanic>(recorded.mechanic, "mechanic");
  return whole;
}

void update_hessian(torch::optim::Optimizer& optimizer) {
  auto* const ours = dynamic_cast<descent::OptimizerBase*>(&optimizer);
  if (ours == nullptr || ours->rule().hessian == nullptr)
    throw Malformed("hessian_every: the optimizer must be sophia");
  ours->update_hessian();
}

void evaluate(torch::optim::Optimizer& optimizer) {
  if (auto* const wrapper = dynamic_cast<descent::ScheduleFree*>(&optimizer))
    wrapper->eval();
  else if (auto* const ours = dynamic_cast<descent::OptimizerBase*>(&optimizer))
    ours->eval();
  else
    throw Malformed("evaluated: the optimizer must have an evaluation");
}

/// The schedule's option that a recording means: section 7 of the specification has shorter names.
std::string option_of_schedule(const std::string& name) {
  for (const auto& [recorded, option] :
       {std::pair{"size", "step_size"}, std::pair{"N", "T_max"}, std::pair{"E", "eta_min"}})
    if (name == recorded) return option;
  return name;
}

/// What sets the learning rates before each step: the case's schedule, else its factors, else
/// nothing.
class Rates {
 public:
  Rates(const Case& recorded, torch::optim::Optimizer& optimizer)
      : factors_(recorded.lr_scale), optimizer_(optimizer) {
    for (const auto& group : optimizer.param_groups()) base_.push_back(group.options().get_lr());
    if (!recorded.schedule) return;
    descent::OptionValues given = *recorded.schedule;
    for (auto& [name, value] : given) name = option_of_schedule(name);
    const auto named = std::find_if(given.begin(), given.end(),
                                    [](const auto& entry) { return entry.first == "name"; });
    const descent::OptionValue name = named == given.end() ? "missing" : named->second;
    if (named != given.end()) given.erase(named);
    if (name == descent::OptionValue("step"))
      schedule_.emplace(optimizer, with<descent::StepLR>(given, "schedule"));
    else if (name == descent::OptionValue("cosine"))
      schedule_.emplace(optimizer, with<descent::CosineAnnealingLR>(given, "schedule"));
    else
      throw Malformed(fmt::format("schedule.name: {}, must be step or cosine", to_text(name)));
  }

  void before_step(int64_t t) {
    if (schedule_) {
      if (t > 1) schedule_->step();
      return;
    }
    if (factors_.empty()) return;
    for (size_t g = 0; g < base_.size(); ++g)
      optimizer_.param_groups()[g].options().set_lr(base_[g] *
                                                    factors_[static_cast<size_t>(t - 1)]);
  }

 private:
  const Numbers& factors_;
  torch::optim::Optimizer& optimizer_;
  std::vector<double> base_;
  std::optional<descent::Scheduler> schedule_;
};

class Comparison {
 public:
  Comparison(const Case& recorded, double tolerance, bool with_checksum)
      : case_(recorded), tolerance_(tolerance), with_checksum_(with_checksum) {
    outcome_.passed = true;
  }

  void at_step(int64_t t, const std::vector<at::Tensor>& params) {
    if (const auto expected = case_.expected.find(t); expected != case_.expected.end())
      for (size_t p = 0; p < params.size(); ++p)
        compare(t, p, numbers(params[p]), expected->second[p]);
    if (const auto sum = case_.checksum.find(t); with_checksum_ && sum != case_.checksum.end())
      compare_checksum(t, params, sum->second);
  }

  void evaluated(const std::vector<at::Tensor>& params) {
    for (size_t p = 0; p < case_.evaluated.size(); ++p)
      compare(case_.steps, p, numbers(params[p]), case_.evaluated[p]);
  }

  const Outcome& outcome() const { return outcome_; }

 private:
  void compare(int64_t t, size_t p, const Numbers& found, const Numbers& expected) {
    for (size_t i = 0; i < expected.size(); ++i) {
      const double error = std::abs(found[i] - expected[i]) / std::max(1.0, std::abs(expected[i]));
      judge(error, tolerance_, [&] {
        return fmt::format("step {}, parameter {}, element {}: {}, expected {} within {}", t, p, i,
                           found[i], expected[i], tolerance_);
      });
    }
  }

  void compare_checksum(int64_t t, const std::vector<at::Tensor>& params, double expected) {
    double sum = 0;
    int64_t i = 0;
    for (const at::Tensor& p : params)
      for (const double x : numbers(p)) sum += checksum_term(i++, x);
    const double tolerance = std::max(kChecksumTolerance, tolerance_);
    judge(std::abs(sum - expected), tolerance, [&] {
      return fmt::format("step {}: checksum {:.13g}, expected {:.13g} within {}", t, sum, expected,
                         tolerance);
    });
  }

  /// Remembers the largest error and what to say of the worst that is not within its tolerance. A
  /// NaN is never within one, and stays the largest error once there is one.
  template <class Message>
  void judge(double error, double tolerance, const Message& message) {
    const bool worse = !(error <= outcome_.error) && !std::isnan(outcome_.error);
    if (worse) outcome_.error = error;
    if (error <= tolerance) return;
    if (worse || outcome_.passed) outcome_.message = message();
    outcome_.passed = false;
  }

  const Case& case_;
  const double tolerance_;
  const bool with_checksum_;
  Outcome outcome_;
};

}  // namespace

Outcome run(const Case& recorded, const std::string& dtype) {
  const std::string& used = dtype.empty() ? recorded.dtype : dtype;
  const bool reduced = precision(used) < precision(recorded.dtype);
  const double tolerance =
      reduced ? std::max(recorded.tolerance, kReducedTolerance) : recorded.tolerance;

  Problem problem(recorded, scalar_type(used));
  const auto made = optimizer(recorded, problem);
  Rates rates(recorded, *made);
  Comparison comparison(recorded, tolerance, used == recorded.dtype);
  for (int64_t t = 1; t <= recorded.steps; ++t) {
    rates.before_step(t);
    // The gradient is there before the step, for optimizers that want it, and is evaluated anew
    // wherever one asks.
    problem.evaluate(t);
    made->step([&] { return problem.evaluate(t); });
    problem.check_gradients(t);
    if (recorded.hessian_every > 0 && t % recorded.hessian_every == 0) update_hessian(*made);
    comparison.at_step(t, problem.params());
  }
  if (!recorded.evaluated.empty()) {
    evaluate(*made);
    comparison.evaluated(problem.params());
  }
  return comparison.outcome();
}

}  // namespace replay
