#include <filesystem>
#include <fstream>
#include <ostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <descent/base/atomic_file.h>

#include "../full_disk.h"

namespace descent {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

class AtomicFile : public testing::Test {
 protected:
  AtomicFile() {
    std::string name = fs::temp_directory_path() / "descent-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    folder = name;
  }
  ~AtomicFile() override { fs::remove_all(folder); }

  /// How many files lie in the folder: a temporary file that was left behind would count.
  auto files() const { return std::distance(fs::directory_iterator(folder), {}); }

  fs::path folder;
};

TEST_F(AtomicFile, ReadsBackEveryByteThatWasWritten) {
  std::string bytes;
  for (int i = 0; i < 70000; ++i) bytes.push_back(static_cast<char>(i * 31 % 256));
  write_atomically(folder / "all", bytes);
  EXPECT_EQ(read_file(folder / "all"), bytes);
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFile, WritesAndReadsAnEmptyFile) {
  write_atomically(folder / "empty", "");
  EXPECT_EQ(read_file(folder / "empty"), "");
}

TEST_F(AtomicFile, ReplacesAFile) {
  write_atomically(folder / "file", "a long first version");
  write_atomically(folder / "file", "short");
  EXPECT_EQ(read_file(folder / "file"), "short");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFile, IsReadableByEveryone) {
  const mode_t before = ::umask(022);
  write_atomically(folder / "file", "text");
  ::umask(before);
  EXPECT_EQ(fs::status(folder / "file").permissions(), fs::perms{0644});
}

TEST_F(AtomicFile, IsPrivateWhereNewFilesAre) {
  const mode_t before = ::umask(077);
  write_atomically(folder / "file", "text");
  ::umask(before);
  EXPECT_EQ(fs::status(folder / "file").permissions(), fs::perms{0600});
}

TEST_F(AtomicFile, KeepsThePermissionsOfTheFileThatItReplaces) {
  write_atomically(folder / "file", "old");
  fs::permissions(folder / "file", fs::perms{0640});
  write_atomically(folder / "file", "new");
  EXPECT_EQ(fs::status(folder / "file").permissions(), fs::perms{0640});
}

TEST_F(AtomicFile, IsWrittenIntoAFolderThatCannotBeRead) {
  fs::permissions(folder, fs::perms{0300});
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;  // for root no folder is unreadable
    if (::geteuid() == 0 && (::chown(folder.c_str(), kNobody, kNobody) != 0 || ::setuid(kNobody)))
      ::_exit(2);
    try {
      write_atomically(folder / "file", "text");
      ::_exit(0);
    } catch (const std::exception&) {
      ::_exit(1);
    }
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  fs::permissions(folder, fs::perms{0700});
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read_file(folder / "file"), "text");
}

TEST_F(AtomicFile, TakesAwayWhatAKilledProcessHasLeft) {
  const fs::path file = folder / "file";
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    write_atomically(file, [&](std::ostream&) {
      write_atomically(file, [](std::ostream& out) {
        out << "half" << std::flush;
        ::kill(::getpid(), SIGKILL);
      });
    });
    ::_exit(1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(fs::exists(file.string() + ".tmp-1"));
  EXPECT_EQ(files(), 2);
  write_atomically(file, "text");
  EXPECT_EQ(read_file(file), "text");
  write_atomically(file, [&](std::ostream& out) {
    write_atomically(file, "others");
    out << "text";
  });
  EXPECT_EQ(read_file(file), "text");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFile, LeavesFilesAloneThatOthersAreWriting) {
  const fs::path file = folder / "file";
  write_atomically(file, [&](std::ostream& outer) {
    outer << "outer" << std::flush;
    write_atomically(file, [&](std::ostream& inner) {
      inner << "inner" << std::flush;
      EXPECT_EQ(files(), 2);
      write_atomically(file, "innermost");
      EXPECT_EQ(files(), 3);
      EXPECT_EQ(read_file(file), "innermost");
    });
    EXPECT_EQ(read_file(file), "inner");
    EXPECT_EQ(files(), 2);
  });
  EXPECT_EQ(read_file(file), "outer");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFile, IsWrittenByManyAtOnce) {
  const fs::path file = folder / "file";
  std::vector<std::thread> writers;
  for (int k = 0; k < 8; ++k) {
    writers.emplace_back([&file, k] {
      const std::string own(1000, static_cast<char>('a' + k));
      for (int i = 0; i < 50; ++i) write_atomically(file, own);
    });
  }
  for (std::thread& writer : writers) writer.join();
  const std::string left = read_file(file);
  EXPECT_EQ(left, std::string(1000, left.at(0)));
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFile, WritesIntoTheCurrentFolderWithoutNamingIt) {
  const auto before = fs::current_path();
  fs::current_path(folder);
  write_atomically("here", "text");
  fs::current_path(before);
  EXPECT_EQ(read_file(folder / "here"), "text");
}

TEST_F(AtomicFile, KeepsTheOldFileWhenTheWriterThrows) {
  write_atomically(folder / "file", "old");
  EXPECT_THAT(([&] {
                write_atomically(folder / "file", [](std::ostream& out) {
                  out << "half of the ne";
                  throw std::logic_error("no more");
                });
              }),
              ThrowsMessage<std::logic_error>("no more"));
  EXPECT_EQ(read_file(folder / "file"), "old");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFile, KeepsTheOldFileWhenTheStreamFails) {
  write_atomically(folder / "file", "old");
  EXPECT_THAT(([&] {
                write_atomically(folder / "file",
                                 [](std::ostream& out) { out.setstate(std::ios::badbit); });
              }),
              ThrowsMessage<std::runtime_error>(
                  AllOf(HasSubstr((folder / "file").string()), HasSubstr("cannot write"))));
  EXPECT_EQ(read_file(folder / "file"), "old");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFile, KeepsTheOldFileWhenThereIsNoMoreRoom) {
  write_atomically(folder / "file", "old");
  {
    const FullDisk full(4096);
    EXPECT_THAT(([&] { write_atomically(folder / "file", std::string(100000, 'x')); }),
                ThrowsMessage<std::runtime_error>(HasSubstr((folder / "file").string())));
  }
  EXPECT_EQ(read_file(folder / "file"), "old");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFile, NamesAFolderThatDoesNotExist) {
  const auto path = folder / "missing" / "file";
  EXPECT_THAT([&] { write_atomically(path, "text"); },
              ThrowsMessage<std::runtime_error>(
                  AllOf(HasSubstr(path.string()), HasSubstr("No such file or directory"))));
}

TEST_F(AtomicFile, RefusesToReplaceAFolder) {
  fs::create_directory(folder / "inner");
  EXPECT_THAT([&] { write_atomically(folder / "inner", "text"); },
              ThrowsMessage<std::runtime_error>(HasSubstr((folder / "inner").string())));
  EXPECT_TRUE(fs::is_directory(folder / "inner"));
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFile, NamesAFileThatCannotBeRead) {
  EXPECT_THAT([&] { read_file(folder / "missing"); },
              ThrowsMessage<std::runtime_error>(AllOf(HasSubstr((folder / "missing").string()),
                                                      HasSubstr("No such file or directory"))));
  EXPECT_THAT([&] { read_file(folder); },
              ThrowsMessage<std::runtime_error>(HasSubstr(folder.string())));
}

}  // namespace
}  // namespace descent
