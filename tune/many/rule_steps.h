#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <descent/optim/optimizer/group_options.h>
#include <descent/optim/schedules/schedule.h>
#include <descent/tune/many/job.h>

namespace descent::many {

/// A parameter in the memory of a network.
struct Place {
  int64_t first, n;  ///< in numbers
  int64_t dim;
  size_t group;
};

/// Why the steps of a job cannot be those of RuleSteps, or "": its optimizer does more than to step
/// each parameter by its own gradient, for one.
std::string why_not_stepped(const Job& job);

/// Steps of one optimizer on plain memory: its rule's loops, as Optimizer::step() runs them, on the
/// weights, gradient and buffers of a network that lie one behind the other.
template <class T>
class RuleSteps {
 public:
  /// The schedule must outlive it.
  RuleSteps(const engine::RuleTable& rule, engine::Isa isa, std::vector<Place> places,
            const Schedule& schedule);

  /// Ahead of a training with these weights, which the groups' options are for.
  void begin(const std::vector<std::unique_ptr<torch::optim::OptimizerOptions>>& options,
             T* weights);
  /// The next step.
  void step(T* weights, const T* gradient);

 private:
  struct Group {
    GroupOptions* options;
    const void* value;  ///< the rule's Options, as they are in this step
    bool rests;
    double base_rate;
    double rate;  ///< that the schedule set last
    int64_t steps;
    std::array<double, engine::kMaxShared> shared;
  };
  struct Numbers {
    std::array<double, engine::kMaxConstants> doubles;
    std::array<T, engine::kMaxConstants> own;
  };

  /// What a group has in this step.
  void advance(Group& group, size_t index);
  void set_numbers(Group& group, const Place& place, size_t parameter, bool fresh);
  engine::Span span(T* weights, const T* gradient, const engine::RuleForm& form, int64_t first,
                    int64_t n);

  const engine::RuleTable& rule_;
  engine::Isa isa_;
  std::vector<Place> places_;
  std::vector<Group> groups_;
  std::vector<std::array<double, engine::kMaxScalars>> scalars_;  ///< of each parameter
  const Schedule& schedule_;
  int64_t done_ = 0;
  int64_t numel_ = 0;
  std::vector<T> buffers_;  ///< one behind the other, each as long as the weights
  Numbers numbers_;
};

}  // namespace descent::many
