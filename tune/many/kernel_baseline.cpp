#include <descent/tune/many/kernel.h>

#define DESCENT_KERNELS train_kernels_baseline
#define DESCENT_KERNEL_NAME "baseline"
#include <descent/landscape/paths/fused/isa_baseline.h>
#include <descent/tune/many/kernel_text.h>
