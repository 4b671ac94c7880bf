#pragma once
#include <string>

#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// SPlus: signs in the basis of Shampoo's eigenvectors, and an average of weights to evaluate.
/// Frans, Levine & Abbeel 2025, arXiv:2506.07254, Algorithm 1; as the authors' code. Of an a x b matrix:
///   m <- b1 m + (1 - b1) g;   u = Q1 sign(Q1^T m Q2) Q2^T;   L1 <- b2 L1 + (1 - b2) g g^T,  L2 of g^T g
///   at t = 1 and every inverse_every steps:  Qi = eigenvectors of Li + eps I,  at first Qi = I
///   p <- p - l u;   e <- e + (1 - ema_rate) (p - e);   p <- p (1 - l wd),   l = 2 lr/(a + b)
///   others:  u = sign(m),  l = nonstandard_constant lr;  so too where a or b exceeds max_dim
///   eval():  p = e / (1 - ema_rate^t);   train() puts the weights of the training back
/// An axis of at least max_dim keeps the identity for Q.
struct SPlus {
  static constexpr About about{"SPlus", "splus", "Frans et al. 2025, arXiv:2506.07254",
                               "kvfrans/splus"};

  struct Options {
    double lr = 0.1;                          ///< step size, in units of 2/(a + b) for a matrix
    std::array<double, 2> betas{0.9, 0.999};  ///< decay of m and of L
    double ema_rate = 0.999;                  ///< decay of the average of weights
    int64_t inverse_every = 100;              ///< steps between two bases
    double eps = 1e-30;                       ///< added to the diagonal of L
    double weight_decay = 1e-2;               ///< wd, after the step
    int64_t max_dim = 10000;                  ///< longer axes are not turned
    double nonstandard_constant = 1e-3;       ///< a factor of the rate of what is no matrix
    bool maximize = false;                    ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (ema_rate, unit),
                    (inverse_every, at_least_one), (eps, non_negative),
                    (weight_decay, non_negative), (max_dim, at_least_one),
                    (nonstandard_constant, non_negative), (maximize))
  };

  /// As the parameter, float32 if that has 16 bits.
  template <class T>
  struct State {
    T momentum, ema;   // m, e
    T sides, q_sides;  // all L, and all Q, one after another
    T param_buffer;    // p between eval() and train()
    DESCENT_BUFFERS(momentum, ema, sides, q_sides, param_buffer)
  };

  static void update(const Options& o, const TensorStep& step);
  static void change_mode(const Options& o, const TensorStep& step, bool training);
  static std::string state_problem(const Options& o, const at::Tensor* s, const TensorBlock& block);
};

}  // namespace rules

using SPlus = OptimizerOf<rules::SPlus>;

}  // namespace descent
