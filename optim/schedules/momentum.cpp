#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include <descent/optim/schedules/momentum.h>
#include <descent/optim/wrappers/wrapper.h>

namespace descent {
namespace {

/// The options of a group where they really are.
torch::optim::OptimizerOptions& options_of(torch::optim::Optimizer& optimizer, size_t group) {
  auto* const wrapper = dynamic_cast<Wrapper*>(&optimizer);
  return (wrapper != nullptr ? wrapper->innermost() : optimizer).param_groups().at(group).options();
}

/// The option that is a rule's momentum, by name and value.
std::optional<std::pair<std::string, OptionValue>> option_of(const GroupOptions& options) {
  std::optional<std::pair<std::string, OptionValue>> found;
  for (const auto& option : options.rule().describe(options.value())) {
    if (option.name == "betas") return {{option.name, option.value}};
    if (option.name == "momentum") found = {option.name, option.value};
  }
  return found;
}

}  // namespace

std::optional<double> momentum_of(torch::optim::Optimizer& optimizer, size_t group) {
  const torch::optim::OptimizerOptions& options = options_of(optimizer, group);
  if (const auto* ours = dynamic_cast<const GroupOptions*>(&options)) {
    const auto option = option_of(*ours);
    if (!option) return {};
    const auto* list = std::get_if<std::vector<double>>(&option->second);
    return list ? list->at(0) : std::get<double>(option->second);
  }
  if (const auto* sgd = dynamic_cast<const torch::optim::SGDOptions*>(&options))
    return sgd->momentum();
  if (const auto* rmsprop = dynamic_cast<const torch::optim::RMSpropOptions*>(&options))
    return rmsprop->momentum();
  if (const auto* adam = dynamic_cast<const torch::optim::AdamOptions*>(&options))
    return std::get<0>(adam->betas());
  if (const auto* adamw = dynamic_cast<const torch::optim::AdamWOptions*>(&options))
    return std::get<0>(adamw->betas());
  return {};
}

std::function<void()> momentum_change(torch::optim::Optimizer& optimizer, size_t group,
                                      double momentum) {
  torch::optim::OptimizerOptions& options = options_of(optimizer, group);
  if (auto* ours = dynamic_cast<GroupOptions*>(&options)) {
    if (auto option = option_of(*ours)) {
      if (auto* list = std::get_if<std::vector<double>>(&option->second))
        list->at(0) = momentum;
      else
        option->second = momentum;
      ours->check({*option});
      return [ours, change = *option] { ours->set({change}); };
    }
  }
  if (auto* sgd = dynamic_cast<torch::optim::SGDOptions*>(&options))
    return [sgd, momentum] { sgd->momentum(momentum); };
  if (auto* rmsprop = dynamic_cast<torch::optim::RMSpropOptions*>(&options))
    return [rmsprop, momentum] { rmsprop->momentum(momentum); };
  if (auto* adam = dynamic_cast<torch::optim::AdamOptions*>(&options))
    return [adam, momentum] { std::get<0>(adam->betas()) = momentum; };
  if (auto* adamw = dynamic_cast<torch::optim::AdamWOptions*>(&options))
    return [adamw, momentum] { std::get<0>(adamw->betas()) = momentum; };
  TORCH_CHECK(false, "the momentum of group ", group, " = ", momentum,
              ", must be left alone: ", c10::demangle(typeid(options).name()),
              " has no momentum and no betas");
}

}  // namespace descent
