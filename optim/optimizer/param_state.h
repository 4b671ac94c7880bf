#pragma once
#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include <torch/optim/optimizer.h>

#include <descent/optim/engine/table.h>
#include <descent/optim/optimizer/base_options.h>

namespace descent::engine {
class OpenSteps;
}
namespace descent {

/// What a state holds beside its buffers where numbers are kept in fewer bits than they are computed
/// in.
class Beside {
 public:
  /// What `parameter` is, and the tensor: the parameter in float, the 16 bits that it lacks, or the
  /// error of its last rounding. None and undefined where there is nothing.
  Master master() const { return master_; }
  const at::Tensor& parameter() const { return parameter_; }
  void set_parameter(Master master, at::Tensor parameter);
  /// Of a buffer that is kept in 8 bits; undefined for others.
  const at::Tensor& absmax(size_t b) const { return absmax_[b]; }
  void set_absmax(size_t b, at::Tensor absmax) { absmax_.at(b) = std::move(absmax); }
  bool is_empty() const;
  void clone();

 private:
  Master master_ = Master::None;
  at::Tensor parameter_{};
  std::array<at::Tensor, engine::kMaxBuffers> absmax_{};
};

/// What few rules remember of a parameter besides its steps and buffers, and what few settings keep
/// beside those; no more than a pointer for the others. Numbers are in the order of rule.scalars.
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

  /// Null where nothing is beside.
  const Beside* beside() const { return rare_ == nullptr ? nullptr : rare_->beside.get(); }
  Beside& make_beside();
  void forget_beside();

  /// Null unless steps may have been skipped. A copy has none: who copies has settled the steps.
  engine::OpenSteps* open_steps() const {
    return rare_ == nullptr ? nullptr : rare_->open_steps.get();
  }
  engine::OpenSteps& make_open_steps();

 private:
  struct Rare {
    std::array<double, engine::kMaxScalars> values{};
    std::vector<int64_t> block{};
    std::unique_ptr<Beside> beside{};
    std::shared_ptr<engine::OpenSteps> open_steps{};
  };
  std::unique_ptr<Rare> rare_;
};

/// "master_param", "param_remainder", "kahan_comp"; "" for None.
const char* name_of(Master master);

class OptimizerBase;

namespace engine {
struct Holders;
}

/// What an optimizer remembers of one parameter. The object in the optimizer's state() is also an
/// OptimizerParamState of LibTorch: for a rule that LibTorch has too, that class's own
/// (torch::optim::AdamParamState), which then holds the steps and the buffers that it has a name for.
class ParamState {
 public:
  Scalars scalars;
  /// Keeps the parameter's address from being given to another tensor, which would inherit this
  /// state.
  c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl> parameter;
  /// The last step that found the parameter in a group, to notice a step that finds it twice.
  uint64_t collected = 0;

  const engine::RuleTable& rule() const;
  /// Steps taken, gradients missed not counted. Waits for a device that may have skipped the last
  /// ones; LibTorch's own accessor of the same number does not.
  int64_t& step();
  int64_t step() const { return const_cast<ParamState*>(this)->step(); }
  /// The same as if none of these had been skipped.
  int64_t& step_at_most() {
    return *reinterpret_cast<int64_t*>(reinterpret_cast<char*>(this) + place_of_step());
  }
  /// See engine/skips.h.
  engine::OpenSteps& open_steps() { return scalars.make_open_steps(); }
  /// A buffer, in the order of rule().buffers; undefined where there is none yet. One that is kept
  /// in 8 bits is its bytes; engine/stored.h reads those.
  at::Tensor& buffer(size_t b);
  const at::Tensor& buffer(size_t b) const { return const_cast<ParamState*>(this)->buffer(b); }
  /// The buffer of that name ("exp_avg"); c10::Error for unknown names.
  at::Tensor& buffer(std::string_view name);
  bool has_beside() const { return scalars.beside() != nullptr; }
  const Beside& beside() const;
  Beside& make_beside() { return scalars.make_beside(); }

