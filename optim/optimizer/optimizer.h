#pragma once
#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <torch/optim/optimizer.h>

#include <descent/optim/engine/table.h>

namespace descent {

namespace engine {

/// The form of the rule that these options select. Throws c10::Error if `form(options)` of a rule
/// gives a Form that its list `forms` lacks. Not for tensor algorithms, which have no forms.
const RuleForm& form_of(const RuleTable& rule, const void* options);

}  // namespace engine

/// The options of one parameter group, as LibTorch's groups hold them. Schedulers reach the
/// learning rate through get_lr and set_lr; a value out of range is refused by the next step.
class GroupOptions : public torch::optim::OptimizerOptions {
 public:
  /// A copy of the rule's Options at `from`, or its defaults.
  GroupOptions(const engine::RuleTable& rule, const void* from);
  /// A copy of this rule's options, or those of LibTorch's own class of the same rule
  /// (torch::optim::AdamWOptions for AdamW); c10::Error for any other.
  GroupOptions(const engine::RuleTable& rule, const torch::optim::OptimizerOptions& options);
  GroupOptions(const GroupOptions& other) : GroupOptions(other.rule_, other.value_.get()) {}

  std::unique_ptr<OptimizerOptions> clone() const override;
  double get_lr() const override;
  void set_lr(double lr) override;
  void serialize(torch::serialize::OutputArchive& archive) const override;
  void serialize(torch::serialize::InputArchive& archive) override;

  const engine::RuleTable& rule() const { return rule_; }
  void* value() { return value_.get(); }
  const void* value() const { return value_.get(); }

  /// "lr=0.001,betas=[0.9, 0.999],...": every option, digits that read back exactly.
  std::string text() const;
  /// Sets options by name. Throws c10::Error naming class, option, value and what is allowed, and
  /// changes nothing, if a name is unknown or a value does not fit.
  void set(const OptionValues& changes);
  /// The same from what text() wrote.
  void set(const std::string& text);
  /// Throws c10::Error naming class, option, value and what is allowed unless all are in range. A
  /// rate of 0 is, whatever the rule: a schedule may set it.
  void check() const;

 private:
  void check(const std::shared_ptr<void>& options) const;

  const engine::RuleTable& rule_;
  std::shared_ptr<void> value_;
};

/// What few rules remember of a parameter besides its steps and buffers; no more than a pointer for
/// the others. Numbers are in the order of rule.scalars.
class Scalars {
 public:
  explicit Scalars(const engine::RuleTable& rule);
  Scalars(const Scalars& other);
  Scalars& operator=(const Scalars& other);

  double& operator[](size_t i) { return rare_->values[i]; }
  double operator[](size_t i) const { return rare_->values[i]; }
  /// All of them; zeros where there are none.
  std::array<double, engine::kMaxScalars> values() const;
  void set(const std::array<double, engine::kMaxScalars>& values);

  /// Of a tensor algorithm: the sizes of the parameters that this is the state of, one after another,
  /// each with its number of dimensions in front. The buffers of other rules tell by themselves.
  const std::vector<int64_t>& block() const { return rare_->block; }
  void set_block(std::vector<int64_t> block) { rare_->block = std::move(block); }

 private:
  struct Rare {
    std::array<double, engine::kMaxScalars> values{};
    std::vector<int64_t> block{};
  };
  std::unique_ptr<Rare> rare_;
};

/// What an optimizer remembers of one parameter.
struct ParamState final : torch::optim::OptimizerParamState {
  int64_t step = 0;  ///< steps taken, gradients missed not counted
  Scalars scalars;
  /// In the order of rule->buffers; undefined where there is none.
  std::array<at::Tensor, engine::kMaxBuffers> buffers{};
  const engine::RuleTable* rule = nullptr;
  /// Keeps the parameter's address from being given to another tensor, which would inherit this
  /// state.
  c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl> parameter;
  /// The last step that found the parameter in a group, to notice a step that finds it twice.
  uint64_t collected = 0;

  ParamState(const engine::RuleTable& rule, const at::Tensor& parameter);

  /// Throws c10::Error, naming class, parameter, both sizes and the way out, if `p` no longer has
  /// the sizes of the buffers.
  void check(const at::Tensor& p, size_t group, size_t position) const;

