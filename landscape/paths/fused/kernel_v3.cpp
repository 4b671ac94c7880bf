#include <descent/landscape/paths/fused/kernel.h>

#if defined(__x86_64__)
#define DESCENT_KERNELS kernels_v3
#define DESCENT_KERNEL_NAME "v3"
#include <descent/landscape/paths/fused/isa_v3.h>
#include <descent/landscape/paths/fused/kernel_text.h>
#else
namespace descent::landscape {
template <>
const Kernels<float>* kernels_v3<float>() {
  return nullptr;
}
template <>
const Kernels<double>* kernels_v3<double>() {
  return nullptr;
}
}  // namespace descent::landscape
#endif
