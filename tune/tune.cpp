#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <limits>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <descent/base/atomic_file.h>
#include <descent/base/nearest.h>
#include <descent/base/text.h>
#include <descent/tune/methods/search.h>
#include <descent/tune/threads.h>
#include <descent/tune/tune.h>

namespace descent {
namespace {

using Clock = std::chrono::steady_clock;
using search::Verdict;

constexpr auto kBetweenProgress = std::chrono::milliseconds(100);
constexpr auto kBetweenQuestions = std::chrono::milliseconds(10);  ///< to a table that is shared
constexpr const char* kStep = "step-";  // begins the name of a checkpoint
constexpr const char* kLoss = "loss.txt";

std::filesystem::path trial_folder(const StudyOptions& options, int64_t number) {
  if (options.checkpoints.empty()) return {};
  return options.checkpoints / ("trial-" + std::to_string(number));
}

std::string reason_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& thrown) {
    return thrown.what();
  } catch (...) {
    return "";
  }
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace

/// A study with the threads that run its trials.
class StudyRun {
 public:
  StudyRun(Study& study, const TrialFunction& function)
      : study_(study), function_(function), threads_(study.options().threads) {}

  void run() {
    const OneThreadEach one_thread_each;
    std::map<int64_t, std::thread> threads;
    std::unique_lock lock(mutex_);
    while (!stopping_ && !study_.finished()) {
      try {
        if (running_ < threads_) {
          forget_other_run();
          if (const std::optional<int64_t> number = study_.ask()) {
            ++running_;
            threads.emplace(*number, std::thread([this, number] { make(*number); }));
            continue;
          }
        }
        if (study_.options().on_progress && !study_.options().on_progress(study_)) stop();
      } catch (...) {
        stop(std::current_exception());
      }
      if (stopping_) break;
      if (study_.options().store) {
        if (waiting_ > 0) changed_.notify_all();  // what waits for other processes looks again
        changed_.wait_for(lock, kBetweenQuestions);
      } else {
        changed_.wait_for(lock, kBetweenProgress);
      }
      for (const int64_t number : std::exchange(ended_, {})) {
        threads.at(number).join();
        threads.erase(number);
      }
    }
    stopping_ = true;
    changed_.notify_all();
    lock.unlock();
    for (auto& [number, thread] : threads) thread.join();
    if (error_) std::rethrow_exception(error_);
    if (!stopped_ && study_.options().on_progress) study_.options().on_progress(study_);
  }

  /// `kept`: by an earlier run, which may have reported it.
  bool report(int64_t number, int64_t step, double loss, bool kept) {
    std::unique_lock lock(mutex_);
    if (stopping_) return cut(number);
    const auto& reports = study_.trials()[static_cast<size_t>(number)].reports;
    const bool known = kept && !reports.empty() && reports.back().step >= step;
    try {
      return go_on(lock, number,
                   known ? study_.verdict(number) : study_.report(number, step, loss));
    } catch (const std::runtime_error&) {  // of the journal or the table
      stop(std::current_exception());
      return cut(number);
    }
  }

  /// Ends the study by what is wrong with the folder of a trial, which does not count as failed.
  [[noreturn]] void end(int64_t number, const std::filesystem::path& folder, const char* what) {
    const std::string reason = reason_of(std::current_exception());
    const std::runtime_error error("Trial: " + folder.string() + " cannot be " + what + ": " +
                                   reason.substr(0, reason.find('\n')));
    const std::lock_guard lock(mutex_);
    cut(number);
    stop(std::make_exception_ptr(error));
    throw error;
  }

 private:
  /// What is kept of a trial that has not begun is that of a run whose journal is not there.
  void forget_other_run() const {
    const auto next = static_cast<int64_t>(study_.trials().size());
    const auto folder = trial_folder(study_.options(), next);
    if (!folder.empty()) std::filesystem::remove_all(folder);
  }

  bool go_on(std::unique_lock<std::mutex>& lock, int64_t number, Verdict verdict) {
    if (waiting_ > 0) changed_.notify_all();
    if (verdict == Verdict::Wait) {
      --running_;
      ++waiting_;
      changed_.notify_all();
      changed_.wait(lock, [&] {
        if (stopping_) return true;
        if (verdict == Verdict::Wait) verdict = study_.verdict(number);
        return verdict != Verdict::Wait && running_ < threads_;
      });
      --waiting_;
      ++running_;
      if (stopping_) return cut(number);
    }
    return verdict == Verdict::GoOn;
  }

