#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>

#include <ATen/ThreadLocalState.h>
#include <omp.h>

#include <descent/tensors/workers.h>

#ifndef _OPENMP
#error "tensors/workers.cpp needs OpenMP: without it the landscape would silently use one thread"
#endif

namespace descent::tensors {

bool for_each_item(int threads, int64_t items,
                   const std::function<void(int, int64_t, const Pulse&)>& work,
                   const std::function<bool(double)>& progress) {
  std::atomic<int64_t> next{0}, done{0};
  std::atomic<bool> stop{false};
  std::exception_ptr error;
  std::mutex error_mutex;
  const at::ThreadLocalState state;
  const auto run = [&](int worker) {
    const auto reach = [&](double finished) {
      if (worker == 0 && progress && !progress(finished / static_cast<double>(items))) stop = true;
    };
    const Pulse pulse = [&](double part) {
      reach(static_cast<double>(done) + part);
      if (stop) throw Stopped();
    };
    try {
      const at::ThreadLocalStateGuard same_state(state);
      for (int64_t item = next++; item < items && !stop; item = next++) {
        work(worker, item, pulse);
        const int64_t finished = ++done;
        if (finished < items) reach(static_cast<double>(finished));
      }
    } catch (const Stopped&) {
      stop = true;
    } catch (...) {
      stop = true;
      const std::lock_guard<std::mutex> lock(error_mutex);
      if (!error) error = std::current_exception();
    }
  };
  const int team = static_cast<int>(std::min<int64_t>(threads, items));
  if (team <= 1) {
    run(0);
  } else {
#pragma omp parallel num_threads(team)
    run(omp_get_thread_num());
  }
  if (error) std::rethrow_exception(error);
  if (done < items) return false;
  if (progress) progress(1.0);
  return true;
}

}  // namespace descent::tensors
