#pragma once
#include <string>

#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// CAME: Adafactor whose steps are also divided by how far they are from their average.
/// Luo et al. 2023, arXiv:2307.02047, Algorithm 2; as the authors' code. Of a matrix:
///   x = g^2 + eps1;   R <- b2 R + (1 - b2) (mean of x over the last axis),  C of the last but one
///   Z(R, C) = 1/sqrt(R / mean R) 1/sqrt(C), as an outer product;   u = g Z(R, C)
///   u <- u / max(1, ||u||/(sqrt(n) clip_threshold));   m <- b1 m + (1 - b1) u
///   y = (u - m)^2 + eps2;   r and c from y as R and C from x, with b3
///   p <- p - lr m Z(r, c)
/// Of a vector:  V <- b2 V + (1 - b2) x,  u = g / sqrt(V),  u and m as above,  p <- p - lr m
/// Axes before the last two hold many matrices. There is no bias correction, so the first steps are
/// large: rates of more than a few 1e-4 are not for it.
struct CAME {
  static constexpr About about{"CAME", "came", "Luo et al. 2023, arXiv:2307.02047",
                               "yangluo7/CAME"};

  struct Options {
    double lr = 2e-4;                                 ///< step size
    std::array<double, 3> betas{0.9, 0.999, 0.9999};  ///< decay of m, of R and C, of r and c
    double eps1 = 1e-30;                              ///< keeps R and C off zero
    double eps2 = 1e-16;                              ///< keeps r and c off zero
    double clip_threshold = 1;  ///< the root mean square from which u is shortened
    double weight_decay = 0;
    DecayMode decay_mode = DecayMode::Decoupled;
    bool maximize = false;  ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (eps1, non_negative), (eps2, non_negative),
                    (clip_threshold, positive), (weight_decay, non_negative), (decay_mode),
                    (maximize))
  };

  /// As the parameter, float32 if that has 16 bits.
  template <class T>
  struct State {
    T exp_avg;                           // m
    T exp_avg_sq_row, exp_avg_sq_col;    // R and C of matrices
    T exp_avg_res_row, exp_avg_res_col;  // r and c of matrices
    T exp_avg_sq;                        // V of vectors
    DESCENT_BUFFERS(exp_avg, exp_avg_sq_row, exp_avg_sq_col, exp_avg_res_row, exp_avg_res_col,
                    exp_avg_sq)
  };

  static void update(const Options& o, const TensorStep& step);
  static std::string state_problem(const Options& o, const at::Tensor* s, const TensorBlock& block);
};

}  // namespace rules

using CAME = OptimizerOf<rules::CAME>;

}  // namespace descent
