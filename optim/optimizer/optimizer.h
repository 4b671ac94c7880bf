#pragma once
#include <concepts>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <torch/optim/optimizer.h>

#include <descent/optim/optimizer/group_options.h>
#include <descent/optim/optimizer/holders.h>
#include <descent/optim/optimizer/param_state.h>

namespace descent {

/// What all optimizers of this library share: groups, validation, the step, checkpoints. Each of them
/// is also a torch::optim::Optimizer, and more exactly LibTorch's class of the same rule if there is
/// one: descent::Adam is a torch::optim::Adam. Whatever a program does to groups, options and states
/// through that class counts: LibTorch's own objects are adopted when they are next used.
///
/// Differences from LibTorch's own classes, all deliberate:
/// - Every group refuses parameters that are undefined, no leaves, integral, complex or there
///   already, empty lists, options of another class and values out of range.
/// - A parameter without gradient is untouched and gets no state. Gradients are never written.
class OptimizerBase {
 public:
  virtual ~OptimizerBase();

  /// The same object as LibTorch knows it; where a torch::optim::Optimizer& is wanted, this happens
  /// by itself.
  virtual torch::optim::Optimizer& as_libtorch() = 0;
  const torch::optim::Optimizer& as_libtorch() const {
    return const_cast<OptimizerBase*>(this)->as_libtorch();
  }
  operator torch::optim::Optimizer&() { return as_libtorch(); }
  operator const torch::optim::Optimizer&() const { return as_libtorch(); }

  // As LibTorch's.
  std::vector<torch::optim::OptimizerParamGroup>& param_groups() {
    return as_libtorch().param_groups();
  }
  const std::vector<torch::optim::OptimizerParamGroup>& param_groups() const {
    return as_libtorch().param_groups();
  }
  auto& state() { return as_libtorch().state(); }
  const auto& state() const { return as_libtorch().state(); }
  torch::optim::OptimizerOptions& defaults() { return as_libtorch().defaults(); }
  void zero_grad(bool set_to_none = true) { as_libtorch().zero_grad(set_to_none); }

  /// One step. The closure, if any, is called once, with gradients enabled, before anything
  /// changes; its value is returned. State follows a parameter to another dtype, device or layout.
  /// Throws c10::Error, with parameters and state as they were, for sparse gradients, gradients of
  /// another shape, options out of range, parameters that no longer have the sizes of their state
  /// (see replace_param) and two parameters that share memory.
  at::Tensor step(torch::optim::Optimizer::LossClosure closure = nullptr);

  /// To be called ahead of each replay of a CUDA graph that holds a captured step(), in the replay's
  /// stream: counts the step and hands its numbers, by the options as they are now, to the device.
  /// Without this call a replay steps no parameter. Of several captured steps of an optimizer only the
  /// last one is served. Throws c10::Error, with nothing changed, if no step was captured, or what the
  /// graph holds is no longer so: other parameters, state elsewhere, options that choose other
  /// kernels.
  void before_replay();

  /// Adds a group; options of this library as they are, or a copy of the defaults if it has none.
  /// LibTorch's own options of the same rule mean what they mean to the LibTorch that is linked: since
  /// 2.12 an option that equals its class's default counts as not given, and is the optimizer's.
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

  /// A group's options by name and value; c10::Error if there is no such group, or it holds options
  /// that are not of this rule.
  GroupOptions& group_options(size_t group = 0);
  const GroupOptions& group_options(size_t group = 0) const;

  /// Throws c10::Error, naming class, parameter, both sizes and the way out, if a parameter no
  /// longer has the sizes of its state. step(), save() and swap_average() do so by themselves, ahead
  /// of everything else.
  void check_states() const;

  /// What is remembered of a parameter; null before its first step. Throws c10::Error if state()
  /// holds nothing or an object of another class for it.
  ParamState* state_of(const at::Tensor& parameter);
  const ParamState* state_of(const at::Tensor& parameter) const;

  const engine::RuleTable& rule() const { return *rule_; }

  /// Calls of step() so far, of which rules with slow weights make every k-th special; part of
  /// their checkpoints.
  int64_t steps() const;

  /// Schedule-free rules train at other weights than they are to be evaluated at: eval() puts the
  /// latter into the parameters, train() the former back. A new optimizer trains; step() between
  /// eval() and train() is refused. Nothing happens to rules that train where they are evaluated.
  void eval();
  void train();
  bool is_training() const;

  /// Of rules that divide by an estimate of the Hessian's diagonal (Sophia): averages the squares of
  /// the gradients that are there, which should be those of labels drawn from the model's own output,
  /// in the estimate. Parameters do not move. Throws c10::Error for other rules.
  void update_hessian();

