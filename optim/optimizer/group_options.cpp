#include <stdexcept>
#include <utility>

#include <c10/util/Exception.h>

#include <descent/optim/optimizer/holders.h>

namespace descent {
namespace engine {

const RuleForm& form_of(const RuleTable& rule, const void* options) {
  const int form = rule.form(options);
  TORCH_CHECK(form >= 0 && static_cast<size_t>(form) < rule.forms.size(), rule.about.name,
              ": form(options) gives a Form that is not in the rule's list `forms`, must be one of "
              "the ",
              rule.forms.size(), " there");
  return rule.forms[static_cast<size_t>(form)];
}

}  // namespace engine

const void* GroupOptions::value() const {
  read_theirs(value_.get());
  return value_.get();
}

void GroupOptions::assign(const void* from) {
  rule_.assign(value_.get(), from);
  write_theirs(from);
}

std::string GroupOptions::text() const {
  std::string text;
  for (const auto& option : rule_.describe(value()))
    text += (text.empty() ? "" : ",") + option.name + "=" + to_text(option.value);
  return text;
}

std::shared_ptr<void> GroupOptions::changed(const OptionValues& changes) const {
  auto changed = rule_.make_options(value());
  for (const auto& [name, value] : changes) {
    const std::string problem = rule_.set(changed.get(), name, value);
    TORCH_CHECK(problem.empty(), rule_.about.name, ": ", problem);
  }
  check(changed.get());
  return changed;
}

void GroupOptions::set(const OptionValues& changes) { assign(changed(changes).get()); }

void GroupOptions::set(const std::string& text) {
  OptionValues options;
  try {
    options = parse_options(text);
  } catch (const std::invalid_argument& error) {
    TORCH_CHECK(false, rule_.about.name, ": ", error.what());
  }
  set(options);
}

void GroupOptions::check(const OptionValues& changes) const { changed(changes); }

void GroupOptions::check() const {
  check(value());
  const std::string foreign = foreign_writes();
  TORCH_CHECK(foreign.empty(), rule_.about.name, ": ", foreign);
}

void GroupOptions::check(const void* options) const {
  std::string problem = rule_.problem(options);
  if (!problem.empty() && rule_.divides_by_lr && *rule_.lr(const_cast<void*>(options)) == 0) {
    const auto moving = rule_.make_options(options);
    *rule_.lr(moving.get()) = 1;
    problem = rule_.problem(moving.get());
  }
  TORCH_CHECK(problem.empty(), rule_.about.name, ": ", problem);
}

void GroupOptions::settle() {
  if (rule_.settle == nullptr) return;
  value();
  rule_.settle(value_.get());
}

std::string GroupOptions::problem() const { return rule_.problem(value()); }

bool GroupOptions::says_more_than_libtorch() const {
  const auto plain = rule_.make_options(nullptr);
  read_theirs(plain.get());
  const auto known = rule_.describe(plain.get()), all = rule_.describe(value());
  for (size_t i = 0; i < all.size(); ++i)
    if (!(known[i].value == all[i].value)) return true;
  return false;
}

std::unique_ptr<torch::optim::OptimizerOptions> make_group_options(const engine::RuleTable& rule,
                                                                   const void* from) {
  return engine::holders_of(rule).make_options(rule, from);
}

std::unique_ptr<torch::optim::OptimizerOptions> make_group_options(const engine::RuleTable& rule,
                                                                   const OptionValues& changes) {
  auto options = make_group_options(rule);
  group_options(*options).set(changes);
  return options;
}

GroupOptions& group_options(torch::optim::OptimizerOptions& options) {
  auto* const ours = dynamic_cast<GroupOptions*>(&options);
  TORCH_CHECK(ours != nullptr, "options are ", c10::demangle(typeid(options).name()),
              ", must be options of this library");
  return *ours;
}

}  // namespace descent
