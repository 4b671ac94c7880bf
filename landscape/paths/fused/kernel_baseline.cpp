#include <descent/landscape/paths/fused/kernel.h>

#define DESCENT_KERNELS kernels_baseline
#define DESCENT_KERNEL_NAME "baseline"
#include <descent/landscape/paths/fused/isa_baseline.h>
#include <descent/landscape/paths/fused/kernel_text.h>
