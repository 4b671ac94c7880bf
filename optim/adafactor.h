#pragma once
#include <string>

#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// Adafactor: of the second moment of a matrix it keeps the means of rows and columns only.
/// Shazeer & Stern 2018, arXiv:1804.04235, Algorithms 4 and 5; as torch.optim:
///   w = t^beta2_decay;   alpha = max(eps2, ||p||/sqrt(n)) min(lr, 1/sqrt(t)),  of p before it decays
///   matrices:  R <- R + w (mean of g^2 over the last axis - R),  C the same of the last but one
///              X = R C / max(mean of R over the last axis but one, eps1)
///   vectors:   V <- V + w (g^2 - V),  X = V
///   u = g / sqrt(max(X, eps1^2));   p <- p - alpha / max(1, ||u||/(sqrt(n) d)) u
/// Axes before the last two hold many matrices. The paper and Keras add eps1 = 1e-30 to g^2 and do
/// not bound X.
struct Adafactor {
  static constexpr About about{"Adafactor", "adafactor", "Shazeer & Stern 2018, arXiv:1804.04235",
                               "torch.optim.Adafactor"};

  struct Options {
    double lr = 1e-2;           ///< the largest step, in units of the parameter's root mean square
    double beta2_decay = -0.8;  ///< how fast the moments' memory grows
    std::optional<double> eps1{};  ///< keeps X off zero; none: the machine epsilon of the parameter
    double eps2 = 1e-3;            ///< the least root mean square of p that counts
    double d = 1;                  ///< the root mean square from which a step is shortened
    double weight_decay = 0;
    DecayMode decay_mode = DecayMode::Decoupled;
    bool maximize = false;  ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (beta2_decay, non_positive), (eps1, non_negative),
                    (eps2, non_negative), (d, at_least_one), (weight_decay, non_negative),
                    (decay_mode), (maximize))
  };

  /// As the parameter, float32 if that has 16 bits.
  template <class T>
  struct State {
    T row_var, col_var;  // R and C of matrices, the axis of the mean of size 1
    T variance;          // V of vectors
    DESCENT_BUFFERS(row_var, col_var, variance)
  };

  static constexpr bool applies_keep = true;  // after the norm of p
  static void update(const Options& o, const TensorStep& step);
  static std::string state_problem(const Options& o, const at::Tensor* s, const TensorBlock& block);
};

}  // namespace rules

using Adafactor = OptimizerOf<rules::Adafactor>;

}  // namespace descent
