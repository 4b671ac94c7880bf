#include <atomic>
#include <mutex>
#include <unordered_set>
#include <utility>

#include <descent/optim/engine/one_parameter.h>
#include <descent/optim/optimizer/optimizer.h>

namespace descent::engine {
namespace {

thread_local const OneParameter::Place* one_parameter = nullptr;

/// Few programs have any, so that steps look at the count alone.
struct Refusing {
  std::atomic<size_t> count = 0;
  std::mutex mutex{};
  std::unordered_multiset<const OptimizerBase*> optimizers{};
};
Refusing& refusing() {
  static Refusing all;
  return all;
}

}  // namespace

OneParameter::OneParameter(const Place& place)
    : place_(place), before_(std::exchange(one_parameter, &place_)) {}
OneParameter::~OneParameter() { one_parameter = before_; }
const OneParameter::Place* OneParameter::now() { return one_parameter; }

OneByOne::OneByOne(const OptimizerBase& optimizer) : optimizer_(optimizer) {
  Refusing& all = refusing();
  const std::lock_guard lock(all.mutex);
  all.optimizers.insert(&optimizer);
  ++all.count;
}
OneByOne::~OneByOne() {
  Refusing& all = refusing();
  const std::lock_guard lock(all.mutex);
  all.optimizers.erase(all.optimizers.find(&optimizer_));
  --all.count;
}
bool OneByOne::holds_for(const OptimizerBase& optimizer) {
  Refusing& all = refusing();
  if (all.count == 0) return false;
  const std::lock_guard lock(all.mutex);
  return all.optimizers.contains(&optimizer);
}

std::string why_not_one_by_one(const OptimizerBase& optimizer) {
  const RuleTable& rule = optimizer.rule();
  if (rule.needs_loss) return "needs the loss";
  if (rule.weigh != nullptr) return "has sums over all parameters";
  if (!rule.shared.empty()) return "remembers numbers of a whole group";
  if (rule.pull != nullptr) return "has slow weights, which count the optimizer's steps";
  if (rule.hessian != nullptr)
    return "estimates the Hessian from gradients, which would not be there any more";
  for (size_t g = 0; g < optimizer.param_groups().size(); ++g) {
    const void* const options = optimizer.group_options(g).value();
    if (rule.look_ahead != nullptr && rule.look_ahead(options) != 0)
      return "calls closures elsewhere than at the parameters";
    if (rule.joins_group != nullptr && rule.joins_group(options))
      return "takes the parameters of a group for one";
    if (rule.needs_gradient_norm != nullptr && rule.needs_gradient_norm(options))
      return "clips by the norm of all gradients";
    if (optimizer.group_options(g).base().decay_scale == DecayScale::Stable)
      return "decays by the second moments of all parameters";
  }
  return "";
}

}  // namespace descent::engine
