#pragma once
#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// AdaDelta: the ratio of two running roots, of past steps and of gradients, is the rate.
/// Zeiler 2012, arXiv:1212.5701, Algorithm 1:
///   v <- rho v + (1 - rho) g^2;   d = sqrt((u + eps) / (v + eps)) g
///   u <- rho u + (1 - rho) d^2;   p <- p - lr d
/// d takes u from before this step; lr multiplies what is applied, never u.
struct Adadelta {
  static constexpr About about{"Adadelta", "adadelta", "Zeiler 2012, arXiv:1212.5701",
                               "torch.optim.Adadelta; Keras Adadelta"};

  struct Options {
    double lr = 1.0;    ///< scales the step
    double rho = 0.9;   ///< decay of both averages
    double eps = 1e-6;  ///< under both roots; sets the size of the first steps
    double weight_decay = 0;
    DecayMode decay_mode = DecayMode::Coupled;
    bool maximize = false;  ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (rho, closed_unit), (eps, non_negative),
                    (weight_decay, non_negative), (decay_mode), (maximize))

    /// The settings of keras.optimizers.Adadelta.
    static Options keras() {
      return {.lr = 1e-3, .rho = 0.95, .eps = 1e-7, .decay_mode = DecayMode::Decoupled};
    }
  };

  template <class T>
  struct State {
    T square_avg, acc_delta;  // v, u
    DESCENT_BUFFERS(square_avg, acc_delta)
  };

  template <class T>
  struct Coefficients {
    T lr, rho, w, eps;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo&) {
    return {o.lr, o.rho, 1 - o.rho, o.eps};
  }

  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    s.square_avg = k.rho * s.square_avg + k.w * (g * g);
    const T d = sqrt((s.acc_delta + k.eps) / (s.square_avg + k.eps)) * g;
    s.acc_delta = k.rho * s.acc_delta + k.w * (d * d);
    p = p - k.lr * d;
  }
};

}  // namespace rules

using Adadelta = OptimizerOf<rules::Adadelta>;

}  // namespace descent
