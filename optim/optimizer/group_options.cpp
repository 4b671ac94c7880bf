#include <algorithm>
#include <stdexcept>
#include <utility>

#include <c10/util/Exception.h>

#include <descent/optim/optimizer/holders.h>
#include <descent/optim/pieces/decay_scale.h>

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

namespace {

/// The base options that are not the rule's own by the same name.
std::vector<OptionInfo> base_options(const engine::RuleTable& rule, const BaseOptions& base) {
  std::vector<OptionInfo> list = fields::describe(base);
  std::erase_if(list, [&](const OptionInfo& option) {
    return std::any_of(rule.defaults.begin(), rule.defaults.end(),
                       [&](const OptionInfo& own) { return own.name == option.name; });
  });
  return list;
}

bool is_base_option(const engine::RuleTable& rule, const std::string& name) {
  const auto list = base_options(rule, {});
  return std::any_of(list.begin(), list.end(),
                     [&](const OptionInfo& base) { return base.name == name; });
}

/// Where a rule takes none of the base options of decay, as the end of a sentence.
std::string where_refused(const engine::RuleTable& rule, const void* options) {
  for (const OptionInfo& option : rule.describe(options))
    if (option.name == "decay_mode" && option.value == OptionValue("coupled"))
      return " where decay_mode = coupled";
  return " for this rule with these options";
}

/// What is wrong with how a group of these options is to decay, or "". Every step asks.
std::string decay_problem(const engine::RuleTable& rule, const void* options, double lr,
                          const BaseOptions& base) {
  const bool scales = base.decay_scale != DecayScale::Lr;
  if (!base.cautious_decay && !scales && !base.max_lr) return "";
  const bool takes = rule.takes_decay(options);
  if (base.cautious_decay && !takes)
    return fields::out_of_range("cautious_decay", true, "false" + where_refused(rule, options));
  if (scales && !takes)
    return fields::out_of_range("decay_scale", fields::value_of(base.decay_scale),
                                "lr" + where_refused(rule, options));
  if (base.decay_scale == DecayScale::Stable && rule.second_moment == nullptr)
    return fields::out_of_range("decay_scale", "stable",
                                "lr, corrected or independent: stable is of AdamW");
  if (base.max_lr && !takes)
    return fields::out_of_range("max_lr", *base.max_lr, "none" + where_refused(rule, options));
  if (const auto conflict = rules::decay_scale_conflict(base, lr))
    return fields::out_of_range(conflict->field, "none", conflict->allowed);
  return "";
}

}  // namespace

BaseOptions GroupOptions::base() const {
  BaseOptions base = base_;
  if (base.rounding == Rounding::Stochastic && rule_.member(value_.get(), "seed") != nullptr)
    for (const OptionInfo& own : rule_.describe(value_.get()))
      if (const auto* const seed = std::get_if<double>(&own.value); own.name == "seed" && seed)
        base.seed = static_cast<int64_t>(*seed);
  return base;
}

void GroupOptions::set_base(const BaseOptions& base) {
  check(value(), base);
  base_ = base;
}

std::vector<OptionInfo> GroupOptions::describe() const {
  std::vector<OptionInfo> list = rule_.describe(value());
  for (auto& base : base_options(rule_, base_)) list.push_back(std::move(base));
  return list;
}

std::string GroupOptions::text() const {
  std::string text;
  const auto add = [&](const OptionInfo& option) {
    text += (text.empty() ? "" : ",") + option.name + "=" + to_text(option.value);
  };
  for (const auto& option : rule_.describe(value())) add(option);
  const auto defaults = base_options(rule_, {}), base = base_options(rule_, base_);
  for (size_t i = 0; i < base.size(); ++i)
    if (!(base[i].value == defaults[i].value)) add(base[i]);
  return text;
}

std::pair<std::shared_ptr<void>, BaseOptions> GroupOptions::changed(
    const OptionValues& changes) const {
  std::pair<std::shared_ptr<void>, BaseOptions> changed(rule_.make_options(value()), base_);
  for (const auto& [name, value] : changes) {
    const std::string problem = is_base_option(rule_, name)
                                    ? fields::set(changed.second, name, value)
                                    : rule_.set(changed.first.get(), name, value);
    TORCH_CHECK(problem.empty(), rule_.about.name, ": ", problem);
  }
  check(changed.first.get(), changed.second);
  return changed;
}

void GroupOptions::set(const OptionValues& changes) {
  const auto [options, base] = changed(changes);
  assign(options.get());
  base_ = base;
}

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
  check(value(), base_);
  const std::string foreign = foreign_writes();
  TORCH_CHECK(foreign.empty(), rule_.about.name, ": ", foreign);
}

void GroupOptions::check(const void* options, const BaseOptions& base) const {
  std::string problem = rule_.problem(options);
  if (!problem.empty() && rule_.divides_by_lr && *rule_.lr(const_cast<void*>(options)) == 0) {
    const auto moving = rule_.make_options(options);
    *rule_.lr(moving.get()) = 1;
    problem = rule_.problem(moving.get());
  }
  if (problem.empty()) problem = base_problem(options, base);
  TORCH_CHECK(problem.empty(), rule_.about.name, ": ", problem);
}

void GroupOptions::settle() {
  if (rules::needs_max_lr(base_)) rules::settle_max_lr(base_, get_lr());
  if (rule_.settle == nullptr) return;
  value();
  rule_.settle(value_.get());
}

std::string GroupOptions::problem() const {
  const std::string problem = rule_.problem(value());
  return problem.empty() ? base_problem(value(), base_) : problem;
}

std::string GroupOptions::base_problem(const void* options, const BaseOptions& base) const {
  if (base == BaseOptions{}) return "";
  const std::string problem = fields::problem(base);
  const double lr = *rule_.lr(const_cast<void*>(options));
  return problem.empty() ? decay_problem(rule_, options, lr, base) : problem;
}

bool GroupOptions::says_more_than_libtorch() const {
  if (!(base_ == BaseOptions{})) return true;
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
