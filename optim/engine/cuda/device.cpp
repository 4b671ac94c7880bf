#include <c10/cuda/CUDAGraphsC10Utils.h>
#include <c10/cuda/CUDAStream.h>

#include <descent/optim/engine/cuda/device.h>

namespace descent::engine {

c10::DeviceType cuda::device_type() { return c10::DeviceType::CUDA; }
void* cuda::current_stream() { return c10::cuda::getCurrentCUDAStream().stream(); }
bool cuda::is_captured() {
  return c10::cuda::currentStreamCaptureStatusMayInitCtx() != c10::cuda::CaptureStatus::None;
}

}  // namespace descent::engine
