#include <string_view>
#include <tuple>
#include <type_traits>

#include <descent/optim/optimizer/libtorch_options.h>
#include <descent/optim/schedules/momentum.h>
#include <descent/optim/wrappers/wrapper.h>

namespace descent {
namespace {

/// The options of a group where they really are.
torch::optim::OptimizerOptions& options_inside(torch::optim::Optimizer& optimizer, size_t group) {
  return innermost(optimizer).param_groups().at(group).options();
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

/// Where options of LibTorch's own hold it; null if they have none.
double* libtorchs_momentum(torch::optim::OptimizerOptions& options) {
  double* found = nullptr;
  engine::for_each_libtorch_option(options, [&]<class T>(std::string_view name, T& value) {
    if constexpr (std::is_same_v<T, std::tuple<double, double>>) {
      if (name == "betas") found = &std::get<0>(value);
    } else if constexpr (std::is_same_v<T, double>) {
      if (name == "momentum") found = &value;
    }
  });
  return found;
}

}  // namespace

std::optional<double> momentum_of(torch::optim::Optimizer& optimizer, size_t group) {
  torch::optim::OptimizerOptions& options = options_inside(optimizer, group);
  if (const auto* ours = dynamic_cast<const GroupOptions*>(&options)) {
    const auto option = option_of(*ours);
    if (!option) return {};
    const auto* list = std::get_if<std::vector<double>>(&option->second);
    return list ? list->at(0) : std::get<double>(option->second);
  }
  const double* const theirs = libtorchs_momentum(options);
  return theirs == nullptr ? std::nullopt : std::optional(*theirs);
}

std::function<void()> momentum_change(torch::optim::Optimizer& optimizer, size_t group,
                                      double momentum) {
  torch::optim::OptimizerOptions& options = options_inside(optimizer, group);
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
  double* const theirs = libtorchs_momentum(options);
  TORCH_CHECK(theirs != nullptr, "the momentum of group ", group, " = ", momentum,
              ", must be left alone: ", c10::demangle(typeid(options).name()),
              " has no momentum and no betas");
  return [theirs, momentum] { *theirs = momentum; };
}

}  // namespace descent
