#pragma once
// Studies whose process is killed again and again, and what they have in the end.
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <descent/tune/tune.h>

namespace killed {

/// Called by a trial wherever its process may be killed.
using Event = std::function<void()>;
using Make = std::function<double(descent::Trial& trial, const Event& event)>;

inline std::vector<double> values(const descent::Study& study) {
  std::vector<double> list;
  for (const auto& record : study.trials()) {
    list.insert(list.end(), record.point.begin(), record.point.end());
    list.push_back(record.value);
    list.push_back(static_cast<double>(record.state));
    for (const auto& report : record.reports) {
      list.push_back(static_cast<double>(report.step));
      list.push_back(report.value);
    }
  }
  return list;
}

/// What became of a process of its own. All studies run in such, also those that are not killed,
/// because a process that has had threads must not fork.
inline int status_of(const std::function<bool()>& work) {
  const pid_t child = ::fork();
  if (child == 0) std::_Exit(work() ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

/// A study goes on after each kill and has the trials of one that was not killed.
inline void expect_the_same_trials(const descent::Space& space,
                                   const descent::StudyOptions& options, const Make& make) {
  const auto begin_anew = [](const descent::StudyOptions& study) {
    std::filesystem::remove(study.journal);
    std::filesystem::remove_all(study.checkpoints);
  };
  begin_anew(options);
  int kills = 0;
  for (int64_t events = 5;; events += 6) {  // in the run that is killed
    ASSERT_LT(kills, 200);
    const int status = status_of([&] {
      std::atomic<int64_t> left{events};
      const Event event = [&left] {
        if (--left < 0) ::kill(::getpid(), SIGKILL);
      };
      tune(
          space, [&](descent::Trial& trial) { return make(trial, event); }, options);
      return true;
    });
    if (WIFEXITED(status)) {
      ASSERT_EQ(WEXITSTATUS(status), 0);
      break;
    }
    ASSERT_EQ(WTERMSIG(status), SIGKILL);
    ++kills;
  }
  EXPECT_GE(kills, 2);
  const int status = status_of([&] {
    descent::StudyOptions plain = options;
    plain.journal.clear();
    if (!plain.checkpoints.empty()) plain.checkpoints += "_plain";
    plain.threads = 1;
    begin_anew(plain);
    const auto trial = [&](descent::Trial& t) { return make(t, [] {}); };
    const bool same =
        values(tune(space, trial, plain)) == values(descent::load_study(options.journal));
    begin_anew(plain);
    return same;
  });
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
      << to_text(options.method) << " on " << options.threads << " threads";
  begin_anew(options);
}

}  // namespace killed
