#include <cerrno>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <descent/base/atomic_file.h>

namespace descent {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what, int error) {
  throw std::runtime_error(path.string() + ": " + what + ": " +
                           std::generic_category().message(error));
}

/// Makes the content of a file, or the names in a folder, survive a power cut. Returns 0 or errno.
int sync(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return errno;
  const int error = ::fsync(file) == 0 ? 0 : errno;
  ::close(file);
  return error == EINVAL ? 0 : error;  // EINVAL: nothing that can be synced, such as a pipe
}

bool is_same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// A file beside `path` with a name of its own, which is locked as long as it is written. Names
/// have small numbers: one that a killed process has left is not locked, and is taken away by the
/// next who writes the same path; the numbers of others who write it now are passed over.
class Temporary {
 public:
  explicit Temporary(const std::filesystem::path& path) {
    for (int number = 0; file_ < 0;) {
      name_ = path.string() + ".tmp-" + std::to_string(number);
      file_ = ::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (file_ >= 0) {
        keep_if_locked();
      } else if (errno != EEXIST) {
        fail(path, "cannot write", errno);
      } else if (!taken_away()) {
        ++number;
      }
    }
    struct stat there {};
    if (::stat(path.c_str(), &there) == 0) ::fchmod(file_, there.st_mode & 0777);
  }
  ~Temporary() {
    if (!renamed_) ::unlink(name_.c_str());
    ::close(file_);
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  const std::string& name() const { return name_; }
  void rename_to(const std::filesystem::path& path) {
    if (::rename(name_.c_str(), path.c_str()) != 0) fail(path, "cannot rename", errno);
    renamed_ = true;
  }

 private:
  /// A new file, unless somebody took it for a leftover before it was locked. Where files cannot be
  /// locked nobody takes any away.
  void keep_if_locked() {
    struct stat own {};
    const bool lost = ::flock(file_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (!lost && ::fstat(file_, &own) == 0 && own.st_nlink > 0) return;
    ::close(file_);
    file_ = -1;
  }

  /// Removes the file of that name if nobody writes it. False if somebody may.
  bool taken_away() const {
    const int left = ::open(name_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (left < 0) return errno == ENOENT;
    struct stat opened {
    }, named{};
    bool gone = ::flock(left, LOCK_EX | LOCK_NB) == 0 && ::fstat(left, &opened) == 0;
    if (gone && ::lstat(name_.c_str(), &named) == 0 && is_same_file(opened, named))
      gone = ::unlink(name_.c_str()) == 0;
    ::close(left);
    return gone;
  }

  std::string name_;
  int file_ = -1;
  bool renamed_ = false;
};

using Write = std::function<void(std::ostream&)>;

void fill(const Temporary& temporary, const std::filesystem::path& path, const Write& write) {
  errno = 0;
  std::ofstream out(temporary.name(), std::ios::binary | std::ios::trunc);
  write(out);
  out.close();
  if (!out) fail(path, "cannot write", errno ? errno : EIO);
}

Write writer_of(std::string_view bytes) {
  return [bytes](std::ostream& out) {
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  };
}

}  // namespace

void write_atomically(const std::filesystem::path& path,
                      const std::function<void(std::ostream&)>& write) {
  Temporary temporary(path);
  fill(temporary, path, write);
  if (const int error = sync(temporary.name())) fail(path, "cannot sync", error);
  temporary.rename_to(path);
  // The new content is in place from here on, so a folder that cannot be synced (it may not be
  // readable, for one) is no failure.
  const auto folder = path.parent_path();
  sync(folder.empty() ? "." : folder);
}

void write_atomically(const std::filesystem::path& path, std::string_view bytes) {
  write_atomically(path, writer_of(bytes));
}

void write_unsynced(const std::filesystem::path& path, std::string_view bytes) {
  Temporary temporary(path);
  fill(temporary, path, writer_of(bytes));
  temporary.rename_to(path);
}

std::string read_file(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) fail(path, "cannot read", errno ? errno : EIO);
  std::ostringstream bytes;
  if (in.peek() != std::ifstream::traits_type::eof()) bytes << in.rdbuf();
  if (in.bad() || !bytes) fail(path, "cannot read", errno ? errno : EIO);
  return std::move(bytes).str();
}

}  // namespace descent
