#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>

#include <descent/tune/study.h>

namespace descent {

/// A trial as the function sees it that makes it.
class Trial {
 public:
  int64_t number() const { return number_; }

  /// The values of the space's parameters by name, as make_optimizer() takes them.
  const OptionValues& options() const { return options_; }
  /// One of them: a number, or what else it is. std::invalid_argument if there is none of that
  /// name, or of that type.
  double number(std::string_view name) const;
  const OptionValue& value(std::string_view name) const;

  /// A number that is this trial's own, for generators of random numbers. LibTorch's global
  /// generator is one for all threads, so what is drawn from it differs from run to run if several
  /// trials run at once.
  uint64_t seed() const { return seed_; }

  /// Tells the loss after `step`, counted from 0; steps must rise. False: the method has given this
  /// trial up, or it has had all its steps, so the function returns, with the loss as it is. A
  /// method that compares trials may let it wait here for others.
  bool report(int64_t step, double loss);

  /// Ahead of report() of the same step and loss: keeps what `save` writes into the folder that it
  /// is given, in the place of what was kept before, for restore(). Throws std::invalid_argument if
  /// StudyOptions::checkpoints names no folder.
  void keep(int64_t step, double loss,
            const std::function<void(const std::filesystem::path& folder)>& save);
  /// The first step that is left to do. 0 in a trial that begins; in one that an earlier run has
  /// begun and kept, `load` is called with the folder first, whose files are those of keep(). The
  /// largest number if the method has given it up since. No step may be left, so the loss is that of
  /// last_loss():
  ///
  ///   int64_t step = trial.restore([&](auto& folder) { load(*opt, folder / "opt"); ... });
  ///   for (; step < 1000; ++step) {
  ///     ...
  ///     trial.keep(step, loss, [&](auto& folder) { save(*opt, folder / "opt"); ... });
  ///     if (!trial.report(step, loss)) break;
  ///   }
  ///   return trial.last_loss();
  ///
  /// What goes wrong in keep() or restore(), `save` and `load` included, ends the study: tune()
  /// throws std::runtime_error that names the folder, and the trial counts as not ended.
  int64_t restore(const std::function<void(const std::filesystem::path& folder)>& load);
  /// What was reported, kept or restored last; NaN in a trial that begins.
  double last_loss() const { return last_loss_; }

 private:
  friend class StudyRun;
  Trial(class StudyRun& run, const TrialRecord& record, const StudyOptions& options);

  StudyRun& run_;
  int64_t number_;
  OptionValues options_;
  uint64_t seed_;
  std::filesystem::path folder_;
  double last_loss_ = std::numeric_limits<double>::quiet_NaN();
};

/// Makes a trial and returns its loss, which is minimised. What is not finite is the worst; what it
/// throws is recorded and ends the trial, not the study.
using TrialFunction = std::function<double(Trial&)>;

/// A study from beginning to end:
///
///   auto study = descent::tune({{"lr", descent::LogRange{1e-5, 1}}}, [&](descent::Trial& t) {
///     Net net;
///     auto opt = descent::make_optimizer("adamw", net->parameters(), t.options());
///     for (int step = 0; step < 1000; ++step) { ...; if (!t.report(step, loss)) break; }
///     return loss;
///   }, {.method = descent::Tpe{}, .trials = 50, .seed = 1, .journal = "study.jsonl"});
///
/// The same space, method and seed give the same points for the same losses, whatever the number of
/// threads, and if the process is killed and the same call is made again with the same journal.
/// Trials run on threads of their own, in each of which LibTorch works on one thread.
///
/// Throws what Study's constructor throws, and std::invalid_argument for a trial that never reports
/// to a method that needs it; std::runtime_error if the journal or a trial's folder cannot be
/// written: all trials that had ended are in the journal. Returns after on_progress has asked for it, with what is there.
Study tune(Space space, const TrialFunction& trial, StudyOptions options = {});

}  // namespace descent