  /// The buffer of that name ("exp_avg"), undefined if there is none yet; c10::Error for unknown
  /// names.
  at::Tensor& buffer(std::string_view name);

  /// A copy of a buffer's values as the state of `parameter` holds them: in its dtype, layout and
  /// device. Tensor algorithms choose their own dtype and layout.
  static at::Tensor fitted(const engine::RuleTable& rule, const at::Tensor& parameter,
                           const at::Tensor& values);

  std::unique_ptr<OptimizerParamState> clone() const override;
  void serialize(torch::serialize::OutputArchive& archive) const override;
  void serialize(torch::serialize::InputArchive& archive) override;
};

/// What all optimizers of this library share: groups, validation, the step, checkpoints.
///
/// Differences from LibTorch's own classes, all deliberate:
/// - A group keeps its options as they were given, and a group without options gets a copy of the
///   defaults. Since LibTorch 2.12 a call through torch::optim::Optimizer& replaces a group's options
///   by the defaults, so call add_group or add_param_group on the object itself.
/// - Every group refuses parameters that are undefined, no leaves, integral, complex or there
///   already, empty lists, options of another class and values out of range.
/// - A parameter without gradient is untouched and gets no state. Gradients are never written.
class OptimizerBase : public torch::optim::Optimizer {
 public:
  OptimizerBase(std::vector<torch::optim::OptimizerParamGroup> groups,
                std::unique_ptr<GroupOptions> defaults);
  OptimizerBase(OptimizerBase&&) noexcept;
  OptimizerBase& operator=(OptimizerBase&&) noexcept;
  ~OptimizerBase() override;

  /// One step. The closure, if any, is called once, with gradients enabled, before anything
  /// changes; its value is returned. State follows a parameter to another dtype, device or layout.
  /// Throws c10::Error, with parameters and state as they were, for sparse gradients, gradients of
  /// another shape, options out of range, parameters that no longer have the sizes of their state
  /// (see replace_param) and two parameters that share memory.
  at::Tensor step(LossClosure closure = nullptr) override;

  /// Adds a group; its options as they are, LibTorch's own of the same rule converted, or a copy of
  /// the defaults if it has none.
  void add_param_group(const torch::optim::OptimizerParamGroup& group);
  /// Adds a group whose options are the defaults with `changes` made to them by name.
  void add_group(std::vector<at::Tensor> params, const OptionValues& changes = {});

  /// Adds a parameter to a group that exists.
  void add_param(const at::Tensor& parameter, size_t group = 0);

  /// How a state tensor of a parameter's sizes becomes one of its successor's.
  using StateMap = std::function<at::Tensor(const at::Tensor&)>;
  /// Puts `to` in the place of `from`, in its group and with its state: steps and scalars as they
  /// are, every buffer through `map` (without one: as it is, for parameters of equal sizes). So a
  /// parameter grows or shrinks in mid-run:
  ///
  ///   opt.replace_param(p, q, [&](const at::Tensor& s) { return s.index_select(0, kept); });
  ///
  /// `to` may be `from` itself, after set_data() has given it other sizes. Throws c10::Error, with
  /// nothing changed, if `from` is in no group, `to` cannot be optimized, or a new buffer has other
  /// sizes than `to`.
  void replace_param(const at::Tensor& from, const at::Tensor& to, const StateMap& map = nullptr);

  /// A group's options by name and value; c10::Error if there is no such group.
  GroupOptions& group_options(size_t group = 0);
  const GroupOptions& group_options(size_t group = 0) const;

  /// Throws c10::Error, naming class, parameter, both sizes and the way out, if a parameter no
  /// longer has the sizes of its state. step(), save() and swap_average() do so by themselves, ahead
  /// of everything else.
  void check_states() const;

  /// What is remembered of a parameter; null before its first step.
  ParamState* state_of(const at::Tensor& parameter);
  const ParamState* state_of(const at::Tensor& parameter) const;

  const engine::RuleTable& rule() const { return *rule_; }

  /// Calls of step() so far, of which rules with slow weights make every k-th special; part of
  /// their checkpoints.
  int64_t steps() const;

