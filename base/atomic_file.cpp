#include <atomic>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
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

/// Makes an empty file beside `path`, with the permissions that `path` has, or those that the
/// process gives to new files (umask), and returns its name.
std::string temporary_beside(const std::filesystem::path& path) {
  static std::atomic<unsigned> made = 0;
  const std::string start = path.string() + ".tmp-" + std::to_string(::getpid()) + "-";
  while (true) {
    std::string name = start + std::to_string(made++);
    const int file = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0 && errno == EEXIST) continue;  // left by a process of that number that was killed
    if (file < 0) fail(path, "cannot write", errno);
    struct stat there {};
    if (::stat(path.c_str(), &there) == 0) ::fchmod(file, there.st_mode & 0777);
    ::close(file);
    return name;
  }
}

}  // namespace

void write_atomically(const std::filesystem::path& path,
                      const std::function<void(std::ostream&)>& write) {
  const std::string temporary = temporary_beside(path);
  try {
    errno = 0;
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    write(out);
    out.close();
    if (!out) fail(path, "cannot write", errno ? errno : EIO);
    if (const int error = sync(temporary)) fail(path, "cannot sync", error);
    if (::rename(temporary.c_str(), path.c_str()) != 0) fail(path, "cannot rename", errno);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  // The new content is in place from here on, so a folder that cannot be synced (it may not be
  // readable, for one) is no failure.
  const auto folder = path.parent_path();
  sync(folder.empty() ? "." : folder);
}

void write_atomically(const std::filesystem::path& path, std::string_view bytes) {
  write_atomically(path, [&](std::ostream& out) {
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  });
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
