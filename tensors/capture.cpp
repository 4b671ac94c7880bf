#include <c10/core/impl/VirtualGuardImpl.h>

#include <descent/tensors/capture.h>

namespace descent {
namespace {

template <class Stream>
bool is_capturing(const Stream& stream) {
  if constexpr (requires { stream.is_capturing(); }) return stream.is_capturing();
  return false;
}

}  // namespace

bool tensors::is_captured(c10::Device device) {
  if (device.is_cpu()) return false;
  return is_capturing(c10::impl::VirtualGuardImpl(device.type()).getStream(device));
}

}  // namespace descent