  /// A number that the rule remembers of a group ("weight_sum"), or of all together ("d"); c10::Error
  /// for unknown names.
  double remembered(std::string_view name, size_t group = 0) const;

  /// Takes the parameters' values as they are now for those of their masters (the option master),
  /// which a step would write over them. To be called after anything else than this optimizer has
  /// written into a parameter that has a master.
  void sync_masters();

  /// Writes everything that is needed to go on bit for bit: options of all groups, steps, buffers.
  /// Parameters are named by position, so equal optimizers write equal bytes. LibTorch's
  /// own class of the same rule reads what save_libtorch() writes.
  void save(torch::serialize::OutputArchive& archive) const;
  /// Replaces options and state by those of the archive, cast to what is kept of each parameter here,
  /// its device and layout. Throws c10::Error, with nothing changed, for another class, another number of groups
  /// or parameters, other shapes, other base options than this optimizer's (but for the seed), values
  /// out of range or a format newer than this library. Archives
  /// that LibTorch's own class of the same rule wrote are read too.
  void load(torch::serialize::InputArchive& archive);

 protected:
  explicit OptimizerBase(const engine::RuleTable& rule);
  OptimizerBase(OptimizerBase&&) noexcept;
  OptimizerBase& operator=(OptimizerBase&&) noexcept;

  /// The defaults, to be called first: LibTorch's own options converted.
  std::unique_ptr<torch::optim::OptimizerOptions> checked_defaults(
      const torch::optim::OptimizerOptions& options) const;
  void add_first_groups(const std::vector<torch::optim::OptimizerParamGroup>& groups);

  /// Gives every parameter the state that it has ahead of its first step.
  void make_states();

  /// Exchanges every parameter with its buffer of that name, where it has one.
  void swap_with(std::string_view buffer);

 private:
  struct Engine;

  /// Refuses parameters that cannot be optimized, or that are in a group or twice in `params`
  /// already.
  void check_params(const std::vector<at::Tensor>& params) const;
  /// Refuses base options that do not fit one of the parameters, or the rule.
  void check_precision(const std::vector<at::Tensor>& params, const GroupOptions& options) const;
  /// Of a tensor algorithm: refuses blocks that are too large or no longer have the sizes of their
  /// state.
  void check_blocks(const torch::optim::OptimizerParamGroup& group,
                    const GroupOptions& options) const;
  void check_param(const char* name, const at::Tensor& p, size_t position) const;
  GroupOptions& adopt_options(size_t group) const;
  ParamState& adopt_state(std::unique_ptr<torch::optim::OptimizerParamState>& slot,
                          const at::Tensor& p) const;

  const engine::RuleTable* rule_;
  std::unique_ptr<Engine> engine_;
};

/// The same pointer as LibTorch knows it.
std::unique_ptr<torch::optim::Optimizer> libtorch_pointer(std::unique_ptr<OptimizerBase> optimizer);

// torch::save and torch::load of what make_optimizer() made.
template <std::same_as<OptimizerBase> T>
torch::serialize::OutputArchive& operator<<(torch::serialize::OutputArchive& archive,
                                            const T& optimizer) {
  optimizer.as_libtorch().save(archive);
  return archive;
}
template <std::same_as<OptimizerBase> T>
torch::serialize::InputArchive& operator>>(torch::serialize::InputArchive& archive, T& optimizer) {
  optimizer.load(archive);
  return archive;
}

/// An optimizer of this library that is LibTorch's `Class`, of any rule that belongs to the class.
template <class Class>
class DropIn : public Class, public OptimizerBase {
  static_assert(
      requires { sizeof(Class); },
      "this optimizer is one of LibTorch's classes too: include <descent/optim.h> or "
      "<torch/torch.h>");

 public:
  DropIn(const engine::RuleTable& rule,
         const std::vector<torch::optim::OptimizerParamGroup>& groups,
         const torch::optim::OptimizerOptions& options)
      : Class(std::vector<torch::optim::OptimizerParamGroup>{},
              engine::LibTorch<Class>::defaults()),
        OptimizerBase(rule) {
    this->defaults_ = checked_defaults(options);
    add_first_groups(groups);
  }

  torch::optim::Optimizer& as_libtorch() final { return *this; }
  using OptimizerBase::as_libtorch;

  at::Tensor step(torch::optim::Optimizer::LossClosure closure = nullptr) final {
    return OptimizerBase::step(std::move(closure));
  }
  void save(torch::serialize::OutputArchive& archive) const final { OptimizerBase::save(archive); }
  void load(torch::serialize::InputArchive& archive) final { OptimizerBase::load(archive); }