  /// Calls f(name, tensor) for every tensor that is there: buffers, and what is beside them as
  /// "exp_avg_absmax", "master_param".
  template <class F>
  void each_tensor(F&& f) const;

  /// Throws c10::Error, naming class, parameter, both sizes and the way out, if `p` no longer has
  /// the sizes of the buffers.
  void check(const at::Tensor& p, size_t group, size_t position) const;

 protected:
  ParamState(const engine::Holders& holders, const at::Tensor& parameter);
  ParamState(const ParamState&) = default;

  void clone_buffers();
  /// LibTorch's own format, with what LibTorch has no name for beside it.
  void write(torch::serialize::OutputArchive& archive) const;
  void read(torch::serialize::InputArchive& archive);

 private:
  std::ptrdiff_t place_of_step() const;
  void settle();

  const engine::Holders* holders_;
};

namespace engine {

/// The classes whose objects hold a rule's options and states, which are also LibTorch's, and where
/// things lie in them. One for each rule, as long as the program runs.
struct Holders {
  const RuleTable* rule;
  /// LibTorch's optimizer of the same rule, "Adam"; null: there is none.
  const char* libtorch;

  /// The defaults for a null pointer.
  std::unique_ptr<torch::optim::OptimizerOptions> (*make_options)(const RuleTable&,
                                                                  const void* from);
  /// Ours with what LibTorch's own object holds, and the rest from the rule's Options at `rest`; null
  /// for an object of another class.
  std::unique_ptr<torch::optim::OptimizerOptions> (*adopt_options)(
      const RuleTable&, const torch::optim::OptimizerOptions& theirs, const void* rest);
  std::unique_ptr<torch::optim::OptimizerParamState> (*make_state)(const Holders&,
                                                                   const at::Tensor& parameter);
  /// Ours with what LibTorch's own object holds; null for an object of another class.
  std::unique_ptr<torch::optim::OptimizerParamState> (*adopt_state)(
      const Holders&, const torch::optim::OptimizerParamState& theirs, const at::Tensor& parameter);
  std::unique_ptr<OptimizerBase> (*make_optimizer)(
      const RuleTable&, const std::vector<torch::optim::OptimizerParamGroup>& groups,
      const torch::optim::OptimizerOptions& defaults);

  /// The class of the states that make_state makes.
  const std::type_info* state_class;
  // In bytes: of ParamState in an OptimizerParamState; of the parts in a ParamState.
  std::ptrdiff_t own, step;
  std::array<std::ptrdiff_t, kMaxBuffers> buffers;

  ParamState& own_part(torch::optim::OptimizerParamState& state) const {
    return *reinterpret_cast<ParamState*>(reinterpret_cast<char*>(&state) + own);
  }
};

const Holders& holders_of(const RuleTable& rule);

}  // namespace engine

inline const engine::RuleTable& ParamState::rule() const { return *holders_->rule; }
template <class F>
void ParamState::each_tensor(F&& f) const {
  const auto& names = rule().buffers;
  for (size_t b = 0; b < names.size(); ++b)
    if (buffer(b).defined()) f(names[b], buffer(b));
  if (!has_beside()) return;
  for (size_t b = 0; b < names.size(); ++b)
    if (beside().absmax(b).defined()) f(names[b] + "_absmax", beside().absmax(b));
  if (beside().parameter().defined())
    f(std::string(name_of(beside().master())), beside().parameter());
}
inline std::ptrdiff_t ParamState::place_of_step() const { return holders_->step; }
inline int64_t& ParamState::step() {
  if (scalars.open_steps() != nullptr) settle();
  return step_at_most();
}
inline at::Tensor& ParamState::buffer(size_t b) {
  return *reinterpret_cast<at::Tensor*>(reinterpret_cast<char*>(this) + holders_->buffers[b]);
}

}  // namespace descent
