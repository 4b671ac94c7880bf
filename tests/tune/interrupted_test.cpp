// Studies whose process is killed.
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "functions.h"

namespace {

std::vector<double> values(const descent::Study& study) {
  std::vector<double> list;
  for (const auto& record : study.trials()) {
    list.insert(list.end(), record.point.begin(), record.point.end());
    list.push_back(record.value);
    list.push_back(static_cast<double>(record.reports.size()));
  }
  return list;
}

TEST(AStudyWhoseProcessIsKilled, GoesOnWithTheSameTrials) {
  const auto journal = std::filesystem::path(testing::TempDir()) / "killed.jsonl";
  const descent::Space space = functions::all()[0].space;
  std::vector<descent::StudyOptions> studies;
  for (const int64_t threads : {1, 2}) {
    studies.push_back({.method = descent::Tpe{},
                       .trials = 30,
                       .threads = threads,
                       .batch = 2,
                       .journal = journal});
    studies.push_back(
        {.method = descent::Halving{.resource = 9}, .threads = threads, .journal = journal});
  }
  for (const auto& options : studies) {
    std::filesystem::remove(journal);
    int kills = 0;
    for (int64_t trials = 3;; trials += 2) {  // of the run that is killed
      ASSERT_LT(kills, 200);
      const pid_t child = ::fork();
      if (child == 0) {
        std::atomic<int64_t> left{trials};
        tune(
            space,
            [&](descent::Trial& trial) {
              if (--left < 0) ::kill(::getpid(), SIGKILL);
              return functions::falling(trial);
            },
            options);
        std::_Exit(0);
      }
      int status = 0;
      ::waitpid(child, &status, 0);
      if (WIFEXITED(status)) {
        ASSERT_EQ(WEXITSTATUS(status), 0);
        break;
      }
      ASSERT_EQ(WTERMSIG(status), SIGKILL);
      ++kills;
    }
    EXPECT_GT(kills, 0);
    const pid_t child = ::fork();  // the reference runs in threads, too
    if (child == 0) {
      descent::StudyOptions plain = options;
      plain.journal.clear();
      plain.threads = 1;
      const bool same =
          values(tune(space, functions::falling, plain)) == values(descent::load_study(journal));
      std::_Exit(same ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << to_text(options.method);
  }
  std::filesystem::remove(journal);
}

}  // namespace
