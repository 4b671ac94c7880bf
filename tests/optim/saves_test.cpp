// A save that does not come to its end loses nothing but itself, whatever stops it: the end of the
// program, a full disk, or a folder that cannot be written.
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>

#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <descent/base/atomic_file.h>
#include <descent/optim/files/checkpoint.h>
#include <descent/optim/files/python.h>
#include <descent/optim/optimizer/drop_in.h>
#include <descent/optim/sgd.h>

#include "../full_disk.h"

namespace {

namespace fs = std::filesystem;
using descent::SGD;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// A momentum of many numbers, all of them equal, so that half a file would be seen.
struct Training {
  at::Tensor p = at::full({20000}, 1.0, at::kFloat).requires_grad_();
  SGD optimizer{{p}, {.lr = 0, .momentum = 0.999}};

  void step() {
    p.mutable_grad() = at::full({20000}, 1.0, at::kFloat);
    optimizer.step();
  }
  /// What all numbers of the momentum are; NaN if they differ.
  float momentum() const {
    const auto* const state = optimizer.state_of(p);
    if (state == nullptr) return 0;
    const at::Tensor& buffer = state->buffer(0);
    const auto* const numbers = buffer.const_data_ptr<float>();
    for (int64_t i = 1; i < buffer.numel(); ++i)
      if (numbers[i] != numbers[0]) return std::nanf("");
    return numbers[0];
  }
};

/// How many saves are killed: DESCENT_KILLS, or a few.
int kills() {
  const char* const number = std::getenv("DESCENT_KILLS");
  return number != nullptr ? std::atoi(number) : 10;
}

class Saves : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "descent-saves-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Saves a training over an older checkpoint, both ways; each has to be refused with a sentence
  /// that names the file and says `why`, and the older file to stay as it is, with nothing beside it.
  void expect_refused(const std::string& why) {
    Training training;
    training.step();
    const auto expect = [&](const fs::path& path, const std::function<void()>& save) {
      const std::string before = descent::read_file(path);
      EXPECT_THAT(
          save, ThrowsMessage<std::runtime_error>(AllOf(HasSubstr(path.string()), HasSubstr(why))));
      EXPECT_EQ(descent::read_file(path), before);
      EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 2);
    };
    expect(ours(), [&] { descent::save(training.optimizer, ours()); });
    expect(python(), [&] { descent::save_python(training.optimizer, python()); });
  }
  /// Checkpoints of a training that has just begun.
  void save_older() const {
    Training begun;
    descent::save(begun.optimizer, ours());
    descent::save_python(begun.optimizer, python());
  }
  fs::path ours() const { return folder_ / "ours.pt"; }
  fs::path python() const { return folder_ / "python.pt"; }

  fs::path folder_;
};

TEST_F(Saves, LeaveTheOlderFileOrTheNewOneWhereTheProgramIsKilled) {
  float before = 0;
  {
    Training first;
    first.step();
    descent::save(first.optimizer, ours());
    before = first.momentum();
  }
  std::mt19937 random(3);
  for (int kill = 0; kill < kills(); ++kill) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    if (child == 0) {  // goes on training and saves after each step, without end
      Training training;
      descent::load(training.optimizer, ours());
      for (bool first = true;; first = false) {
        training.step();
        descent::save(training.optimizer, ours());
        if (first && ::write(pipe[1], "", 1) != 1) std::abort();
      }
    }
    ASSERT_GT(child, 0);
    char byte = 0;
    ASSERT_EQ(::read(pipe[0], &byte, 1), 1);  // it has saved once
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 10000));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;

    Training now;
    ASSERT_NO_THROW(descent::load(now.optimizer, ours())) << "after kill " << kill;
    // The momentum grows by each step: 1, 1.999, 2.997, ...
    EXPECT_GT(now.momentum(), before) << "after kill " << kill;
    before = now.momentum();
    ::close(pipe[0]);
    ::close(pipe[1]);
  }
}

TEST_F(Saves, LeaveTheOlderFileOnAFullDisk) {
  save_older();
  const FullDisk full(20000);
  expect_refused("cannot write");
}

/// While it lives, root is a user who may not write everywhere.
struct Unprivileged {
  const bool root = ::geteuid() == 0;
  Unprivileged() {
    if (root) {
      EXPECT_EQ(::seteuid(65534), 0);
    }
  }
  ~Unprivileged() {
    if (root) {
      EXPECT_EQ(::seteuid(0), 0);
    }
  }
};

TEST_F(Saves, LeaveTheOlderFileInAFolderThatCannotBeWritten) {
  save_older();
  using fs::perms;
  const perms read = perms::owner_read | perms::group_read | perms::others_read;
  const perms look = perms::owner_exec | perms::group_exec | perms::others_exec;
  for (const fs::path& file : {ours(), python()}) fs::permissions(file, read);
  fs::permissions(folder_, read | look);
  {
    const Unprivileged user;
    expect_refused("Permission denied");
  }
  fs::permissions(folder_, perms::owner_all);
}

}  // namespace
