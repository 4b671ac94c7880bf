#include "output.h"

#include <stdexcept>

#include <unistd.h>

namespace descent::cli {

namespace fs = std::filesystem;

OutputFolder::OutputFolder(fs::path folder, bool replace)
    : folder_(fs::absolute(std::move(folder)).lexically_normal()) {
  if (!folder_.has_filename()) folder_ = folder_.parent_path();  // "out/" means "out"
  std::error_code error;
  const fs::file_status status = fs::status(folder_, error);
  if (fs::exists(status) && !fs::is_directory(status))
    throw std::invalid_argument(folder_.string() + " is no folder");
  if (fs::exists(status) && !replace) {
    const bool empty = fs::is_empty(folder_, error);
    if (error) throw std::runtime_error(folder_.string() + ": " + error.message());
    if (!empty)
      throw std::invalid_argument(folder_.string() +
                                  " holds files already, which --force would replace");
  }
  fs::create_directories(folder_.parent_path(), error);
  const std::string hidden = "." + folder_.filename().string() + "-" + std::to_string(::getpid());
  for (int k = 0; !error && making_.empty(); ++k) {
    const fs::path name = folder_.parent_path() / (hidden + "-" + std::to_string(k));
    if (fs::create_directory(name, error)) making_ = name;
  }
  if (error)
    throw std::runtime_error(folder_.parent_path().string() +
                             " cannot be written: " + error.message());
}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  if (!making_.empty()) fs::remove_all(making_, ignored);
}

void OutputFolder::publish() {
  std::error_code error;
  fs::rename(making_, folder_, error);  // succeeds if the folder is missing or empty
  if (error) {
    for (const auto& entry : fs::directory_iterator(making_)) {
      fs::rename(entry.path(), folder_ / entry.path().filename(), error);
      if (error)
        throw std::runtime_error((folder_ / entry.path().filename()).string() +
                                 " cannot be written: " + error.message());
    }
    fs::remove(making_, error);
  }
  making_.clear();
}

}  // namespace descent::cli
