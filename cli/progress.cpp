#include "progress.h"

#include <csignal>
#include <iostream>

#include <signal.h>  // sigaction
#include <unistd.h>

namespace descent::cli {
namespace {

volatile std::sig_atomic_t stopped = 0;

constexpr size_t kWidth = 36;

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { stopped = 1; };
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
  ::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of the write, not the end
}

bool interrupted() { return stopped != 0; }

Progress::Progress(size_t all)
    : all_(all), terminal_(isatty(STDERR_FILENO) != 0), start_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
  if (terminal_) std::cerr << "\r\033[K" << std::flush;
}

void Progress::step(const std::string& what) {
  if (interrupted()) throw Interrupted();
  const std::lock_guard lock(mutex_);
  ++done_;
  if (!terminal_) return;
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const auto left = static_cast<int64_t>(
      seconds / static_cast<double>(done_) * static_cast<double>(all_ - done_) + 0.5);
  const size_t filled = kWidth * done_ / all_;
  std::cerr << "\r\033[K[" << std::string(filled, '#') << std::string(kWidth - filled, ' ') << "] "
            << done_ << '/' << all_ << "  " << left << " s left  " << what << std::flush;
}

}  // namespace descent::cli
