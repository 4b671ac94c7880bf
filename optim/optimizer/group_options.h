#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <torch/optim/optimizer.h>

#include <descent/optim/engine/table.h>
#include <descent/optim/optimizer/base_options.h>

namespace descent {

namespace engine {

/// The form of the rule that these options select. Throws c10::Error if `form(options)` of a rule
/// gives a Form that its list `forms` lacks. Not for tensor algorithms, which have no forms.
const RuleForm& form_of(const RuleTable& rule, const void* options);

}  // namespace engine

/// The options of one parameter group. The object that a group holds is also an OptimizerOptions of
/// LibTorch: for a rule that LibTorch has too, that class's own (torch::optim::AdamOptions), for all
/// others one whose rate lies where LibTorch's classes have it. What those hold is kept there and
/// nowhere else, so it does not matter through which class a program reads and writes. A value out
/// of range is refused by the next step.
class GroupOptions {
 public:
  virtual ~GroupOptions() = default;
  GroupOptions& operator=(const GroupOptions&) = delete;

  const engine::RuleTable& rule() const { return rule_; }
  /// The rule's Options as they are now. The address stays the same; the values there are brought up
  /// to date by this call.
  const void* value() const;
  /// Sets all of them to those of the rule's Options at `from`.
  void assign(const void* from);

  /// The base options, which every rule takes beside its own.
  BaseOptions base() const;
  /// Throws c10::Error, and changes nothing, if they do not fit together.
  void set_base(const BaseOptions& base);
  /// All options, the rule's and then the base options.
  std::vector<OptionInfo> describe() const;

  virtual double get_lr() const = 0;
  virtual void set_lr(double lr) = 0;

  /// "lr=0.001,betas=[0.9, 0.999],...": every option of the rule, and the base options that are not
  /// at their defaults; digits that read back exactly.
  std::string text() const;
  /// Sets options by name. Throws c10::Error naming class, option, value and what is allowed, and
  /// changes nothing, if a name is unknown or a value does not fit.
  void set(const OptionValues& changes);
  /// The same from what text() wrote.
  void set(const std::string& text);
  /// Throws c10::Error, and changes nothing, where set() would.
  void check(const OptionValues& changes) const;
  /// Throws c10::Error naming class, option, value and what is allowed unless all are in range. A
  /// rate of 0 is, whatever the rule: a schedule may set it. Throws too if LibTorch's class of
  /// another rule was used to write more than the rate.
  void check() const;
  /// Fills in what the rule settles when a group is added, if it is unset.
  void settle();
  /// What is wrong with them as the first options of a group, where a rate of 0 may be; or "".
  std::string problem() const;

 protected:
  GroupOptions(const engine::RuleTable& rule, const void* from, const BaseOptions& base = {})
      : rule_(rule), value_(rule.make_options(from)), base_(base) {}
  GroupOptions(const GroupOptions& other)
      : GroupOptions(other.rule_, other.value_.get(), other.base_) {}

  /// Copies what LibTorch's part of the object holds into the rule's Options, and the other way.
  virtual void read_theirs(void* options) const = 0;
  virtual void write_theirs(const void* options) = 0;
  /// The rule's Options, which may be behind what LibTorch's part holds.
  const void* own() const { return value_.get(); }

  /// Whether an option that LibTorch's class of the same rule lacks differs from the rule's default.
  bool says_more_than_libtorch() const;
  void write_text(torch::serialize::OutputArchive& archive) const;
  /// False if the archive has none.
  bool read_text(torch::serialize::InputArchive& archive);

  /// What was written into LibTorch's part that does not belong there, or "".
  virtual std::string foreign_writes() const { return ""; }

 private:
  friend class OptimizerBase;

  void check(const void* options, const BaseOptions& base) const;
  /// What is wrong with the base options beside these, or "".
  std::string base_problem(const void* options, const BaseOptions& base) const;
  std::pair<std::shared_ptr<void>, BaseOptions> changed(const OptionValues& changes) const;

  const engine::RuleTable& rule_;
  std::shared_ptr<void> value_;
  BaseOptions base_;
};

/// A group's options object of any rule, with the rule's defaults or a copy of the Options at `from`:
///
///   param_groups.emplace_back(params, make_group_options(find_rule("lion"), {{"lr", 1e-4}}));
std::unique_ptr<torch::optim::OptimizerOptions> make_group_options(const engine::RuleTable& rule,
                                                                   const void* from = nullptr);
std::unique_ptr<torch::optim::OptimizerOptions> make_group_options(const engine::RuleTable& rule,
                                                                   const OptionValues& changes);

/// The same object as this library sees it; c10::Error if it is of another class.
GroupOptions& group_options(torch::optim::OptimizerOptions& options);

}  // namespace descent
