#pragma once
#include <chrono>
#include <cstddef>
#include <mutex>
#include <stdexcept>
#include <string>

namespace descent::cli {

/// Ctrl-C, a request to terminate, or a terminal that is gone.
struct Interrupted : std::runtime_error {
  explicit Interrupted(const std::string& what = "interrupted, nothing was written")
      : std::runtime_error(what) {}
};

/// From now on the first such signal only sets what interrupted() returns; the second ends the
/// program.
void catch_interrupts();
bool interrupted();
void stop_if_interrupted();  ///< by throwing Interrupted

/// A bar on the terminal with the time that remains; silent where standard error is no terminal.
/// May be used by several threads.
class Progress {
 public:
  /// Of so many things to do, or of one that tells how far it is.
  explicit Progress(size_t all = 1);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// One more is done, and what it was. Throws Interrupted where that is asked for.
  void step(const std::string& what);

  /// So much is done, from 0 to 1, and what that is.
  void reach(double fraction, const std::string& what);

  /// Takes the bar away until the next of these.
  void clear() const;

 private:
  using Clock = std::chrono::steady_clock;

  /// A fraction that was `first` at the time `first_at`.
  void show(double fraction, double first, Clock::time_point first_at, const std::string& count,
            const std::string& what) const;

  const size_t all_;
  const bool terminal_;
  const Clock::time_point start_;
  std::mutex mutex_;
  size_t done_ = 0;
  double first_ = -1;  // what was reached when reach() was called first, maybe by an earlier run
  Clock::time_point first_at_, shown_;
};

}  // namespace descent::cli
