#pragma once
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace descent::search {

/// A file of lines to which lines are appended, each of which is there whole or not at all,
/// whenever the process is killed: what a killed process has left of a line is taken away when the
/// file is opened again. Lines are written at once, and synced to the disk with every line that
/// matters and else once a second.
class Journal {
 public:
  /// Opens the file, or makes it with `first` as its first line. Throws std::runtime_error that
  /// names the path if it cannot be read or written, or another process writes it.
  Journal(std::filesystem::path path, std::string_view first);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Goes through the lines that were there, the first among them.
  void each_line(const std::function<void(std::string_view line, int64_t number)>& read) const;

  /// Throws std::runtime_error with the reason; the file then ends with the line before.
  void append(std::string line, bool matters);

 private:
  using Clock = std::chrono::steady_clock;

  void sync();
  [[noreturn]] void fail(const char* what, int error) const;

  std::filesystem::path path_;
  int file_ = -1;
  int64_t size_ = 0;
  std::string were_there_;
  Clock::time_point synced_{};
};

}  // namespace descent::search
