#pragma once
#include <ATen/Parallel.h>

namespace descent::tensors {

/// Keeps LibTorch's operations on the calling thread while it lives.
class OneThread {
 public:
  OneThread() : threads_(at::get_num_threads()) {
    if (change()) at::set_num_threads(1);
  }
  ~OneThread() {
    if (change()) at::set_num_threads(threads_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  // Operations called inside a parallel region stay on their thread anyway.
  bool change() const { return threads_ != 1 && !at::in_parallel_region(); }
  int threads_;
};

}  // namespace descent::tensors
