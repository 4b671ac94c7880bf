#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <descent/grid/trials.h>
#include <descent/sharing/store.h>
#include <descent/tune/methods/method.h>
#include <descent/tune/methods/verdict.h>
#include <descent/tune/record.h>
#include <descent/tune/space.h>

namespace descent {

class Study;

struct StudyOptions {
  Method method = RandomSearch{};
  int64_t trials = 0;  ///< 0: what the method needs, or 50
  uint64_t seed = 0;

  /// How many trials run at once. The trials do not depend on it. LibTorch works on one thread in
  /// each of them. Of a method that learns from every trial, at most `batch` trials run at once.
  int64_t threads = 1;
  /// Tpe and Bayes choose so many trials by the same earlier ones. The trials depend on it.
  int64_t batch = 1;

  /// The optimizer, by its name, whose options the parameters of the space are; empty: none. A
  /// parameter that is no option of it is refused.
  std::string optimizer{};
  /// What the trials are of, in words that no other trials have: "net.pt, 500 steps". A journal of
  /// other trials is refused.
  std::string subject{};

  /// A file to which everything is appended as it happens; empty: none. If it exists, the study
  /// goes on from it: trials that have ended are taken from there, all others run.
  std::filesystem::path journal{};
  /// A folder for Trial::keep(), made if missing; empty: none.
  std::filesystem::path checkpoints{};

  /// A table that processes share which make one study together, as folder_store() of a folder or
  /// World::store() is one, or a part of these for each of several studies; none: this process works
  /// alone. All make the same call, may begin late and die, and all get the whole study. The trials
  /// are those of one process, whatever the method: a trial is chosen when all that it depends on
  /// have ended, wherever they ran. So of a method that learns from every trial at most `batch` run
  /// at once, in all processes together. A trial whose process has not been heard of for twice the
  /// time of the longest trial is run by a process that has nothing else to do; what ends first
  /// counts, once. The table is the journal: `journal` and `checkpoints` must be empty.
  std::optional<Store> store{};

  /// The first points, as those of an earlier study: {.first = {earlier.best().options()}}.
  std::vector<OptionValues> first{};

  /// Called on the calling thread from time to time, at least after each trial; false ends the
  /// study, whose running trials are told so by their next report and count as not begun.
  std::function<bool(const Study&)> on_progress{};
};

/// Trials by a method: what asks for them, is told what became of them, and keeps the books. tune()
/// runs one; programs that run trials themselves, on other machines for one, use it directly:
///
///   Study study({{"lr", LogRange{1e-5, 1}}}, {.method = Tpe{}, .journal = "study.jsonl"});
///   while (auto trial = study.ask()) study.tell(*trial, train(study.trials()[*trial].options()));
///
/// Not to be used by several threads at once.
class Study {
 public:
  /// Throws std::invalid_argument for options out of range, first points outside of the space,
  /// parameters that are no options of the optimizer, trials that the method cannot have, a store
  /// beside a journal or checkpoints, more first points than trials, and
  /// a journal, a table or a folder of checkpoints of another space, method, seed, batch, optimizer, subject
  /// or first points, which it names; std::runtime_error for files that cannot
  /// be read, written or understood; WorldError, as all functions that ask the table, if the store
  /// cannot be reached.
  explicit Study(Space space, StudyOptions options = {});
  Study(Study&&) noexcept;
  Study& operator=(Study&&) noexcept;
  ~Study();

  /// The number of a trial that is to be run: one that was interrupted, or the next one. Nothing if
  /// all have begun, or if others must end first; with a store, ask again after a moment then.
  std::optional<int64_t> ask();

  /// A running trial's value after `step`, counted from 0, and what it does next. Steps must rise.
  search::Verdict report(int64_t trial, int64_t step, double value);
  /// The same question again, of a trial that waits.
  search::Verdict verdict(int64_t trial) const;

  /// A running trial has ended with a value (which does not count if another process has made it
  /// meanwhile), which need not be finite. Throws
  /// std::invalid_argument, with the trial still running, if it has never reported to a method that
  /// needs it.
  void tell(int64_t trial, double value, double seconds = 0);
  /// It has ended without one.
  void fail(int64_t trial, const std::string& error, double seconds = 0);

  /// Whether all trials have ended.
  bool finished() const;
  /// How many trials there will be.
  int64_t size() const;
  /// How many have ended.
  int64_t ended() const;

  /// All trials that have begun, by number.
  const std::vector<TrialRecord>& trials() const;
  /// The trial with the lowest value among those that were not given up, or else among these; of
  /// equals the first. With noisy random search the lowest mean of all values at one point counts, in
  /// which a value that is not finite is infinite. Throws std::runtime_error if no trial has ended with
  /// a finite value.
  const TrialRecord& best() const;

  const Space& space() const;
  const StudyOptions& options() const;
  /// What the trials depend on, as the journal says it: space, method, seed, batch, optimizer,
  /// subject and first points.
  std::string about() const;

  /// What pictures show of it, the trials that have ended: draw(study, "study.png").
  operator Trials() const;  // NOLINT(google-explicit-constructor)

  /// Writes a JSON file, whole or not at all, which load_study() reads.
  void save(const std::filesystem::path& path) const;

 private:
  struct Parts;
  friend Study load_study(const std::filesystem::path& path);
  explicit Study(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

/// A study from a file that save() has written, or from a journal. It has no journal of its own.
/// Throws std::runtime_error that names the path and what is wrong with it.
Study load_study(const std::filesystem::path& path);

}  // namespace descent
