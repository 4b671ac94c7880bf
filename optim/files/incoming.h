#pragma once
// What a file holds for an optimizer, on its way in. Private to the loaders.
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <descent/optim/optimizer/optimizer.h>

namespace descent {

/// Whether a list of names has this one.
template <class List>
bool holds(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

/// "lacks a, b and has c": what is wrong with the keys of something; "" when nothing is.
std::string key_problem(const std::vector<std::string>& missing,
                        const std::vector<std::string>& extra);

/// Options and state gathered and checked aside, and put in place at once by commit(), so that
/// nothing is ever half loaded. Groups and parameters are matched by position. Whatever does not
/// fit throws c10::Error.
class Incoming {
 public:
  explicit Incoming(OptimizerBase& optimizer);

  void expect_groups(size_t found) const;
  void expect_params(size_t group, size_t found) const;

  /// Of a group: until they are set the rule's own defaults, and the base options of the optimizer,
  /// which foreign files do not hold.
  GroupOptions& options(size_t group) { return group_options(*options_[group]); }

  size_t size() const { return params_.size(); }
  const at::Tensor& param(size_t position) const { return *params_[position]; }

  /// Null for a parameter that the file holds nothing of.
  ParamState* state(size_t position) {
    return states_[position] == nullptr ? nullptr : &holders_.own_part(*states_[position]);
  }
  /// Gives the parameter a state if it has none.
  ParamState& ensure(size_t position);
  /// The step count.
  void set_step(size_t position, double step);
  /// A buffer, or what is beside the buffers (ParamState::each_tensor), copied as the optimizer's
  /// base options want it, to the parameter's device and layout. Bytes are followed by their absmax.
  void set_buffer(size_t position, std::string_view buffer, const at::Tensor& value);
  /// The buffers that the parameter's options need and its state lacks.
  std::vector<std::string> missing_buffers(size_t position);

  /// What master the parameter's options ask for and its state, which has made a step, lacks; "".
  std::string missing_master(size_t position);

  void commit();

 private:
  /// Whether it is the name of something beside the buffers, which is then put there.
  bool set_beside(size_t position, std::string_view name, const at::Tensor& value);

  OptimizerBase& optimizer_;
  const engine::RuleTable& rule_;
  const engine::Holders& holders_;
  std::vector<const at::Tensor*> params_;
  std::vector<size_t> group_of_;
  std::vector<std::unique_ptr<torch::optim::OptimizerOptions>> options_;
  std::vector<std::unique_ptr<torch::optim::OptimizerParamState>> states_;
};

/// Loads an archive that LibTorch's own class of the same rule wrote: options, steps, buffers;
/// false if the archive is not of an optimizer of LibTorch. It does not say which class that was:
/// another's is refused because its options or buffers have other names, except that Adam's and
/// AdamW's have the same.
bool load_libtorch(OptimizerBase& optimizer, torch::serialize::InputArchive& archive);

}  // namespace descent
