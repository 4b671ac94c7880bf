#include "commands/tune/command.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>

#include <descent/base/atomic_file.h>
#include <descent/base/text.h>
#include <descent/pictures/draw_study.h>
#include <descent/tune/training.h>

#include "arguments.h"
#include "commands/tune/task.h"
#include "kept_tiles.h"
#include "number.h"
#include "output.h"
#include "progress.h"

namespace descent::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kJournal = "study.jsonl";
constexpr size_t kShown = 5;  // trials in the table

struct TuneJob : Keeping {
  TaskOptions task{};
  std::string space{};  ///< empty: that of the task
  std::string method = "bayes";
  int64_t trials = 0;  ///< 0: what the method needs, or 50
  int64_t steps = 0;   ///< 0: those of the task
  int64_t threads = 0, batch = 1;
  uint64_t seed = 0;
  fs::path save{};  ///< empty: the trained network is not kept

  std::string kept() const {
    return "; what was tried is kept in " + (share ? *share / "store" : out / kJournal).string() +
           ", and " + (share ? "the same command" : "--resume") + " goes on from there";
  }
};

/// "tpe:startup=20". Trials that a method divides by their steps have those of the others.
Method method_of(const std::string& text, int64_t steps) {
  const size_t colon = std::min(text.find(':'), text.size());
  const std::string name = text.substr(0, colon);
  OptionValues options = parse_options(text.substr(std::min(colon + 1, text.size())));
  for (const OptionInfo& known : options_of(make_method(name)))
    if (known.name == "resource" &&
        std::none_of(options.begin(), options.end(),
                     [](const auto& given) { return given.first == "resource"; }))
      options.emplace_back("resource", steps);
  return make_method(name, options);
}

/// The share of its steps that a study has made.
double done(const Study& study, int64_t steps) {
  double sum = 0;
  for (const TrialRecord& trial : study.trials()) {
    if (trial.ended())
      sum += 1;
    else if (!trial.reports.empty())
      sum += static_cast<double>(trial.reports.back().step + 1) / static_cast<double>(steps);
  }
  return sum / static_cast<double>(study.size());
}

bool has_best(const Study& study) {
  return std::any_of(study.trials().begin(), study.trials().end(), [](const TrialRecord& trial) {
    return trial.ended() && std::isfinite(trial.value);
  });
}

/// Those that a trial has made. Trainings at once report none.
int64_t steps_of(const TrialRecord& trial, int64_t steps) {
  if (!trial.reports.empty()) return trial.reports.back().step + 1;
  return std::isfinite(trial.value) ? steps : 0;
}

/// A table of all trials.
std::string csv(const Study& study, int64_t steps) {
  std::string text = "trial,state,loss,steps,seconds";
  for (const std::string& name : study.space().names()) text += "," + name;
  text += "\n";
  for (const TrialRecord& trial : study.trials()) {
    text += std::to_string(trial.number) + "," + descent::to_text(fields::value_of(trial.state)) +
            "," + digits(trial.value) + "," + std::to_string(steps_of(trial, steps)) + "," +
            number(trial.seconds);
    for (const auto& [name, value] : trial.values) {
      const std::string cell = descent::to_text(value);
      text += cell.find(',') == cell.npos ? "," + cell : ",\"" + cell + "\"";
    }
    text += "\n";
  }
  return text;
}

/// The best trials, as a table for the terminal.
void print_table(std::ostream& out, const Study& study) {
  std::vector<const TrialRecord*> trials;
  for (const TrialRecord& trial : study.trials())
    if (trial.ended() && std::isfinite(trial.value)) trials.push_back(&trial);
  const auto key = [](const TrialRecord* trial) {
    return std::pair(trial->state == TrialState::Stopped, trial->value);
  };
  std::stable_sort(trials.begin(), trials.end(),
                   [&](const auto* a, const auto* b) { return key(a) < key(b); });
  trials.resize(std::min(trials.size(), kShown));
  out << std::setw(8) << "trial" << std::setw(14) << "loss";
  for (const std::string& name : study.space().names()) out << std::setw(15) << name;
  out << '\n';
  for (const TrialRecord* trial : trials) {
    out << std::setw(8) << trial->number << std::setw(14) << number(trial->value);
    for (const auto& [name, value] : trial->values) {
      const double* const x = std::get_if<double>(&value);
      out << std::setw(15) << (x ? number(*x) : descent::to_text(value));
    }
    out << '\n';
  }
}

