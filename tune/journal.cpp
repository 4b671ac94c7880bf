#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <descent/base/atomic_file.h>
#include <descent/tune/journal.h>

namespace descent::search {
namespace {

constexpr std::chrono::seconds kBetweenSyncs{1};

/// Writes all bytes; 0 or errno.
int write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? errno : EIO;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return 0;
}

}  // namespace

Journal::Journal(std::filesystem::path path, std::string_view first) : path_(std::move(path)) {
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file_ < 0) fail("cannot open", errno);
  try {
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      throw std::runtime_error(path_.string() + ": another process writes this journal");
    were_there_ = read_file(path_);
    const size_t whole = were_there_.rfind('\n') + 1;  // 0 if there is none
    const std::string line = std::string(first) + "\n";
    if (whole == 0 && !std::string_view(line).starts_with(were_there_))
      throw std::runtime_error(path_.string() + ": is no journal of a study");
    if (whole < were_there_.size() && ::ftruncate(file_, static_cast<off_t>(whole)) != 0)
      fail("cannot truncate", errno);
    were_there_.resize(whole);
    size_ = static_cast<int64_t>(whole);
    if (whole > 0) return;
    append(std::string(first), true);
    were_there_ = line;
    const auto folder = path_.parent_path();
    if (const int opened = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC);
        opened >= 0) {
      ::fsync(opened);  // a folder that cannot be synced is no failure
      ::close(opened);
    }
  } catch (...) {
    ::close(file_);
    throw;
  }
}

Journal::~Journal() {
  ::fdatasync(file_);
  ::close(file_);
}

void Journal::each_line(const std::function<void(std::string_view, int64_t)>& read) const {
  int64_t number = 1;
  for (std::string_view rest = were_there_; !rest.empty(); ++number) {
    const size_t end = rest.find('\n');
    read(rest.substr(0, end), number);
    rest.remove_prefix(end + 1);
  }
}

void Journal::append(std::string line, bool matters) {
  line += '\n';
  if (const int error = write_all(file_, line)) {
    if (::ftruncate(file_, static_cast<off_t>(size_)) != 0) fail("cannot write", errno);
    fail("cannot write", error);
  }
  size_ += static_cast<int64_t>(line.size());
  if (matters || Clock::now() - synced_ >= kBetweenSyncs) sync();
}

void Journal::sync() {
  synced_ = Clock::now();
  if (::fdatasync(file_) != 0 && errno != EINVAL) fail("cannot sync", errno);  // EINVAL: a pipe
}

void Journal::fail(const char* what, int error) const {
  throw std::runtime_error(path_.string() + ": " + what + ": " +
                           std::generic_category().message(error));
}

}  // namespace descent::search
