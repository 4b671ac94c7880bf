#include <algorithm>
#include <memory>
#include <mutex>

#include <c10/core/Allocator.h>
#include <c10/util/Logging.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <descent/tensors/memory.h>

namespace descent::tensors {
namespace {

class Counter : public c10::MemoryReportingInfoBase {
 public:
  explicit Counter(at::Device device) : device_(device) {}
  void reportMemoryUsage(void*, int64_t bytes, size_t, size_t, c10::Device device) override {
    if (device != device_) return;
    now_ += bytes;
    peak = std::max(peak, now_);
  }
  bool memoryProfilingEnabled() const override { return true; }

  int64_t peak = 0;

 private:
  at::Device device_;
  int64_t now_ = 0;
};

/// While one lives, LibTorch does not warn on stderr: it would, of memory that is freed during a
/// measurement and older than that.
class NoLog {
 public:
  NoLog() {
    const std::lock_guard lock(mutex_);
    if (++alive_ > 1) return;
    level_ = FLAGS_caffe2_log_level;
    FLAGS_caffe2_log_level = std::max(level_, kErrors);
  }
  ~NoLog() {
    const std::lock_guard lock(mutex_);
    if (--alive_ == 0) FLAGS_caffe2_log_level = level_;
  }
  NoLog(const NoLog&) = delete;
  NoLog& operator=(const NoLog&) = delete;

 private:
  static constexpr int kErrors = 2;  // after information and warnings
  static inline std::mutex mutex_;
  static inline int alive_ = 0, level_ = 0;
};

}  // namespace

int64_t peak_bytes(const std::function<void()>& work, at::Device device) {
  const auto counter = std::make_shared<Counter>(device);
  {
    const NoLog quiet;
    const c10::DebugInfoGuard counting(c10::DebugInfoKind::PROFILER_STATE, counter);
    work();
  }
  return counter->peak;
}

int64_t bytes_of(const std::vector<at::Tensor>& tensors) {
  int64_t result = 0;
  for (const auto& tensor : tensors) result += static_cast<int64_t>(tensor.nbytes());
  return result;
}

}  // namespace descent::tensors