/// "50 in 12 s: 3 were given up, 2 failed (the first: no memory)".
std::string about_trials(const Study& study, double seconds) {
  std::string text = std::to_string(study.ended()) + " of " + std::to_string(study.size()) + ", " +
                     number(seconds) + " s";
  int64_t stopped = 0, failed = 0, infinite = 0;
  std::string first;
  for (const TrialRecord& trial : study.trials()) {
    stopped += trial.state == TrialState::Stopped;
    infinite += trial.state == TrialState::Done && !std::isfinite(trial.value);
    if (trial.state == TrialState::Failed && failed++ == 0) first = trial.error;
  }
  if (stopped > 0) text += ", " + std::to_string(stopped) + " given up";
  if (infinite > 0) text += ", " + std::to_string(infinite) + " without a finite loss";
  if (failed > 0) text += ", " + std::to_string(failed) + " failed (" + first + ")";
  return text;
}

void refuse_twice(const Task& task, const Space& space) {
  for (const auto& [name, value] : task.options())
    for (const std::string& other : space.names())
      if (name == other)
        throw std::invalid_argument("--optimizer says " + name + " = " + descent::to_text(value) +
                                    ", which --space changes: give it in one of them");
}

/// Where the study is kept. Throws where one is that nobody asked to go on with.
void prepare(const TuneJob& job, StudyOptions& options) {
  if (job.share) {
    check_output(job.out, job.force);
    options.store = job.store();
    return;
  }
  const bool there = fs::exists(job.out / kJournal);
  if (there && !job.resume && !job.force)
    throw std::invalid_argument(job.out.string() +
                                " holds a study: --resume goes on with it, --force begins anew");
  check_output(job.out, job.force || there);
  std::error_code error;
  fs::create_directories(job.out, error);
  if (!fs::is_directory(job.out))
    throw std::runtime_error(job.out.string() + " cannot be made: " + error.message());
  if (there && !job.resume) fs::remove(job.out / kJournal);
  options.journal = job.out / kJournal;
}

/// Writes the numbers and pictures of what has been tried, and returns what to open.
fs::path write_files(const Study& study, const Task& task, int64_t steps, const fs::path& out) {
  OutputFolder output(out, /*replace=*/true);
  write_atomically(output / "trials.csv", csv(study, steps));
  if (study.options().store) study.save(output / "study.json");
  const bool drawn = has_best(study);
  if (drawn)
    for (const char* const name : {"study.png", "study.svg", "study.html"})
      draw(study, output / name,
           {.title = task.about(), .caption = descent::to_text(study.options().method)});
  output.publish();
  return output.path() / (drawn ? "study.html" : "trials.csv");
}

/// By tune()'s trainings at once, which take the methods that need no reports; none: they do not
/// take this network or this optimizer. What else is wrong the usual way refuses as well.
std::optional<Study> tune_at_once(const Task& task, int64_t steps, const Space& space,
                                  const StudyOptions& options) {
  if (!std::holds_alternative<GridSearch>(options.method) &&
      !std::holds_alternative<RandomSearch>(options.method))
    return {};
  const std::unique_ptr<descent::Training> training = task.at_once(steps);
  if (!training) return {};
  StudyOptions its = options;
  its.optimizer.clear();
  try {
    return tune(space, *training, std::move(its));
  } catch (const std::invalid_argument&) {
    return {};
  }
}

/// Trains once more, with the best options, and keeps the network.
void save_best(const TuneJob& job, const Task& task, const OptionValues& best, int64_t steps) {
  const std::unique_ptr<Training> training = task.begin(best);
  Progress progress(static_cast<size_t>(steps));
  for (int64_t step = 0; step < steps; ++step) {
    stop_if_interrupted();
    training->step();
    progress.step("steps with the best options");
  }
  training->save(job.save);
}

