#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include <c10/util/Exception.h>

#include <descent/base/nearest.h>
#include <descent/base/text.h>
#include <descent/optim/optimizer/group_options.h>
#include <descent/optim/optimizer/registry.h>
#include <descent/tune/optimizer_options.h>

namespace descent::search {
namespace {

const engine::RuleTable& rule_of(std::string_view optimizer) {
  try {
    return find_rule(optimizer);
  } catch (const c10::Error& error) {
    throw std::invalid_argument(std::string("Study: ") + error.what_without_backtrace());
  }
}

}  // namespace

void check_options(const Space& space, std::string_view optimizer) {
  const engine::RuleTable& rule = rule_of(optimizer);
  std::vector<std::string> options;
  const auto all = make_group_options(rule);  // the base options too
  for (const OptionInfo& option : group_options(*all).describe()) options.push_back(option.name);
  for (const std::string& name : space.names())
    if (std::find(options.begin(), options.end(), name) == options.end())
      throw std::invalid_argument("Study: " + name + " is no option of " + rule.about.key +
                                  did_you_mean(name, options) + " (it has " + joined(options) +
                                  ")");
}

}  // namespace descent::search