  using Class::defaults;
  using Class::param_groups;
  using Class::state;
  using Class::zero_grad;
  using OptimizerBase::add_param_group;
};

/// An optimizer: `Rule`'s update as one pass over the memory of all parameters of all groups.
///
///   descent::Lion opt(net->parameters(), {.lr = 3e-4, .weight_decay = 0.1});
///   opt.add_group(head->parameters(), [](auto& o) { o.lr *= 10; });
template <class Rule>
class OptimizerOf final : public DropIn<engine::LibTorchClass<Rule>> {
  using Class = engine::LibTorchClass<Rule>;
  using Groups = std::vector<torch::optim::OptimizerParamGroup>;

 public:
  using Options = typename Rule::Options;

  /// Options as a group holds them: OptimizerParamGroup(params,
  /// std::make_unique<Lion::GroupOptions>(options)).
  struct GroupOptions final : engine::HeldOptions<Class> {
    explicit GroupOptions(const Options& o, const BaseOptions& base = {})
        : engine::HeldOptions<Class>(engine::rule_table<Rule>(), &o, base) {}
  };

  /// `base`: the base options, AdamW(params, {.lr = 1e-4}, {.state_bits = 8}).
  explicit OptimizerOf(std::vector<at::Tensor> params, const Options& defaults = {},
                       const BaseOptions& base = {})
      : OptimizerOf(one_group(std::move(params)), defaults, base) {}
  explicit OptimizerOf(const Groups& groups, const Options& defaults = {},
                       const BaseOptions& base = {})
      : OptimizerOf(groups, GroupOptions(defaults, base)) {}

  /// The same with no more than a rate: SGD(params, 0.1). A template, so that {} means Options.
  template <class Number>
  requires std::is_arithmetic_v<Number> OptimizerOf(std::vector<at::Tensor> params, Number lr)
      : OptimizerOf(one_group(std::move(params)), lr) {}
  template <class Number>
  requires std::is_arithmetic_v<Number> OptimizerOf(const Groups& groups, Number lr)
      : OptimizerOf(groups, with_rate(lr)) {}

  /// The same with the options of LibTorch's own class: AdamW(params,
  /// torch::optim::AdamWOptions()).
  template <std::derived_from<torch::optim::OptimizerOptions> Theirs>
  explicit OptimizerOf(std::vector<at::Tensor> params, const Theirs& defaults)
      : OptimizerOf(one_group(std::move(params)), defaults) {}
  template <std::derived_from<torch::optim::OptimizerOptions> Theirs>
  explicit OptimizerOf(const Groups& groups, const Theirs& defaults)
      : DropIn<Class>(engine::rule_table<Rule>(), groups, defaults) {
    if constexpr (engine::LibTorch<Class>::stateful_from_the_start) this->make_states();
  }

  /// A group's options by their members, to be read or changed between steps: options(1).lr *= 0.1.
  /// They are where the group has them; a member of LibTorch's class too is that class's.
  using OptionsView =
      typename Options::template View<Options, typename engine::LibTorch<Class>::Options>;
  OptionsView& options(size_t group = 0) {
    descent::GroupOptions& found = this->group_options(group);
    if (views_.size() <= group) views_.resize(group + 1);
    auto* const own = static_cast<Options*>(const_cast<void*>(found.value()));
    return views_[group].emplace(*own, static_cast<engine::HeldOptions<Class>&>(found));
  }

  /// Exchanges every parameter with its average (twice: back again), as for an evaluation.
  /// Parameters that have made no step stay.
  void swap_average() requires requires { Rule::average; }
  { this->swap_with(Rule::average); }

  using OptimizerBase::add_group;
  /// Adds a group whose options start as a copy of the defaults; `edit` changes what differs.
  template <class Edit>
  requires std::is_invocable_v<Edit, Options&>
  void add_group(std::vector<at::Tensor> params, Edit edit) {
    Options o = *static_cast<const Options*>(descent::group_options(*this->defaults_).value());
    edit(o);
    const BaseOptions base = descent::group_options(*this->defaults_).base();
    this->add_param_group({std::move(params), std::make_unique<GroupOptions>(o, base)});
  }

 private:
  static Groups one_group(std::vector<at::Tensor> params) {
    Groups groups;
    groups.emplace_back(std::move(params));
    return groups;
  }
  template <class Number>
  static Options with_rate(Number lr) {
    Options options;
    options.lr = static_cast<double>(lr);
    return options;
  }

  std::deque<std::optional<OptionsView>> views_;  ///< what options() returned, by group
};

}  // namespace descent
