#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <descent/grid/trials.h>
#include <descent/optim/schedules/schedule.h>
#include <descent/sharing/store.h>
#include <descent/tune/methods/domains.h>
#include <descent/tune/space.h>

namespace descent {

/// A training that goes on while its hyperparameters change.
class PopulationMember {
 public:
  virtual ~PopulationMember() = default;
  /// Makes the steps first, first + 1, ... with the hyperparameters that were set last, and returns
  /// a loss, by which members are compared; what is not finite is the worst.
  virtual double train(int64_t first, int64_t steps) = 0;
  /// Sets hyperparameters by name.
  virtual void set(const OptionValues& values) = 0;
  /// Becomes as another member is: weights, buffers and the optimizer's state. Not called while
  /// either of them trains.
  virtual void copy(const PopulationMember& other) = 0;
  /// The same by way of a folder, for members that several processes train: writes weights, buffers
  /// and the optimizer's state into it, and becomes what was written there by any process. Without
  /// them such a population is refused.
  virtual void save(const std::filesystem::path& folder) const;
  virtual void load(const std::filesystem::path& folder);
};

/// Whom a member copies. Truncation: the worst `quantile` copy from the best `quantile`.
/// BinaryTournament: each member copies another one, drawn at random, if that one is better. Never:
/// nobody copies.
DESCENT_ENUM(Exploit, Truncation, BinaryTournament, Never)

struct PopulationOptions {
  int64_t interval = 100;  ///< steps between two comparisons
  Exploit exploit = Exploit::Truncation;
  double quantile = 0.25;  ///< of the members, rounded up; 0.2 in the paper
  double resample = 0.25;  ///< how likely a hyperparameter is drawn anew; 0 in the paper
  std::array<double, 2> factors{1.2, 0.8};  ///< by which it is multiplied else, as likely each
  int64_t burn_in = 0;                      ///< steps ahead of the first comparison
  int64_t threads = 1;                      ///< members that train at once
  uint64_t seed = 0;
  /// The values of the first members; the others' are drawn.
  std::vector<OptionValues> first{};
  /// A table that processes share which train one population, as in StudyOptions; none: this process
  /// works alone. All make the same calls, with the same `folder`, through which members go from one
  /// process to another; they may begin late and die, also all of them. All get the whole population,
  /// that of a single process if a member is the same one after load().
  std::optional<Store> store{};
  std::filesystem::path folder{};
  DESCENT_OPTIONS((interval, at_least_one), (exploit), (quantile, half_unit),
                  (resample, closed_unit), (factors, positive), (burn_in, non_negative),
                  (threads, at_least_one), (seed, not_text), (first, not_text), (store, not_text),
                  (folder, not_text))
};

/// Population-based training: members train side by side; from time to time the worst copy the best
/// and change the hyperparameters that they got, so that these become schedules. Jaderberg et al.
/// 2017, arXiv:1711.09846, with the constants of Ray Tune. A member that has copied explores: each
/// hyperparameter is multiplied by one of the factors and cut to its scale, a whole number moves by at
/// least one, a value of a list by one place, or it is drawn anew.
///
///   Population members(space, 8, make_member, {.interval = 100});
///   members.run(5000);
///   for (const auto& [step, values] : members.schedule()) ...
///
/// The result does not depend on the number of threads, if that of a member does not.
class Population {
 public:
  using Make = std::function<std::unique_ptr<PopulationMember>(int64_t index)>;
  using Options = PopulationOptions;

  /// Throws std::invalid_argument for options out of range, fewer than two members, so few that the
  /// best and the worst would be the same, more first values than members, values outside of
  /// the space, a store without a folder, a folder without a store, and a table of another population;
  /// WorldError if the store cannot be reached.
  Population(Space space, int64_t members, const Make& make, Options options = {});

  /// Makes so many steps more. Rethrows what a member throws, after all have stopped. With a store,
  /// members are dealt out anew after each comparison, as share() deals out work; then each process
  /// makes the same comparison by itself.
  void run(int64_t steps);

  int64_t steps() const { return steps_; }
  int64_t size() const { return static_cast<int64_t>(members_.size()); }
  const PopulationMember& member(int64_t index) const {
    return *members_.at(static_cast<size_t>(index));
  }
  /// The loss of each member at the last comparison or at the end of run().
  const std::vector<double>& losses() const { return losses_; }
  /// The hyperparameters of a member now.
  const OptionValues& values(int64_t index) const { return values_.at(static_cast<size_t>(index)); }
  /// The member with the lowest loss, the first of equals.
  int64_t best() const;

  /// From step `step` on these values were used.
  struct Change {
    int64_t step = 0;
    OptionValues values;
  };
  /// The hyperparameters that led to the weights of the best member, from step 0.
  std::vector<Change> schedule() const;

  /// Who copied whom, after so many steps, and what it made of the hyperparameters.
  struct Copy {
    int64_t step = 0, member = 0, from = 0;
    OptionValues values{};
  };
  const std::vector<Copy>& copies() const { return copies_; }

  /// What pictures show of it: draw(members, "lineage.png").
  operator Lineage() const;  // NOLINT(google-explicit-constructor)

 private:
  void train(int64_t steps);
  /// Calls work() on as many threads as train members at once, and rethrows what it throws.
  void on_threads(const std::function<void()>& work) const;
  void train_here(int64_t steps);
  void train_with_others(int64_t steps);
  void check_store();
  void compare();
  OptionValues explored(const OptionValues& values, std::mt19937_64& bits) const;

  Space space_;
  Options options_;
  std::vector<std::unique_ptr<PopulationMember>> members_;
  std::vector<OptionValues> values_, first_values_;
  std::vector<std::vector<Change>> ways_;  ///< what led to each member's weights
  std::vector<double> losses_;
  std::vector<Copy> copies_;
  /// The losses of all members after so many steps, ahead of the copies there.
  std::vector<std::pair<int64_t, std::vector<double>>> history_;
  int64_t steps_ = 0;
  std::vector<std::filesystem::path> kept_;  ///< with a store: what each member is, after step 0
};

/// What schedule() says of one hyperparameter, for the rates of another training:
///
///   Scheduler scheduler(opt, descent::replayed(members.schedule()));
///
/// Throws std::invalid_argument if there is no change from step 0 on, or no number of that name.
Schedule replayed(const std::vector<Population::Change>& changes, std::string_view name = "lr");

}  // namespace descent
