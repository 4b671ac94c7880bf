// The table in a folder, and work that is shared by processes of which some die and others come late.
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <descent/base/atomic_file.h>
#include <descent/sharing.h>
#include <descent/sharing/pieces.h>

#include "../processes.h"

namespace sharing_test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using descent::WorldError;
using processes::Arguments;
using processes::Ended;
using processes::Folder;
using processes::Role;
using processes::Running;
using processes::say;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// shares FOLDER COUNT [piece at which it dies]
const Role shares("shares", [](const Arguments& arguments) {
  const fs::path folder = arguments.at(0);
  const int64_t dies_at = arguments.size() > 2 ? std::stoll(arguments.at(2)) : -1;
  int64_t mine = 0;
  descent::share(
      descent::folder_store(folder), "pieces", std::stoll(arguments.at(1)), [&](int64_t i) {
        if (mine++ == dies_at) ::kill(::getpid(), SIGKILL);
        descent::write_atomically(folder / ("piece-" + std::to_string(i)), std::to_string(i * i));
      });
  say("complete");
});

TEST(Share, IsCompleteThoughProcessesDieAndComeLate) {
  const Folder folder;
  const int64_t count = 600;
  const Arguments all{folder / "job", std::to_string(count)};
  Arguments dies = all;
  dies.push_back("20");
  Running running;
  for (const Arguments& arguments : {all, dies, all, dies}) running.start("shares", arguments, {});
  for (const size_t process : {1, 3}) EXPECT_EQ(running.end(process).signal, SIGKILL);
  running.start("shares", all, {});
  for (const size_t process : {0, 2, 4}) {
    const Ended ended = running.end(process);
    EXPECT_EQ(ended.code, 0);
    EXPECT_EQ(ended.said, "complete\n");
  }
  for (int64_t i = 0; i < count; ++i)
    EXPECT_EQ(descent::read_file(folder / ("job/piece-" + std::to_string(i))),
              std::to_string(i * i));
}

TEST(Share, DoesEachPieceOnceWhereNobodyDies) {
  descent::Store store;
  std::vector<int> times(500);
  descent::share(store, "a", 500, [&](int64_t i) { ++times[i]; });
  EXPECT_THAT(times, testing::Each(1));
  descent::share(store, "a", 500, [&](int64_t i) { ++times[i]; });  // again: nothing is left
  EXPECT_THAT(times, testing::Each(1));
  descent::share(store, "b", 0, [&](int64_t) { FAIL(); });
  // Another process has begun a piece and died.
  store.add("c/next", 1);
  std::vector<int64_t> done;
  descent::share(store, "c", 3, [&](int64_t i) { done.push_back(i); });
  EXPECT_THAT(done, testing::ElementsAre(1, 2, 0));
}

TEST(FolderStore, IsOneTableForAll) {
  const Folder folder;
  auto one = descent::folder_store(folder / "job"), other = descent::folder_store(folder / "job");
  EXPECT_FALSE(other.has("a"));
  one.set("a", std::string("\0 and more", 10));
  EXPECT_EQ(other.get("a"), std::string("\0 and more", 10));
  other.set("a", "");
  EXPECT_EQ(one.get("a"), "");
  EXPECT_EQ(one.add("n", 3), 3);
  EXPECT_EQ(other.add("n", -5), -2);
  EXPECT_EQ(one.get("n"), "-2");
  EXPECT_EQ(one.set_once("once", "mine"), "mine");
  EXPECT_EQ(other.set_once("once", "theirs"), "mine");
  EXPECT_EQ(other.get("once"), "mine");
  EXPECT_THAT([&] { one.set_once("nothing", ""); },
              ThrowsMessage<WorldError>(HasSubstr("set_once \"nothing\": the value is empty")));
  one.set_all({"x", "y"}, "both");
  EXPECT_TRUE(other.has_all({"x", "y"}));
  EXPECT_FALSE(other.has_all({"x", "y", "z"}));
  EXPECT_THAT([&] { other.add("x", 1); }, ThrowsMessage<WorldError>(HasSubstr("set to \"both\"")));
  auto part = other.part("of"), part_of_part = part.part("b");
  part_of_part.set("c", "deep");
  EXPECT_EQ(one.get("of/b/c"), "deep");
  EXPECT_THAT([&] { one.wait({"never"}, 10ms); },
              ThrowsMessage<WorldError>(HasSubstr("nobody has set \"never\" within 10 ms")));
  std::thread later([&] {
    std::this_thread::sleep_for(20ms);
    other.set("late", "here");
  });
  EXPECT_EQ(one.get("late"), "here");
  later.join();
  EXPECT_EQ(descent::folder_store(folder / "job").get("of/b/c"), "deep");
}

/// adds FOLDER NUMBER TIMES
const Role adds("adds", [](const Arguments& arguments) {
  auto store = descent::folder_store(arguments.at(0));
  for (int i = 0; i < std::stoi(arguments.at(2)); ++i) store.add(arguments.at(1), 1);
});

