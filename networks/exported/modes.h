#pragma once
// An export has the mode of its network: training or eval. Most operations that differ have a flag
// for it, which a run may set; some have none.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <descent/networks/exported/graph.h>

namespace descent::networks {

/// Names the state that the argument at a position is, or is "".
using StateAt = std::function<std::string(size_t position)>;

/// What of a call follows the mode. `viewed_at` names views of states, too.
Switch switch_of(const Call& call, const StateAt& state_at, const StateAt& viewed_at);

/// What a program's modes are made of.
class Modes {
 public:
  Modes() = default;
  /// `changed` are the states that the program's outputs replace.
  Modes(const Graph& graph, const std::vector<std::string>& changed);

  /// The mode of the export, as far as it can be seen: a program without any difference counts as
  /// one in training mode, as a new module of torch::nn does.
  bool training() const { return training_; }

  /// Why the program cannot be in a mode, or "".
  std::string why_not(bool training) const { return training ? not_training_ : not_eval_; }

  /// Whether anything differs between them.
  bool differ() const { return differ_; }

  /// What differs, in words: "in eval mode; train() switches on 2 x aten::dropout".
  const std::string& about() const { return about_; }

  /// Whether batch normalisation has one mode for good.
  bool has_fixed_batch_norm() const { return has_fixed_batch_norm_; }

  /// The states of running means of batch normalisation, one for each call that has one.
  const std::vector<std::string>& statistics() const { return statistics_; }

  /// The states that count the batches of layers which the export has in eval mode, and which its
  /// calls do not count.
  const std::vector<std::string>& counters() const { return counters_; }

 private:
  bool training_ = true, differ_ = false, has_fixed_batch_norm_ = false;
  std::string not_training_, not_eval_, about_;
  std::vector<std::string> statistics_, counters_;
};

}  // namespace descent::networks
