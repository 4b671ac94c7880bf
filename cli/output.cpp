#include "output.h"

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>  // flock
#include <unistd.h>

namespace descent::cli {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void cannot_write(const fs::path& path, const std::string& why) {
  throw std::runtime_error(path.string() + " cannot be written: " + why);
}

constexpr const char* kReplaced = ".replaced";

/// A descriptor that holds a lock on a folder. The system takes it back when the process ends,
/// however it ends. -1 and errno: there is no lock to be had.
int lock_of(const fs::path& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0 || ::flock(file, LOCK_EX | LOCK_NB) == 0) return file;
  const int why = errno;
  ::close(file);
  errno = why;
  return -1;
}

/// Removes from `in` the hidden folders that killed runs have left there, whose names begin with
/// `start`. One that holds files of the user, which were being replaced, stays.
void remove_left_behind(const fs::path& in, const std::string& start) {
  std::error_code error;
  std::vector<fs::path> hidden;
  for (fs::directory_iterator entry(in, error), end; !error && entry != end; entry.increment(error))
    if (const std::string rest = entry->path().filename().string();
        rest.starts_with(start) &&
        rest.find_first_not_of("0123456789-", start.size()) == std::string::npos)
      hidden.push_back(entry->path());
  for (const fs::path& folder : hidden) {
    const int lock = lock_of(folder);
    if (lock < 0) continue;  // a run that goes on has it
    const fs::path replaced = folder / kReplaced;
    const bool keeps = fs::exists(replaced, error) && !fs::is_empty(replaced, error);
    if (!keeps) fs::remove_all(folder, error);
    ::close(lock);
  }
}

}  // namespace

bool check_output(const fs::path& folder, bool replace) {
  if (folder.empty()) throw std::invalid_argument("--out is empty, must be a folder");
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (!fs::exists(status)) return false;
  if (!fs::is_directory(status)) throw std::invalid_argument(folder.string() + " is no folder");
  if (replace) return true;
  const bool empty = fs::is_empty(folder, error);
  if (error) throw std::runtime_error(folder.string() + ": " + error.message());
  if (!empty)
    throw std::invalid_argument(folder.string() +
                                " holds files already, which --force would replace");
  return true;
}

OutputFolder::OutputFolder(const fs::path& folder, bool replace)
    : folder_(folder.empty() ? folder : fs::absolute(folder).lexically_normal()),
      replace_(replace) {
  if (!folder_.has_filename()) folder_ = folder_.parent_path();  // "out/" means "out"
  exists_ = check_output(folder_, replace);
  try {
    make_hidden();
  } catch (...) {
    clean();
    throw;
  }
}

void OutputFolder::make_hidden() {
  std::error_code error;
  const fs::path in = exists_ ? folder_ : folder_.parent_path();
  std::vector<fs::path> missing;
  for (fs::path parent = in; !fs::exists(parent, error) && parent.has_relative_path();
       parent = parent.parent_path())
    missing.push_back(parent);
  for (; !missing.empty(); missing.pop_back()) {
    if (fs::create_directory(missing.back(), error)) made_parents_.push_back(missing.back());
    if (error) cannot_write(in, error.message());
  }
  std::string start = ".";
  start += folder_.filename().string() + "-";
  remove_left_behind(in, start);
  for (int k = 0; making_.empty(); ++k) {
    const fs::path name = in / (start + std::to_string(::getpid()) + "-" + std::to_string(k));
    const bool made = fs::create_directory(name, error);
    if (error) cannot_write(in, error.message());
    if (!made) continue;
    lock_ = lock_of(name);
    // Another run may just have seen it without a lock, and removed it.
    const bool taken = lock_ < 0 && (errno == EWOULDBLOCK || errno == ENOENT);
    if (!taken) making_ = name;
  }
}

OutputFolder::~OutputFolder() {
  clean();
  if (lock_ >= 0) ::close(lock_);
}

void OutputFolder::clean() {
  std::error_code ignored;
  if (!making_.empty()) fs::remove_all(making_, ignored);
  if (published_) return;
  for (; !made_parents_.empty(); made_parents_.pop_back())
    fs::remove(made_parents_.back(), ignored);
}

void OutputFolder::publish() {
  std::error_code error;
  if (!exists_) {
    fs::rename(making_, folder_, error);
    // Another program has written it in the meantime.
    exists_ = replace_ && fs::is_directory(folder_) && error;
    if (error && !exists_) cannot_write(folder_, error.message());
  }
  if (exists_) replace_files();
  published_ = true;
}

/// Moves what was made into the folder; what it replaces waits among what was made until all is
/// done, and goes back if anything fails.
void OutputFolder::replace_files() const {
  // Programs that compute together end together: one after the other.
  const struct Turn {
    explicit Turn(const fs::path& folder) : file(::open(folder.c_str(), O_RDONLY | O_CLOEXEC)) {
      if (file >= 0) ::flock(file, LOCK_EX);
    }
    ~Turn() {
      if (file >= 0) ::close(file);
    }
    const int file;
  } turn(folder_);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(making_))
    names.push_back(entry.path().filename().string());
  for (const std::string& name : names)
    if (fs::is_directory(folder_ / name)) cannot_write(folder_ / name, "it is a folder");
  const fs::path replaced = making_ / kReplaced;
  fs::create_directory(replaced);
  size_t moved = 0;
  std::error_code error;
  for (; moved < names.size() && !error; ++moved) {
    const std::string& name = names[moved];
    if (fs::exists(fs::symlink_status(folder_ / name)))
      fs::rename(folder_ / name, replaced / name, error);
    if (!error) fs::rename(making_ / name, folder_ / name, error);
  }
  if (!error) return;
  const fs::path culprit = folder_ / names[moved - 1];
  const std::string why = error.message();
  for (size_t k = 0; k < moved; ++k) {
    if (k + 1 < moved) fs::remove(folder_ / names[k], error);
    if (fs::exists(fs::symlink_status(replaced / names[k])))
      fs::rename(replaced / names[k], folder_ / names[k], error);
  }
  cannot_write(culprit, why);
}

}  // namespace descent::cli
