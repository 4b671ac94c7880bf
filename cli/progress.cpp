#include "progress.h"

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <iostream>

#include <signal.h>  // sigaction
#include <unistd.h>

namespace descent::cli {
namespace {

// Written by the handler of signals, and read by every thread that works.
std::atomic<bool> stopped{false};
static_assert(std::atomic<bool>::is_always_lock_free);

constexpr size_t kWidth = 36;

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { stopped = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // whoever asks twice does not want to wait
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
  ::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of the write, not the end
}

bool interrupted() { return stopped; }

void stop_if_interrupted() {
  if (interrupted()) throw Interrupted();
}

Progress::Progress(size_t all)
    : all_(all), terminal_(isatty(STDERR_FILENO) != 0), start_(Clock::now()) {}

Progress::~Progress() { clear(); }

void Progress::clear() const {
  if (terminal_) std::cerr << "\r\033[K" << std::flush;
}

void Progress::step(const std::string& what) {
  stop_if_interrupted();
  const std::lock_guard lock(mutex_);
  ++done_;
  show(static_cast<double>(done_) / static_cast<double>(all_), 0, start_,
       std::to_string(done_) + "/" + std::to_string(all_), what);
}

void Progress::reach(double fraction, const std::string& what) {
  const std::lock_guard lock(mutex_);
  const Clock::time_point now = Clock::now();
  if (first_ <= 0) {  // what comes before the first network says nothing of their speed
    first_ = fraction;
    first_at_ = now;
  }
  if (fraction < 1 && now - shown_ < std::chrono::milliseconds(100)) return;
  shown_ = now;
  char percent[16];
  std::snprintf(percent, sizeof percent, "%3.0f %%", 100 * fraction);
  show(fraction, first_, first_at_, percent, what);
}

void Progress::show(double fraction, double first, Clock::time_point first_at,
                    const std::string& count, const std::string& what) const {
  if (!terminal_) return;
  const double seconds = std::chrono::duration<double>(Clock::now() - first_at).count();
  const auto filled = static_cast<size_t>(fraction * kWidth);
  std::cerr << "\r\033[K[" << std::string(filled, '#') << std::string(kWidth - filled, ' ') << "] "
            << count << "  ";
  if (fraction > first)
    std::cerr << static_cast<int64_t>(seconds / (fraction - first) * (1 - fraction) + 0.5)
              << " s left  ";
  std::cerr << what << std::flush;
}

}  // namespace descent::cli
