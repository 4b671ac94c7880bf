#include <descent/tune/many/kernel.h>

#if defined(__x86_64__)
#define DESCENT_KERNELS train_kernels_v4
#define DESCENT_KERNEL_NAME "v4"
#include <descent/landscape/paths/fused/isa_v4.h>
#include <descent/tune/many/kernel_text.h>
#else
namespace descent::many {
template <>
const TrainKernels<float>* train_kernels_v4<float>() {
  return nullptr;
}
template <>
const TrainKernels<double>* train_kernels_v4<double>() {
  return nullptr;
}
}  // namespace descent::many
#endif
