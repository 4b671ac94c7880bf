// The time of asking for a trial, in seconds of the processor, what is left to known minima after 50 trials, and the time of a
// report; beside bench/peers/tune_optuna.py, which prints the same rows.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <time.h>
#include <unistd.h>

#include <descent/tune/tune.h>

#include "functions.h"

namespace {

/// Seconds that this thread has worked, which others on a busy machine do not change much.
double worked() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

using Clock = std::chrono::steady_clock;
double seconds(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double median(std::vector<double> list) {
  std::sort(list.begin(), list.end());
  const size_t n = list.size();
  return (list[(n - 1) / 2] + list[n / 2]) / 2;
}

/// The times of asking for the trials from `from` on, and what is left in the end.
struct Asked {
  std::vector<double> times;
  double left = 0;
};
Asked ask(const functions::Function& function, const descent::Method& method, int64_t trials,
          int64_t from, uint64_t seed) {
  descent::Study study(function.space, {.method = method, .trials = trials, .seed = seed});
  Asked asked;
  for (;;) {
    const double begin = worked();
    const auto trial = study.ask();
    if (!trial) break;
    if (*trial >= from) asked.times.push_back(worked() - begin);
    study.tell(*trial, function.value(study.trials().back().values));
  }
  asked.left = study.best().value - function.minimum;
  return asked;
}

/// Seconds a report, with a journal or without.
double report(bool journal) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("bench_tune-" + std::to_string(::getpid()) + ".jsonl");
  constexpr int64_t kTrials = 10, kSteps = 2000;
  const auto begin = Clock::now();
  descent::tune({{"x", descent::Range{0, 1}}},
                [](descent::Trial& trial) {
                  for (int64_t step = 0; step < kSteps && trial.report(step, 1.0); ++step) {
                  }
                  return 1.0;
                },
                {.trials = kTrials, .journal = journal ? path : std::filesystem::path()});
  const double each = seconds(begin) / (kTrials * kSteps);
  std::filesystem::remove(path);
  return each;
}

}  // namespace

int main() {
  const auto all = functions::all();
  for (const char* const name : {"random", "tpe", "bayes"}) {
    const descent::Method method = descent::make_method(name);
    for (const auto& function : all) {
      std::vector<double> times, left;
      for (uint64_t seed = 0; seed < 20; ++seed) {
        const Asked asked = ask(function, method, 50, 10, seed);
        times.insert(times.end(), asked.times.begin(), asked.times.end());
        left.push_back(asked.left);
      }
      std::printf("%-7s %-11s median regret after 50 trials %8.2g, asking %8.4f ms\n", name,
                  function.name.c_str(), median(left), 1e3 * median(times));
    }
  }
  for (const auto& function : all)
    std::printf("%-7s %-11s asking after 190 to 199 trials %8.2f ms\n", "bayes",
                function.name.c_str(),
                1e3 * median(ask(function, descent::Bayes{}, 200, 190, 0).times));
  std::printf("a report: %.2f us, with a journal %.2f us\n", 1e6 * report(false),
              1e6 * report(true));
}
