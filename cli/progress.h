#pragma once
#include <chrono>
#include <cstddef>
#include <mutex>
#include <stdexcept>
#include <string>

namespace descent::cli {

/// Ctrl-C, or a request to terminate.
struct Interrupted : std::runtime_error {
  Interrupted() : std::runtime_error("interrupted, nothing was written") {}
};

/// From now on Ctrl-C and SIGTERM only set what interrupted() returns.
void catch_interrupts();
bool interrupted();

/// A bar on the terminal with the time that remains; silent where standard error is no terminal.
/// May be used by several threads.
class Progress {
 public:
  explicit Progress(size_t all);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// One more is done, and what it was. Throws Interrupted where that is asked for.
  void step(const std::string& what);

 private:
  const size_t all_;
  const bool terminal_;
  const std::chrono::steady_clock::time_point start_;
  std::mutex mutex_;
  size_t done_ = 0;
};

}  // namespace descent::cli
