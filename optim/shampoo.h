#pragma once
#include <string>

#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// Shampoo: turns and scales each axis of a tensor by the inverse root of its gradients' products.
/// Gupta, Koren & Singer 2018, arXiv:1802.09568, Algorithms 1 and 2. For each axis i of at most
/// max_dim slices, k of them:
///   L_i <- L_i + G_i G_i^T,  L_i = eps I at first,  G_i = g with the axis i as rows
///   every update_freq steps:  P_i = max(L_i, eps)^(-exponent) by its eigenvalues
///   D = g multiplied by P_i along every such axis;   momentum: B <- mu B + D,  D = B
///   p <- p - lr D
/// exponent 0 stands for the paper's 1/(2 k). Of a vector this is full-matrix AdaGrad with eps
/// inside. Widely copied code takes 1/k, products of gradients that are preconditioned already and
/// keeps the preconditioned gradient as its momentum: this does not. All but the momentum is in
/// float64, whatever the parameter: float32 cannot tell eps from what it rounds off L.
struct Shampoo {
  static constexpr About about{"Shampoo", "shampoo", "Gupta, Koren & Singer 2018, arXiv:1802.09568",
                               "an independent evaluation in NumPy"};

  struct Options {
    double lr = 0.1;      ///< step size
    double eps = 1e-4;    ///< what L starts with, and the least eigenvalue
    double momentum = 0;  ///< mu
    double weight_decay = 0;
    DecayMode decay_mode = DecayMode::Coupled;
    int64_t update_freq = 1;  ///< steps between two roots
    double exponent = 0;      ///< of the inverse root; 0: 1/(2 k)
    int64_t max_dim = 8192;   ///< longer axes are left as they are
    bool maximize = false;    ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (eps, positive), (momentum, non_negative),
                    (weight_decay, non_negative), (decay_mode), (update_freq, at_least_one),
                    (exponent, non_negative), (max_dim, at_least_one), (maximize))
  };

  template <class T>
  struct State {
    T precond, inv_precond;  // all L_i, and all P_i, one after another, in float64
    T momentum_buffer;       // B, as the parameter, float32 if that has 16 bits
    DESCENT_BUFFERS(precond, inv_precond, momentum_buffer)
  };

  static void update(const Options& o, const TensorStep& step);
  static std::string state_problem(const Options& o, const at::Tensor* s, const TensorBlock& block);
};

}  // namespace rules

using Shampoo = OptimizerOf<rules::Shampoo>;

}  // namespace descent
