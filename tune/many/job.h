#pragma once
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <torch/optim/optimizer.h>

#include <descent/landscape/network/parameters.h>
#include <descent/optim/engine/table.h>
#include <descent/tensors/workers.h>
#include <descent/tune/train_many.h>

namespace descent::many {

using Tensors = std::vector<at::Tensor>;

/// What refusals call the function that a user has called, and the options that it was given.
struct Caller {
  std::string name = "train_many", options = "options";
};

/// What train_many() is to do, checked.
class Job {
 public:
  Job(const Network& network, const Metric& loss, const Batches& data, std::string_view optimizer,
      std::span<const Candidate> candidates, const TrainManyOptions& options,
      Caller its_caller = {});
  /// The same with other options.
  Job(const Job& other, const TrainManyOptions& options);

  const landscape::Model& model;
  const Metric& loss;
  const Batches& data;
  const engine::RuleTable& rule;
  std::span<const Candidate> candidates;
  const TrainManyOptions& options;
  const Caller caller;
  landscape::Parameters parameters;
  std::vector<bool> frozen;

  /// Groups of parameters: of each the common beginning of their names, with the dot; the first one
  /// is that of all others. A group may be empty.
  const std::vector<std::string>& groups() const { return groups_; }
  /// The group of each parameter.
  const std::vector<size_t>& group_of() const { return group_of_; }

  /// The options of a candidate's groups, checked; throws std::invalid_argument that names the
  /// candidate.
  std::vector<std::unique_ptr<torch::optim::OptimizerOptions>> options_of(
      const Candidate& candidate) const;

  /// The weights that a candidate begins with.
  Tensors initial(const Candidate& candidate) const;

  /// Of a batch in the mean over all: how many of its targets count.
  double weight_of(const Data& batch) const;

  /// Throws std::invalid_argument.
  [[noreturn]] void refuse(const std::string& what) const;

  /// "candidates[3]" for messages, where a user has given them, and else what it is.
  std::string name_of(const Candidate& candidate) const;

 private:
  void find_groups();

  std::vector<std::string> groups_;
  std::vector<size_t> group_of_;
  std::vector<double> bounds_;  ///< of what is drawn for each parameter; 0: it stays
};

/// Keeps the books of one training.
class Course {
 public:
  explicit Course(const TrainManyOptions& options) : options_(options) {}

  /// The loss of the next step; false: it has diverged.
  bool add(double loss);
  /// Ends it, with the loss of the last weights if it has not diverged.
  Trained end(double final_loss);

 private:
  static constexpr int64_t kTail = 20;
  const TrainManyOptions& options_;
  Trained trained_{.first = 0, .final = 0, .mean = 0, .best = kInfinity, .tail = 0};
  int64_t steps_ = 0;
  double sum_ = 0;
  std::vector<double> last_;  // kTail losses, in turn
};

/// One that has not been made.
inline Trained unmade() {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  return {.first = nan, .final = nan, .mean = nan, .best = nan, .tail = nan};
}

}  // namespace descent::many
