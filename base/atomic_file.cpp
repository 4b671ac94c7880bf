#include <cerrno>
#include <cstdlib>
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

/// Makes what was written to `path` (a file or a folder) survive a power cut.
void sync(const std::filesystem::path& path, const std::filesystem::path& named) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) fail(named, "cannot open to sync", errno);
  const int result = ::fsync(file);
  const int error = errno;
  ::close(file);
  if (result != 0 && error != EINVAL) fail(named, "cannot sync", error);  // EINVAL: not a real file
}

}  // namespace

void write_atomically(const std::filesystem::path& path,
                      const std::function<void(std::ostream&)>& write) {
  std::string temporary = path.string() + ".tmp-XXXXXX";
  const int file = ::mkstemp(temporary.data());
  if (file < 0) fail(path, "cannot write", errno);
  ::fchmod(file, 0644);
  ::close(file);
  try {
    errno = 0;
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    write(out);
    out.close();
    if (!out) fail(path, "cannot write", errno ? errno : EIO);
    sync(temporary, path);
    if (::rename(temporary.c_str(), path.c_str()) != 0) fail(path, "cannot rename", errno);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  const auto folder = path.parent_path();
  sync(folder.empty() ? "." : folder, path);
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