TEST(FolderStore, LosesNoChangeWhoeverIsKilled) {
  const Folder folder;
  Running running;
  for (int i = 0; i < 3; ++i) running.start("adds", {folder / "job", "sum", "5000"}, {});
  const size_t killed = running.start("adds", {folder / "job", "other", "1000000000"}, {});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(running.end(i).code, 0);
  auto store = descent::folder_store(folder / "job");
  const int64_t before = store.add("other", 0);
  running.signal(killed, SIGKILL);
  running.end(killed);
  EXPECT_EQ(store.add("sum", 0), 15000);
  EXPECT_GT(before, 0);
  EXPECT_GE(store.add("other", 0), before);
}

TEST(FolderStore, CutsOffWhatAKilledProcessHasHalfWritten) {
  const Folder folder;
  const fs::path file = folder / "job/store";
  descent::folder_store(folder / "job").set("whole", "1");
  const auto whole = fs::file_size(file);
  descent::folder_store(folder / "job").set("half", "2");
  const auto all = fs::file_size(file);
  for (auto size = whole + 1; size < all; ++size) {
    fs::resize_file(file, size);
    auto store = descent::folder_store(folder / "job");
    EXPECT_TRUE(store.has("whole"));
    EXPECT_FALSE(store.has("half"));
  }
  auto store = descent::folder_store(folder / "job");
  store.set("next", "3");
  EXPECT_TRUE(descent::folder_store(folder / "job").has_all({"whole", "next"}));
  // One who has read further than the file is long now.
  fs::resize_file(file, whole);
  EXPECT_TRUE(store.has("whole"));
  EXPECT_FALSE(store.has("next"));
  for (uintmax_t size = 0; size < 16; ++size) {
    fs::resize_file(file, size);
    EXPECT_FALSE(descent::folder_store(folder / "job").has("whole"));
    descent::folder_store(folder / "job").set("anew", "4");
    EXPECT_TRUE(descent::folder_store(folder / "job").has("anew"));
  }
}

TEST(FolderStore, IsRefusedWhereItCannotBe) {
  const Folder folder;
  std::ofstream(folder / "file") << "a file";
  EXPECT_THAT(
      [&] { descent::folder_store(folder / "file"); },
      ThrowsMessage<WorldError>(HasSubstr("folder_store: " + (folder / "file/store").string())));
  fs::create_directory(folder / "other");
  std::ofstream(folder / "other/store") << "something that is longer than the first line";
  EXPECT_THAT([&] { descent::folder_store(folder / "other"); },
              ThrowsMessage<WorldError>(HasSubstr("other/store: it is no store")));
  auto store = descent::folder_store(folder / "job");
  fs::remove_all(folder / "job");
  EXPECT_THAT([&] { store.has("a"); },
              ThrowsMessage<WorldError>(HasSubstr("it was removed while it was in use")));
}

/// A process whose file systems have no locks, as far as the system tells it.
const Role without_locks("without locks", [](const Arguments& arguments) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_flock, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOLCK),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{sizeof filter / sizeof filter[0], filter};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    say("this system filters no calls");
    return;
  }
  descent::folder_store(arguments.at(0));
});

TEST(FolderStore, IsRefusedWhereThereAreNoLocks) {
  const Folder folder;
  Running running;
  const Ended ended = running.end(running.start("without locks", {folder / "job"}, {}));
  if (ended.code == 0) GTEST_SKIP() << ended.said;
  EXPECT_THAT(ended.said,
              AllOf(HasSubstr((folder / "job/store").string()),
                    HasSubstr("the file system gives no locks, without which processes cannot")));
}

TEST(Pieces, AreSharedByThreadsWhichDoNoneTwice) {
  descent::Store store;
  descent::sharing::Pieces pieces(store, "a", 40);
  std::vector<std::atomic<int>> times(40);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      descent::sharing::do_pieces(
          pieces,
          [&](int64_t i) {
            ++times[i];
            // Long enough for the others to have nothing to do at the end.
            std::this_thread::sleep_for(i == 39 ? 300ms : 1ms);
          },
          [] { std::this_thread::sleep_for(1ms); });
    });
  for (std::thread& thread : threads) thread.join();
  for (const auto& count : times) EXPECT_EQ(count, 1);
  EXPECT_TRUE(pieces.are_done());
  EXPECT_EQ(pieces.part_done(), 1);
}

TEST(Pieces, TellHowFarAllAre) {
  descent::Store store;
  descent::sharing::Pieces one(store, "a", 4), other(store, "a", 4);
  EXPECT_EQ(one.part_done(), 0);
  one.finish(*one.take());
  std::this_thread::sleep_for(2ms);
  const auto piece = other.take();
  other.finish(*piece);
  EXPECT_EQ(*piece, 1);
  EXPECT_EQ(other.part_done(), 0.5);
  EXPECT_FALSE(other.are_done());
}

}  // namespace
}  // namespace sharing_test