  /// The whole life of a thread.
  void make(int64_t number) {
    OneThreadEach::here();
    std::unique_lock lock(mutex_);
    Trial trial(*this, study_.trials()[static_cast<size_t>(number)], study_.options());
    lock.unlock();
    const auto begin = Clock::now();
    double value = 0;
    std::string error;
    bool failed = false;
    try {
      value = function_(trial);
    } catch (...) {
      failed = true;
      error = reason_of(std::current_exception());
    }
    lock.lock();
    try {
      if (std::find(cut_.begin(), cut_.end(), number) == cut_.end()) {
        if (failed)
          study_.fail(number, error, seconds_since(begin));
        else
          study_.tell(number, value, seconds_since(begin));
      }
    } catch (...) {
      stop(std::current_exception());
    }
    --running_;
    ended_.push_back(number);
    changed_.notify_all();
  }

  /// A trial is told to end because the study does.
  bool cut(int64_t number) {
    cut_.push_back(number);
    return false;
  }

  void stop(std::exception_ptr error = nullptr) {
    stopping_ = stopped_ = true;
    if (!error_) error_ = std::move(error);
    changed_.notify_all();
  }

  Study& study_;
  const TrialFunction& function_;
  const int64_t threads_;

  std::mutex mutex_;  ///< of all below, and of the study
  std::condition_variable changed_;
  int64_t running_ = 0, waiting_ = 0;  ///< trials that run, and trials that wait for others
  bool stopping_ = false;
  bool stopped_ = false;  ///< ahead of the last trial
  std::exception_ptr error_;
  std::vector<int64_t> ended_, cut_;
};

Trial::Trial(StudyRun& run, const TrialRecord& record, const StudyOptions& options)
    : run_(run),
      number_(record.number),
      options_(record.values),
      seed_(search::random_numbers(options.seed, ~record.number)()),
      folder_(trial_folder(options, record.number)) {}

const OptionValue& Trial::value(std::string_view name) const {
  std::vector<std::string> names;
  for (const auto& [known, value] : options_) {
    if (known == name) return value;
    names.push_back(known);
  }
  throw std::invalid_argument("Trial: has no parameter " + std::string(name) +
                              did_you_mean(name, names));
}

double Trial::number(std::string_view name) const {
  const OptionValue& found = value(name);
  if (const double* x = std::get_if<double>(&found)) return *x;
  throw std::invalid_argument("Trial: " + std::string(name) + " = " + to_text(found) +
                              " is no number; use value()");
}

bool Trial::report(int64_t step, double loss) {
  last_loss_ = loss;
  return run_.report(number_, step, loss, false);
}

void Trial::keep(int64_t step, double loss,
                 const std::function<void(const std::filesystem::path& folder)>& save) {
  namespace fs = std::filesystem;
  if (folder_.empty())
    throw std::invalid_argument(
        "Trial: keep() needs a folder, which StudyOptions::checkpoints must name");
  const fs::path making = folder_ / "making", kept = folder_ / (kStep + std::to_string(step));
  try {
    fs::remove_all(making);
    fs::create_directories(making);
    save(making);
    write_atomically(making / kLoss, digits(loss) + "\n");
    fs::remove_all(kept);
    fs::rename(making, kept);
    for (const auto& entry : fs::directory_iterator(folder_))
      if (entry.path() != kept) fs::remove_all(entry.path());
  } catch (...) {
    run_.end(number_, kept, "written");
  }
  last_loss_ = loss;
}

int64_t Trial::restore(const std::function<void(const std::filesystem::path& folder)>& load) {
  namespace fs = std::filesystem;
  std::error_code none;
  int64_t newest = -1;
  for (const auto& entry : fs::directory_iterator(folder_, none)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kStep)) newest = std::max<int64_t>(newest, std::stoll(name.substr(5)));
  }
  if (newest < 0) return 0;
  const fs::path kept = folder_ / (kStep + std::to_string(newest));
  try {
    last_loss_ = std::get<double>(value_from_text(read_file(kept / kLoss)));
    load(kept);
  } catch (...) {
    run_.end(number_, kept, "read");
  }
  return run_.report(number_, newest, last_loss_, true) ? newest + 1
                                                        : std::numeric_limits<int64_t>::max();
}

Study tune(Space space, const TrialFunction& trial, StudyOptions options) {
  if (!trial) throw std::invalid_argument("tune: no function is given, which makes a trial");
  Study study(std::move(space), std::move(options));
  StudyRun(study, trial).run();
  return study;
}

}  // namespace descent
