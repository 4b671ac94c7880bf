#include "output.h"

#include <stdexcept>
#include <system_error>

#include <unistd.h>

namespace descent::cli {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void cannot_write(const fs::path& path, const std::string& why) {
  throw std::runtime_error(path.string() + " cannot be written: " + why);
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
    : folder_(folder.empty() ? folder : fs::absolute(folder).lexically_normal()) {
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
  std::string hidden = ".";
  hidden += folder_.filename().string() + "-" + std::to_string(::getpid());
  for (int k = 0; making_.empty(); ++k) {
    const fs::path name = in / (hidden + "-" + std::to_string(k));
    if (fs::create_directory(name, error)) making_ = name;
    if (error) cannot_write(in, error.message());
  }
}

OutputFolder::~OutputFolder() { clean(); }

void OutputFolder::clean() {
  std::error_code ignored;
  if (!making_.empty()) fs::remove_all(making_, ignored);
  if (published_) return;
  for (; !made_parents_.empty(); made_parents_.pop_back())
    fs::remove(made_parents_.back(), ignored);
}

void OutputFolder::publish() {
  std::error_code error;
  if (exists_) {
    replace_files();
  } else {
    fs::rename(making_, folder_, error);
    if (error) cannot_write(folder_, error.message());
  }
  published_ = true;
}

/// Moves what was made into the folder; what it replaces waits among what was made until all is
/// done, and goes back if anything fails.
void OutputFolder::replace_files() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(making_))
    names.push_back(entry.path().filename().string());
  for (const std::string& name : names)
    if (fs::is_directory(folder_ / name)) cannot_write(folder_ / name, "it is a folder");
  const fs::path replaced = making_ / ".replaced";
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
