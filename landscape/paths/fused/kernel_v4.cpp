#include <descent/landscape/paths/fused/kernel.h>

#if defined(__x86_64__)
#define DESCENT_KERNELS kernels_v4
#define DESCENT_KERNEL_NAME "v4"
#include <descent/landscape/paths/fused/isa_v4.h>
#include <descent/landscape/paths/fused/kernel_text.h>
#else
namespace descent::landscape {
template <>
const Kernels<float>* kernels_v4<float>() {
  return nullptr;
}
template <>
const Kernels<double>* kernels_v4<double>() {
  return nullptr;
}
}  // namespace descent::landscape
#endif