  /// Writes everything that is needed to go on bit for bit: options of all groups, steps, buffers.
  /// Parameters are named by position, so equal optimizers write equal bytes.
  void save(torch::serialize::OutputArchive& archive) const override;
  /// Replaces options and state by those of the archive, cast to each parameter's dtype, device and
  /// layout. Throws c10::Error, with nothing changed, for another class, another number of groups
  /// or parameters, other shapes, values out of range or a format newer than this library. Archives
  /// that LibTorch's own class of the same rule wrote are read too.
  void load(torch::serialize::InputArchive& archive) override;

 protected:
  /// Exchanges every parameter with its buffer of that name, where it has one.
  void swap_with(std::string_view buffer);

 private:
  struct Engine;

  /// Refuses parameters that cannot be optimized, or that are in a group or twice in `params`
  /// already.
  void check_params(const std::vector<at::Tensor>& params) const;
  /// Of a tensor algorithm: refuses blocks that are too large or no longer have the sizes of their
  /// state.
  void check_blocks(const torch::optim::OptimizerParamGroup& group,
                    const GroupOptions& options) const;
  /// Refuses what only a schedule may set.
  void check_new(const GroupOptions& options) const;
  static void check_param(const char* name, const at::Tensor& p, size_t position);
  const GroupOptions& checked_options(const torch::optim::OptimizerParamGroup& group) const;
  GroupOptions& checked_options(torch::optim::OptimizerParamGroup& group) const;

  const engine::RuleTable* rule_;
  std::unique_ptr<Engine> engine_;
};

/// An optimizer: `Rule`'s update as one pass over the memory of all parameters of all groups.
///
///   descent::Lion opt(net->parameters(), {.lr = 3e-4, .weight_decay = 0.1});
///   opt.add_group(head->parameters(), [](auto& o) { o.lr *= 10; });
template <class Rule>
class Optimizer final : public OptimizerBase {
 public:
  using Options = typename Rule::Options;

  /// Options as a group holds them: OptimizerParamGroup(params,
  /// std::make_unique<Lion::GroupOptions>(options)).
  struct GroupOptions final : descent::GroupOptions {
    explicit GroupOptions(const Options& o)
        : descent::GroupOptions(engine::rule_table<Rule>(), &o) {}
  };

  explicit Optimizer(std::vector<at::Tensor> params, const Options& defaults = {})
      : Optimizer(one_group(std::move(params)), defaults) {}
  explicit Optimizer(std::vector<torch::optim::OptimizerParamGroup> groups,
                     const Options& defaults = {})
      : OptimizerBase(std::move(groups), std::make_unique<GroupOptions>(defaults)) {}

  /// The same with the options of LibTorch's own class: AdamW(params,
  /// torch::optim::AdamWOptions()). A template, so that {} means Options.
  template <std::derived_from<torch::optim::OptimizerOptions> Theirs>
  explicit Optimizer(std::vector<at::Tensor> params, const Theirs& defaults)
      : Optimizer(one_group(std::move(params)), defaults) {}
  template <std::derived_from<torch::optim::OptimizerOptions> Theirs>
  explicit Optimizer(std::vector<torch::optim::OptimizerParamGroup> groups, const Theirs& defaults)
      : OptimizerBase(std::move(groups), std::make_unique<descent::GroupOptions>(
                                             engine::rule_table<Rule>(), defaults)) {}

  /// A group's options, to be read or changed between steps.
  Options& options(size_t group = 0) {
    return *static_cast<Options*>(group_options(group).value());
  }

  /// Exchanges every parameter with its average (twice: back again), as for an evaluation.
  /// Parameters that have made no step stay.
  void swap_average() requires requires { Rule::average; }
  { swap_with(Rule::average); }

  using OptimizerBase::add_group;
  /// Adds a group whose options start as a copy of the defaults; `edit` changes what differs.
  template <class Edit>
  requires std::is_invocable_v<Edit, Options&>
  void add_group(std::vector<at::Tensor> params, Edit edit) {
    Options o =
        *static_cast<const Options*>(static_cast<const descent::GroupOptions&>(*defaults_).value());
    edit(o);
    add_param_group({std::move(params), std::make_unique<GroupOptions>(o)});
  }

 private:
  static std::vector<torch::optim::OptimizerParamGroup> one_group(std::vector<at::Tensor> params) {
    std::vector<torch::optim::OptimizerParamGroup> groups;
    groups.emplace_back(std::move(params));
    return groups;
  }
};

}  // namespace descent
