#pragma once
#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// NAdam: Adam with Nesterov's momentum on a schedule.
/// Dozat 2016, ICLR workshop:
///   mu = b1 (1 - 0.96^(t psi) / 2);   mu' the same of t + 1;   P <- P mu
///   m <- b1 m + (1 - b1) g;   v <- b2 v + (1 - b2) g^2;   d = sqrt(v/c2) + eps,  c2 = 1 - b2^t
///   p <- p - lr (1 - mu)/(1 - P) g/d - lr mu'/(1 - P mu') m/d
/// psi = momentum_decay. Keras has psi = 1; optax's nadam keeps mu = b1, another algorithm.
struct NAdam {
  static constexpr About about{"NAdam", "nadam", "Dozat 2016, ICLR workshop",
                               "torch.optim.NAdam; Keras Nadam"};

  struct Options {
    double lr = 2e-3;                         ///< step size
    std::array<double, 2> betas{0.9, 0.999};  ///< decay of m and of v
    double eps = 1e-8;                        ///< keeps the denominator off zero
    double momentum_decay = 4e-3;             ///< psi
    double weight_decay = 0;
    DecayMode decay_mode = DecayMode::Coupled;
    bool maximize = false;  ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (eps, non_negative),
                    (momentum_decay, non_negative), (weight_decay, non_negative), (decay_mode),
                    (maximize))

    /// The settings of keras.optimizers.Nadam.
    static Options keras() {
      return {.lr = 1e-3, .eps = 1e-7, .momentum_decay = 1, .decay_mode = DecayMode::Decoupled};
    }
  };

  template <class T>
  struct State {
    T exp_avg, exp_avg_sq;  // m, v
    DESCENT_BUFFERS(exp_avg, exp_avg_sq)
  };

  struct Scalars {
    double mu_product = 1;  // P
    DESCENT_BUFFERS(mu_product)
  };

  template <class T>
  struct Coefficients {
    T b1, w1, b2, w2, of_gradient, of_average, scale, eps;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo& at, Scalars& s) {
    const auto t = static_cast<double>(at.step);
    const auto mu = [&](double step) {
      return o.betas[0] * (1 - 0.5 * std::pow(0.96, step * o.momentum_decay));
    };
    s.mu_product *= mu(t);
    const double product = s.mu_product;
    return {.b1 = o.betas[0],
            .w1 = 1 - o.betas[0],
            .b2 = o.betas[1],
            .w2 = 1 - o.betas[1],
            .of_gradient = o.lr * (1 - mu(t)) / (1 - product),
            .of_average = o.lr * mu(t + 1) / (1 - product * mu(t + 1)),
            .scale = 1 / std::sqrt(1 - std::pow(o.betas[1], t)),
            .eps = o.eps};
  }

  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    s.exp_avg = k.b1 * s.exp_avg + k.w1 * g;
    s.exp_avg_sq = k.b2 * s.exp_avg_sq + k.w2 * (g * g);
    p = p - (k.of_gradient * g + k.of_average * s.exp_avg) / (sqrt(s.exp_avg_sq) * k.scale + k.eps);
  }
};

}  // namespace rules

using NAdam = OptimizerOf<rules::NAdam>;

}  // namespace descent
