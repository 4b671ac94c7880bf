#include <descent/tune/many/kernel.h>

#if defined(__x86_64__)
#define DESCENT_KERNELS train_kernels_v3
#define DESCENT_KERNEL_NAME "v3"
#include <descent/landscape/paths/fused/isa_v3.h>
#include <descent/tune/many/kernel_text.h>
#else
namespace descent::many {
template <>
const TrainKernels<float>* train_kernels_v3<float>() {
  return nullptr;
}
template <>
const TrainKernels<double>* train_kernels_v3<double>() {
  return nullptr;
}
}  // namespace descent::many
#endif
