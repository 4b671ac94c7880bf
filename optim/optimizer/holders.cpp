#include <deque>
#include <mutex>

#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include <descent/optim/optimizer/optimizer.h>

namespace descent::engine {
namespace {

namespace theirs = torch::optim;

static_assert(sizeof(LrOnlyOptions) >= sizeof(theirs::SGDOptions) &&
              sizeof(LrOnlyOptions) >= sizeof(theirs::AdamOptions) &&
              sizeof(LrOnlyOptions) >= sizeof(theirs::AdamWOptions) &&
              sizeof(LrOnlyOptions) >= sizeof(theirs::RMSpropOptions) &&
              sizeof(LrOnlyOptions) >= sizeof(theirs::AdagradOptions) &&
              sizeof(LrOnlyOptions) >= sizeof(theirs::LBFGSOptions));

template <class Class>
Holders made_for(const RuleTable& whose) {
  using Torch = LibTorch<Class>;
  Holders made{};
  made.rule = &whose;
  if (Torch::key != nullptr) made.libtorch = whose.about.name;
  made.make_options = [](const RuleTable& rule,
                         const void* from) -> std::unique_ptr<theirs::OptimizerOptions> {
    return std::make_unique<HeldOptions<Class>>(rule, from);
  };
  made.adopt_options = [](const RuleTable& rule, const theirs::OptimizerOptions& options,
                          const void* rest) -> std::unique_ptr<theirs::OptimizerOptions> {
    if constexpr (Torch::key != nullptr)
      if (const auto* found = dynamic_cast<const typename Torch::Options*>(&options))
        return std::make_unique<HeldOptions<Class>>(rule, *found, rest);
    return nullptr;
  };
  made.make_state = [](const Holders& holders,
                       const at::Tensor& p) -> std::unique_ptr<theirs::OptimizerParamState> {
    return std::make_unique<HeldState<Class>>(holders, p);
  };
  made.adopt_state = [](const Holders& holders, const theirs::OptimizerParamState& state,
                        const at::Tensor& p) -> std::unique_ptr<theirs::OptimizerParamState> {
    if constexpr (Torch::key != nullptr)
      if (const auto* found = dynamic_cast<const typename Torch::State*>(&state))
        return std::make_unique<HeldState<Class>>(holders, *found, p);
    return nullptr;
  };
  made.make_optimizer =
      [](const RuleTable& rule, const std::vector<theirs::OptimizerParamGroup>& groups,
         const theirs::OptimizerOptions& defaults) -> std::unique_ptr<OptimizerBase> {
    return std::make_unique<DropIn<Class>>(rule, groups, defaults);
  };
  made.state_class = &typeid(HeldState<Class>);
  HeldState<Class>(made, at::Tensor()).locate(made);
  return made;
}

}  // namespace

const Holders& holders_of(const RuleTable& rule) {
  static std::mutex mutex;
  static std::deque<Holders> all;  // never moves what it holds
  const std::lock_guard lock(mutex);
  for (const Holders& known : all)
    if (known.rule == &rule) return known;
  bool found = false;
  for_each_libtorch_class([&]<class Class>() {
    if (found || std::string_view(rule.about.key) != LibTorch<Class>::key) return;
    all.push_back(made_for<Class>(rule));
    found = true;
  });
  if (!found) all.push_back(made_for<theirs::Optimizer>(rule));
  return all.back();
}

std::string LrOnlyOptions::foreign_writes() const {
  const LrOnlyOptions untouched;
  std::string names;
  const auto* const here = reinterpret_cast<const char*>(this);
  const auto* const there = reinterpret_cast<const char*>(&untouched);
  for_each_libtorch_class([&]<class Class>() {
    const auto options = LibTorch<Class>::defaults();
    LibTorch<Class>::each_option(options, [&](const char* name, const auto& x) {
      const auto place =
          reinterpret_cast<const char*>(&x) - reinterpret_cast<const char*>(&options);
      if (std::string_view(name) == "lr" ||
          std::equal(here + place, here + place + sizeof x, there + place))
        return;
      names += (names.empty() ? "" : ", ") + std::string(name) + " of torch::optim::" +
               c10::demangle(typeid(options).name()).substr(std::size("torch::optim::") - 1);
    });
  });
  if (guard_ == untouched.guard_) return "";
  return "a group's options were written as if they were those of another class (" +
         (names.empty() ? "torch::optim::LBFGSOptions" : names) +
         "), must be set by options(group) or group_options(group).set; only lr may be set so";
}

}  // namespace descent::engine
