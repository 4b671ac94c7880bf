#pragma once
#include <cstdint>
#include <vector>

#include <descent/surfaces/surface.h>

namespace descent {

enum class AdagradForm { Full, Diagonal };

struct ArrowOptions {
  uint32_t seed = 32;
  int64_t count = 8;     ///< gradients
  Point scales{0.5, 2};  ///< each gradient is uniform in [0, scales.x) x [0, scales.y)
  double eps = 1e-5;
};

/// What AdaGrad makes of a gradient.
struct AdagradArrow {
  Point g;  ///< the gradient
  Point v;  ///< the step for it: lr times v is taken from the parameters
};

/// The steps of FullAdagrad or Adagrad for a sequence of made-up gradients, as drawn in "Observing
/// changes made by AdaGrad". The uniform numbers are those of NumPy's RandomState(seed).rand: 53
/// bits from each two outputs of std::mt19937(seed). Throws std::invalid_argument unless count >= 1
/// and scales and eps are finite and >= 0.
std::vector<AdagradArrow> adagrad_arrows(AdagradForm form, const ArrowOptions& options = {});

}  // namespace descent
