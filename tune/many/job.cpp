#include <algorithm>
#include <functional>
#include <numeric>
#include <random>
#include <stdexcept>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>

#include <descent/base/nearest.h>
#include <descent/base/random.h>
#include <descent/base/text.h>
#include <descent/optim/optimizer/registry.h>
#include <descent/tune/many/job.h>

namespace descent::many {
namespace {

/// Whether an option that begins with `group` is of a parameter: of "2." those of the layer 2, and
/// one that is called 2 itself.
bool is_of(const std::string& group, const std::string& parameter) {
  return (parameter + '.').starts_with(group);
}

/// "2." of "2.lr", "" of "lr".
std::string group_in(std::string_view option) {
  return std::string(option.substr(0, option.rfind('.') + 1));
}

const engine::RuleTable& rule_called(std::string_view optimizer, const Caller& caller) {
  try {
    return find_rule(optimizer);
  } catch (const c10::Error& error) {
    throw std::invalid_argument(caller.name + ": " + error.what_without_backtrace());
  }
}

/// Up to which a Linear's numbers are drawn, of each parameter.
std::vector<double> bounds_of(const landscape::Parameters& parameters) {
  const auto owner = [](const std::string& name) { return name.substr(0, name.rfind('.') + 1); };
  std::vector<double> bounds;
  for (size_t k = 0; k < parameters.tensors.size(); ++k) {
    double bound = 0;
    for (size_t j = 0; j < parameters.tensors.size(); ++j) {
      const at::Tensor& matrix = parameters.tensors[j];
      const bool beside = j == k || (parameters.tensors[k].dim() == 1 &&
                                     owner(parameters.names[j]) == owner(parameters.names[k]));
      if (!beside || matrix.dim() < 2 || matrix.numel() == 0) continue;
      bound = 1 / std::sqrt(static_cast<double>(matrix.numel() / matrix.size(0)));
      break;
    }
    bounds.push_back(bound);
  }
  return bounds;
}

}  // namespace

void Job::refuse(const std::string& what) const {
  throw std::invalid_argument(caller.name + ": " + what);
}

double Job::weight_of(const Data& batch) const {
  return loss.count ? loss.count(batch.target) : static_cast<double>(batch.input.size(0));
}

Job::Job(const Network& network, const Metric& its_loss, const Batches& its_data,
         std::string_view optimizer, std::span<const Candidate> its_candidates,
         const TrainManyOptions& its_options, Caller its_caller)
    : model(network.model()),
      loss(its_loss),
      data(its_data),
      rule(rule_called(optimizer, its_caller)),
      candidates(its_candidates),
      options(its_options),
      caller(std::move(its_caller)),
      parameters(landscape::parameters_of(model)),
      frozen(landscape::frozen(parameters)) {
  if (const std::string problem = fields::problem(options); !problem.empty())
    refuse(caller.options + "." + problem);
  if (loss.traits.higher_is_better || loss.traits.choices)
    refuse("the metric '" + loss.name + "' is no loss, must be one that falls and has a gradient");
  if (candidates.empty()) refuse("there are no candidates, must be at least one");
  if (data.size() == 0) refuse("data has no batches, must have at least one");
  for (size_t b = 0; b < data.size(); ++b)
    if (!data[b].input.defined() || !data[b].target.defined() || data[b].input.numel() == 0)
      refuse(c10::str("batch ", b, " of data is empty, must have samples and targets"));
  if (parameters.tensors.empty()) refuse("the network has no parameters, must have some to train");
  for (size_t k = 0; k < parameters.tensors.size(); ++k)
    if (!parameters.tensors[k].is_floating_point())
      refuse(c10::str("parameter ", parameters.names[k], " is ",
                      parameters.tensors[k].scalar_type(), ", must be of a floating type"));
  bounds_ = bounds_of(parameters);
  find_groups();
  for (const Candidate& candidate : candidates) {
    if (!std::isfinite(candidate.scale))
      refuse(c10::str(name_of(candidate), ": scale = ", candidate.scale, ", must be finite"));
    const auto checked = options_of(candidate);
    const std::string problem = options.schedule.problem(checked.size());
    if (!problem.empty()) refuse(caller.options + ".schedule: " + problem);
  }
}

Job::Job(const Job& other, const TrainManyOptions& its_options)
    : model(other.model),
      loss(other.loss),
      data(other.data),
      rule(other.rule),
      candidates(other.candidates),
      options(its_options),
      caller(other.caller),
      parameters(other.parameters),
      frozen(other.frozen),
      groups_(other.groups_),
      group_of_(other.group_of_),
      bounds_(other.bounds_) {}

std::string Job::name_of(const Candidate& candidate) const {
  if (caller.name == Caller().name) {
    const std::less<> before;  // of addresses of different arrays, too
    const bool own = !candidates.empty() && !before(&candidate, candidates.data()) &&
                     !before(&candidates.back(), &candidate);
    return own ? "candidates[" + std::to_string(&candidate - candidates.data()) + "]"
               : "a candidate";
  }
  std::string text = "the training with scale = " + digits(candidate.scale);
  for (const auto& [name, value] : candidate.options) text += ", " + name + " = " + to_text(value);
  return text;
}

void Job::find_groups() {
  groups_ = {""};
  std::vector<std::string> beginnings;  // of names, for refusals
  for (const std::string& name : parameters.names) {
    if (!group_in(name).empty()) beginnings.push_back(group_in(name));
    beginnings.push_back(name + '.');
  }
  for (const Candidate& candidate : candidates) {
    for (const auto& [name, value] : candidate.options) {
      const std::string group = group_in(name);
      if (std::find(groups_.begin(), groups_.end(), group) != groups_.end()) continue;
      const bool known =
          std::any_of(parameters.names.begin(), parameters.names.end(),
                      [&](const std::string& parameter) { return is_of(group, parameter); });
      if (!known)
        refuse(name_of(candidate) + ": '" + name + "' is of the parameter " +
               group.substr(0, group.size() - 1) + ", or of those whose names begin with '" +
               group + "', and there are none" + did_you_mean(group, beginnings));
      groups_.push_back(group);
    }
  }
  for (const std::string& name : parameters.names) {
    size_t found = 0;
    for (size_t g = 1; g < groups_.size(); ++g)
      if (is_of(groups_[g], name) && groups_[g].size() > groups_[found].size()) found = g;
    group_of_.push_back(found);
  }
}

std::vector<std::unique_ptr<torch::optim::OptimizerOptions>> Job::options_of(
    const Candidate& candidate) const {
  std::vector<std::unique_ptr<torch::optim::OptimizerOptions>> result;
  try {
    OptionValues plain;
    for (const auto& option : candidate.options)
      if (group_in(option.first).empty()) plain.push_back(option);
    result.push_back(make_group_options(rule, plain));
    for (size_t g = 1; g < groups_.size(); ++g) {
      OptionValues own;
      for (const auto& [name, value] : candidate.options)
        if (group_in(name) == groups_[g]) own.emplace_back(name.substr(groups_[g].size()), value);
      auto made = result[0]->clone();
      group_options(*made).set(own);
      result.push_back(std::move(made));
    }
  } catch (const c10::Error& error) {
    refuse(name_of(candidate) + ": " + error.what_without_backtrace());
  } catch (const std::invalid_argument& error) {
    refuse(name_of(candidate) + ": " + error.what());
  }
  return result;
}

Tensors Job::initial(const Candidate& candidate) const {
  const at::NoGradGuard no_grad;
  std::mt19937_64 bits(candidate.seed.value_or(0));
  Tensors result;
  for (size_t k = 0; k < parameters.tensors.size(); ++k) {
    const at::Tensor& own = parameters.tensors[k];
    const double bound = bounds_[k];
    if (!candidate.seed || bound == 0 || frozen[k]) {
      const bool scaled = bound != 0 && !frozen[k] && candidate.scale != 1;
      result.push_back(scaled ? own.detach() * candidate.scale : own.detach().clone());
      continue;
    }
    at::Tensor drawn = at::empty(own.sizes(), at::kDouble);
    auto* const numbers = drawn.mutable_data_ptr<double>();
    for (int64_t i = 0; i < drawn.numel(); ++i)
      numbers[i] = candidate.scale * (bound * symmetric(bits));
    result.push_back(drawn.to(own.device(), own.scalar_type()));
  }
  return result;
}

bool Course::add(double loss) {
  const bool is_first = steps_ == 0;
  if (is_first) trained_.first = loss;
  if (options_.keep_losses) trained_.losses.push_back(loss);
  const bool within = std::isfinite(loss) && (is_first || !(trained_.first > 0) ||
                                              loss <= options_.limit * trained_.first);
  if (!within) {
    trained_.diverged = steps_;
    return false;
  }
  trained_.best = std::min(trained_.best, loss);
  sum_ += loss;
  if (last_.size() < static_cast<size_t>(kTail))
    last_.push_back(loss);
  else
    last_[static_cast<size_t>(steps_ % kTail)] = loss;
  ++steps_;
  return true;
}

Trained Course::end(double final_loss) {
  if (trained_.diverged < 0 && !std::isfinite(final_loss)) trained_.diverged = steps_;
  if (trained_.diverged >= 0) {
    trained_.final = trained_.mean = trained_.tail = kInfinity;
    return std::move(trained_);
  }
  trained_.final = final_loss;
  trained_.best = std::min(trained_.best, final_loss);
  trained_.mean = sum_ / static_cast<double>(steps_);
  // In a fixed order, so that it does not depend on where the ring begins.
  trained_.tail =
      std::accumulate(last_.begin(), last_.end(), 0.0) / static_cast<double>(last_.size());
  return std::move(trained_);
}

}  // namespace descent::many
