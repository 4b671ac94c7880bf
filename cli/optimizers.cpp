#include "optimizers.h"

#include <algorithm>
#include <iomanip>
#include <ostream>

#include <descent/optim/engine/registry.h>

namespace descent::cli {
namespace {

std::vector<const RuleTable*> chosen(const std::string& name) {
  if (name.empty()) return optimizers();
  return {&find_rule(name)};
}

/// The buffers that a rule uses with these options; all of them if it is a tensor algorithm.
std::vector<std::string> buffers_used(const RuleTable& rule, const void* options) {
  std::vector<std::string> names;
  for (size_t i = 0; i < rule.buffers.size(); ++i)
    if (rule.forms.empty() || rule.forms[static_cast<size_t>(rule.form(options))].buffers[i])
      names.push_back(rule.buffers[i]);
  return names;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

/// "8 bytes a float32 parameter (exp_avg, exp_avg_sq); max_exp_avg_sq with other options"
std::string state_text(const RuleTable& rule) {
  const auto defaults = rule.make_options(nullptr);
  const auto used = buffers_used(rule, defaults.get());
  if (rule.forms.empty()) return "tensors of shapes of its own (" + joined(used) + ")";
  std::string text = std::to_string(used.size() * sizeof(float)) + " bytes a float32 parameter";
  if (!used.empty()) text += " (" + joined(used) + ")";
  std::vector<std::string> others;
  for (const auto& buffer : rule.buffers)
    if (std::find(used.begin(), used.end(), buffer) == used.end()) others.push_back(buffer);
  if (!others.empty()) text += "; with other options also " + joined(others);
  return text;
}

}  // namespace

void list_optimizers(std::ostream& out, const std::string& name) {
  bool first = true;
  for (const RuleTable* rule : chosen(name)) {
    if (!std::exchange(first, false)) out << '\n';
    out << rule->about.key << "  " << rule->about.name << "; " << rule->about.paper << '\n';
    size_t widest_name = 0, widest_value = 0;
    for (const auto& option : rule->defaults) {
      widest_name = std::max(widest_name, option.name.size());
      widest_value = std::max(widest_value, to_text(option.value).size());
    }
    out << std::left;
    for (const auto& option : rule->defaults)
      out << "  " << std::setw(static_cast<int>(widest_name)) << option.name << " = "
          << std::setw(static_cast<int>(widest_value)) << to_text(option.value) << "  "
          << option.allowed << '\n';
    out << "  state: " << state_text(*rule) << '\n';
  }
}

void write_markdown(std::ostream& out, const std::string& name) {
  out << "| optimizer | key | paper | options with their defaults | state |\n"
         "|---|---|---|---|---|\n";
  for (const RuleTable* rule : chosen(name)) {
    out << "| " << rule->about.name << " | `" << rule->about.key << "` | " << rule->about.paper
        << " |";
    for (const auto& option : rule->defaults)
      out << " `" << option.name << '=' << to_text(option.value) << '`';
    out << " | ";
    const auto defaults = rule->make_options(nullptr);
    const auto used = buffers_used(*rule, defaults.get());
    for (size_t i = 0; i < rule->buffers.size(); ++i) {
      const auto& buffer = rule->buffers[i];
      const bool always = std::find(used.begin(), used.end(), buffer) != used.end();
      out << (i == 0 ? "" : ", ") << (always ? "" : "(") << '`' << buffer << '`'
          << (always ? "" : ")");
    }
    out << " |\n";
  }
}

}  // namespace descent::cli
