#pragma once
#include <cstdint>
#include <mutex>

#include <ATen/CPUGeneratorImpl.h>

namespace descent::tensors {

/// Gives LibTorch's global CPU generator back the state that it had, also when an exception passes.
/// Draws that other threads make in between are not protected.
class KeptGenerator {
 public:
  KeptGenerator() : generator_(at::detail::getDefaultCPUGenerator()) {
    const std::lock_guard<std::mutex> lock(generator_.mutex());
    state_ = generator_.get_state();
  }
  ~KeptGenerator() {
    const std::lock_guard<std::mutex> lock(generator_.mutex());
    generator_.set_state(state_);
  }
  KeptGenerator(const KeptGenerator&) = delete;
  KeptGenerator& operator=(const KeptGenerator&) = delete;

  /// Whether anybody has drawn from it since.
  bool moved() {
    const std::lock_guard<std::mutex> lock(generator_.mutex());
    return !generator_.get_state().equal(state_);
  }

  void seed(uint64_t value) {
    const std::lock_guard<std::mutex> lock(generator_.mutex());
    generator_.set_current_seed(value);
  }

 private:
  at::Generator generator_;
  at::Tensor state_;
};

}  // namespace descent::tensors
