#pragma once
#include <string>

#include <descent/optim/engine/rule.h>

namespace descent {

DESCENT_ENUM(MiniBlock, Tensor, Row, Heads, Element)

namespace rules {

/// Adam-mini: Adam with one second moment for each block of numbers.
/// Zhang et al. 2024, arXiv:2406.16793, Algorithm 1:
///   m <- b1 m + (1 - b1) g;   v <- b2 v + (1 - b2) (mean of g^2 over the block)
///   p <- p - lr/c1 m / (sqrt(v)/sqrt(c2) + eps),   c1 = 1 - b1^t,  c2 = 1 - b2^t
/// Blocks of a parameter, in row-major order:
///   Tensor: all of it      Row: each slice of the first axis      Element: each number (AdamW)
///   Heads: `heads` runs of equal length, as for the queries and keys of attention
struct AdamMini {
  static constexpr About about{"AdamMini", "adam_mini", "Zhang et al. 2024, arXiv:2406.16793",
                               "adam_mini 1.1.1"};

  struct Options {
    double lr = 1e-3;                         ///< step size
    std::array<double, 2> betas{0.9, 0.999};  ///< decay of m and of v
    double eps = 1e-8;                        ///< keeps the denominator off zero
    double weight_decay = 0;
    DecayMode decay_mode = DecayMode::Decoupled;
    MiniBlock block = MiniBlock::Row;  ///< what shares a second moment, see above
    int64_t heads = 1;                 ///< how many runs there are with block = heads
    bool maximize = false;             ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (eps, non_negative),
                    (weight_decay, non_negative), (decay_mode), (block), (heads, at_least_one),
                    (maximize))
  };

  /// As the parameter, float32 if that has 16 bits.
  template <class T>
  struct State {
    T exp_avg;  // m
    T vmean;    // v, one number for each block
    DESCENT_BUFFERS(exp_avg, vmean)
  };

  static std::string block_problem(const Options& o, const TensorBlock& block);
  static void update(const Options& o, const TensorStep& step);
  static std::string state_problem(const Options& o, const at::Tensor* s, const TensorBlock& block);
};

}  // namespace rules

using AdamMini = OptimizerOf<rules::AdamMini>;

}  // namespace descent
