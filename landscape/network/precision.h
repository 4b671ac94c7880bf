#pragma once
#include <descent/base/fields.h>

namespace descent {

/// The numbers that a network computes in.
///   Own       those of its weights
///   Bfloat16  products of matrices and convolutions in bfloat16, which has the range of float32 and
///             three digits, by LibTorch's autocast; sums over samples, losses and the statistics of
///             batch normalisation in float32 or double
DESCENT_ENUM(Precision, Own, Bfloat16)

}  // namespace descent