void run(TuneJob& job, std::ostream& out) {
  if (!job.force && fs::exists(job.save))
    throw std::invalid_argument("--save = " + job.save.string() +
                                " is there already; --force replaces it");
  const std::unique_ptr<Task> task = make_task(job.task);
  const int64_t steps = job.steps > 0 ? job.steps : task->usual_steps();
  const Space space = parse_space(job.space.empty() ? task->usual_space() : job.space);
  refuse_twice(*task, space);
  StudyOptions options{.method = method_of(job.method, steps),
                       .trials = job.trials,
                       .seed = job.seed,
                       .threads = job.threads > 0 ? job.threads : at::get_num_threads(),
                       .batch = job.batch,
                       .optimizer = task->optimizer(),
                       .subject = task->identity() + ", " + std::to_string(steps) + " steps"};
  static_cast<void>(Study(space, options));  // refuses what is wrong ahead of any file
  prepare(job, options);

  const auto start = std::chrono::steady_clock::now();
  Progress progress;
  options.on_progress = [&](const Study& study) {
    progress.reach(done(study, steps),
                   has_best(study) ? "least loss " + number(study.best().value) : "");
    return !interrupted();
  };
  bool at_once = true;
  Study study = [&] {
    try {
      if (std::optional<Study> fast = tune_at_once(*task, steps, space, options))
        return std::move(*fast);
      at_once = false;
      return tune(
          space, [&](Trial& trial) { return train(*task, steps, trial, options.threads == 1); },
          options);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(error.what() + job.kept());
    }
  }();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  progress.clear();
  const fs::path open = study.ended() > 0 ? write_files(study, *task, steps, job.out) : fs::path();
  out << "task    " << task->about() << ", " << steps << " steps\n";
  if (!task->note().empty()) out << "        " << task->note() << '\n';
  if (at_once) out << "        small trainings at once, on the fused path\n";
  out << "space   " << to_text(space) << '\n'
      << "method  " << to_text(options.method) << '\n'
      << "trials  " << about_trials(study, seconds) << '\n';
  if (has_best(study)) {
    print_table(out, study);
    OptionValues best = task->options();
    best.insert(best.end(), study.best().values.begin(), study.best().values.end());
    out << "best    " << optimizer_text(task->optimizer(), best) << '\n'
        << "open " << open.string() << '\n';
    if (!job.save.empty()) {
      const auto& values = study.best().values;
      save_best(job, *task, OptionValues(values.begin(), values.end()), steps);
      out << "saved   " << job.save.string() << ", trained for " << steps << " steps\n";
    }
  }
  if (job.share)
    out << "what all programs have tried stays in " << job.share->string()
        << "; remove it when they have ended\n";
  out.flush();
  if (interrupted() && !study.finished()) throw Interrupted("interrupted" + job.kept());
  if (!has_best(study))
    throw NothingFinite("none of " + std::to_string(study.ended()) +
                        " trials has ended with a finite loss; the numbers are in " +
                        job.out.string());
}

}  // namespace

void add_tune(CLI::App& command) {
  const auto job = std::make_shared<TuneJob>();
  add_task(command, job->task);
  command.add_option("--space", job->space,
                     "what is searched for: NAME=SCALE,..., SCALE one of log:1e-5:1, range:0:0.9, "
                     "integer:1:4, log_integer:8:512, choice:true|false (default: "
                     "lr=log:1e-5:1, on a surface lr=log:1e-6:100)");
  command
      .add_option("--method", job->method,
                  alternatives(methods()) + ", with options as tpe:startup=20")
      ->capture_default_str();
  command.add_option("--trials", job->trials, "default: 50, or what the method needs")
      ->check(at_least_one);
  command
      .add_option("--steps", job->steps,
                  "of each trial, a batch each (default: 500, on a surface 100)")
      ->check(at_least_one);
  command.add_option("--seed", job->seed, "of the method")
      ->check(whole_number)
      ->capture_default_str();
  command.add_option("--threads", job->threads, "trials at once; 0: as many as LibTorch uses")
      ->check(whole_number)
      ->capture_default_str();
  command
      .add_option("--batch", job->batch,
                  "so many trials are chosen by the same earlier ones: bayes and tpe run as "
                  "many at once")
      ->capture_default_str();
  command
      .add_option("--save", job->save,
                  "file for the network, trained with the best options, of the kind of --model")
      ->excludes("--surface");
  add_keeping(command, *job, "out/tune", "make the study");
  command.callback([job] {
    catch_interrupts();
    check_keeping(*job);
    run(*job, std::cout);
  });
}

}  // namespace descent::cli
