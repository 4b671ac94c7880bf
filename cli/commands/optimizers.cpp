#include "commands/optimizers.h"

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <memory>
#include <ostream>

#include <CLI/CLI.hpp>

#include <descent/base/text.h>
#include <descent/optim/files/python.h>
#include <descent/optim/optimizer/base_options.h>
#include <descent/optim/optimizer/registry.h>
#include <descent/optim/training/line_search_descent.h>

namespace descent::cli {
namespace {

std::vector<const engine::RuleTable*> chosen(const std::string& name) {
  if (!name.empty()) return {&find_rule(name)};
  std::vector<const engine::RuleTable*> all = optimizers(), sparse = sparse_optimizers();
  all.insert(all.end(), sparse.begin(), sparse.end());
  return all;
}

/// Whether the rule's defaults use its b-th buffer.
bool used_by_default(const engine::RuleTable& rule, size_t b) {
  if (rule.forms.empty()) return true;  // a tensor algorithm
  if (rule.slow_buffer == b) return true;
  const auto defaults = rule.make_options(nullptr);
  return form_of(rule, defaults.get()).buffers[b];
}

/// The names of the buffers that the defaults use, or of the others.
std::vector<std::string> buffers(const engine::RuleTable& rule, bool by_default) {
  std::vector<std::string> names;
  for (size_t b = 0; b < rule.buffers.size(); ++b)
    if (used_by_default(rule, b) == by_default) names.push_back(rule.buffers[b]);
  return names;
}

/// "8 bytes a float32 parameter (exp_avg, exp_avg_sq); max_exp_avg_sq with other options"
std::string state_text(const engine::RuleTable& rule) {
  const auto used = buffers(rule, true), others = buffers(rule, false);
  if (rule.forms.empty()) return "tensors of shapes of its own (" + joined(used) + ")";
  std::string text = std::to_string(used.size() * sizeof(float)) + " bytes a float32 parameter";
  if (!used.empty()) text += " (" + joined(used) + ")";
  if (!others.empty()) text += "; with other options also " + joined(others);
  return text;
}

void list_options(std::ostream& out, const std::vector<OptionInfo>& options) {
  size_t widest_name = 0, widest_value = 0;
  for (const auto& option : options) {
    widest_name = std::max(widest_name, option.name.size());
    widest_value = std::max(widest_value, to_text(option.value).size());
  }
  out << std::left;
  for (const auto& option : options)
    out << "  " << std::setw(static_cast<int>(widest_name)) << option.name << " = "
        << std::setw(static_cast<int>(widest_value)) << to_text(option.value) << "  "
        << option.allowed << '\n';
}

/// What every optimizer takes beside its own.
void list_base_options(std::ostream& out) {
  out << "base options  of every optimizer: bits of parameters and state, and how weights decay\n";
  list_options(out, fields::describe(BaseOptions{}));
}

/// What `descent race` takes beside the optimizers.
void list_line_search(std::ostream& out) {
  std::vector<OptionInfo> options = fields::describe(LineSearchOptions{});
  std::erase_if(options, [](const OptionInfo& option) { return option.name == "apply"; });
  out << kLineSearch << "  steepest descent with a searched step, in races; Kiefer 1953\n";
  list_options(out, options);
}

/// Every optimizer, or only the one of that name. Throws c10::Error with the nearest names.
void list_optimizers(std::ostream& out, const std::string& name) {
  if (same_word(name, kLineSearch)) {
    list_line_search(out);
    return;
  }
  for (const engine::RuleTable* rule : chosen(name)) {
    out << rule->about.key << "  " << rule->about.name << "; " << rule->about.paper << '\n';
    list_options(out, rule->defaults);
    out << "  state: " << state_text(*rule) << '\n';
    if (const char* theirs = python_class(*rule)) out << "  Python: torch.optim." << theirs << '\n';
    if (*rule->about.golden != 0) out << "  compared with: " << rule->about.golden << '\n';
    if (name.empty()) out << '\n';
  }
  if (!name.empty()) return;
  list_base_options(out);
  out << '\n';
  list_line_search(out);
}

/// The same as the table of docs/optimizers.md.
void write_markdown(std::ostream& out, const std::string& name) {
  out << "| optimizer | key | paper | bytes of state a parameter, float32 | compared with |\n"
         "|---|---|---|---|---|\n";
  for (const engine::RuleTable* rule : chosen(name)) {
    out << "| [" << rule->about.name << "](optimizers/" << rule->about.key << ".md) | `"
        << rule->about.key << "` | " << rule->about.paper;
    const auto used = buffers(*rule, true), others = buffers(*rule, false);
    out << " | ";
    if (rule->forms.empty())
      out << "matrices: `" << joined(used) << "`";
    else if (used.empty())
      out << '0';
    else
      out << used.size() * sizeof(float) << ": `" << joined(used) << '`';
    if (!others.empty()) out << "; with other options also `" << joined(others) << '`';
    out << " | " << rule->about.golden << " |\n";
  }
}

struct OptimizersSettings {
  std::string name;  // empty: all
  bool markdown = false;
};

}  // namespace

void add_optimizers(CLI::App& command) {
  const auto settings = std::make_shared<OptimizersSettings>();
  command.add_option("name", settings->name, "only this one");
  command.add_flag("--markdown", settings->markdown, "as the table of docs/optimizers.md");
  command.callback([settings] {
    (settings->markdown ? write_markdown : list_optimizers)(std::cout, settings->name);
  });
}

}  // namespace descent::cli
