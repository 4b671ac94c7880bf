#pragma once
#include <string>

#include <descent/optim/engine/rule.h>

namespace descent {

DESCENT_ENUM(AdagradBlock, PerTensor, PerGroup)
DESCENT_ENUM(AdagradMethod, Auto, Eigen, Factor)

namespace rules {

/// AdaGrad with the full matrix: steps by the inverse root of the sum of outer products of the
/// gradients. Duchi, Hazan & Singer 2011, JMLR 12:2121, section 1.1. For each block of n numbers (a
/// parameter, or all of a group):
///   G <- G + g g^T,  G_0 = initial_accumulator_value I
///   Outside:  v = (G^(1/2) + eps I)^(-1) g        Inside:  v = (G + eps I)^(-1/2) g
///   p <- p - lr v
/// Factor keeps the gradients, not G: with A^T = U diag(sigma) V^T for the matrix A of r gradients
/// and w = sigma^2 + initial_accumulator_value,
///   v = U ((U^T g) / s),  s = sqrt(w) + eps  or  sqrt(w + eps).
/// Exact, because g lies in the span of U, and O(n r^2) instead of O(n^3). Beyond n gradients A
/// becomes the triangular factor of its QR. Eigen decomposes G itself, which squares the condition
/// number: right to about 1e-6. Auto is Factor. All in float64, whatever the parameter. A parameter
/// of a PerGroup block that has no gradient counts as zeros there and does not move.
struct FullAdagrad {
  static constexpr About about{"FullAdagrad", "full_adagrad", "Duchi et al. 2011, JMLR 12",
                               "an independent evaluation in NumPy"};

  struct Options {
    double lr = 1e-2;                      ///< step size
    double eps = 1e-5;                     ///< keeps the root off zero
    RootEps eps_mode = RootEps::Outside;   ///< where eps stands, see above
    double initial_accumulator_value = 0;  ///< G_0 / I
    double weight_decay = 0;               ///< wd
    DecayMode decay_mode = DecayMode::Coupled;
    bool maximize = false;  ///< maximizes the loss: flips the gradient's sign
    AdagradBlock block = AdagradBlock::PerTensor;  ///< what one matrix covers
    AdagradMethod method = AdagradMethod::Auto;    ///< how the root is applied, see above
    int64_t max_dim = 16384;                       ///< a larger block is refused
    DESCENT_OPTIONS((lr, non_negative), (eps, non_negative), (eps_mode),
                    (initial_accumulator_value, non_negative), (weight_decay, non_negative),
                    (decay_mode), (maximize), (block), (method), (max_dim, at_least_one))
  };

  /// Eigen fills `sum`, Factor `factor`; the other stays undefined.
  template <class T>
  struct State {
    T sum;     // G, n x n, float64
    T factor;  // A, r x n, as the parameter, float32 if that has 16 bits
    DESCENT_BUFFERS(sum, factor)
  };

  static std::string block_problem(const Options& o, const TensorBlock& block);
  static bool joins_group(const Options& o) { return o.block == AdagradBlock::PerGroup; }
  static void update(const Options& o, const TensorStep& step);
  static std::string state_problem(const Options& o, const at::Tensor* s, const TensorBlock& block);
};

}  // namespace rules

using FullAdagrad = OptimizerOf<rules::FullAdagrad>;

}  // namespace descent
