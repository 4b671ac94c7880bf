#pragma once
// What several phases of a step use. A step goes from step.cpp to collect.cpp and prepare.cpp, to
// sums.cpp where it needs norms of all gradients, and then to run.cpp, which runs the loops, or to
// whole_tensors.cpp, which runs the rule's text on tensors.
#include <ATen/Parallel.h>

#include <descent/optim/engine/engine.h>

#if AT_PARALLEL_OPENMP && !defined(_OPENMP)
#error "the engine needs OpenMP: without it a step would silently run on one thread"
#endif

namespace descent::engine {

/// Below this many elements one thread is faster than waking another.
inline constexpr int64_t kSerial = 32768;

/// In bytes.
inline int64_t size_of(NumberType type) {
  return has_16_bits(type) ? 2 : type == NumberType::Double ? 8 : 4;
}

/// Whether `x` lies in memory as the dense tensor `p` of the same sizes does, and its memory holds
/// its values: some of LibTorch's views stand for the negative of what is there.
bool same_layout(const at::Tensor& x, const at::Tensor& p, bool p_is_contiguous);

/// The sum of a tensor's numbers, or of their squares, as the loops make it.
void add_sum(tensors::Numbers& sums, const at::Tensor& x, Isa isa, bool squares);

/// Creates the buffers that are used and missing, as they are ahead of a parameter's first step;
/// whether there were any.
bool create_missing(const RuleTable& rule, const void* options, const BaseOptions& base,
                    const std::array<bool, kMaxBuffers>& used, const at::Tensor& p,
                    ParamState& state);

}  // namespace descent::engine
