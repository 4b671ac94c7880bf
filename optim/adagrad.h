#pragma once
#include <descent/optim/engine/rule.h>

namespace descent {

namespace rules {

/// AdaGrad, diagonal: divides by the root of the sum of all squared gradients.
/// Duchi, Hazan & Singer 2011, JMLR 12:2121, Figure 1:
///   G <- G + g^2;   rate = lr / (1 + (t - 1) lr_decay)
///   Outside:  p <- p - rate g / (sqrt(G) + eps)        as torch.optim.Adagrad
///   Inside:   p <- p - rate g / sqrt(G + eps)          as Keras, optax
/// G starts at initial_accumulator_value.
struct Adagrad {
  static constexpr About about{"Adagrad", "adagrad", "Duchi, Hazan & Singer 2011, JMLR 12:2121",
                               "torch.optim.Adagrad; Keras Adagrad"};

  struct Options {
    double lr = 1e-2;                      ///< step size
    double lr_decay = 0;                   ///< the rate falls as 1 / (1 + (t - 1) lr_decay)
    double initial_accumulator_value = 0;  ///< G ahead of the first gradient
    double eps = 1e-10;                    ///< keeps the denominator off zero
    RootEps eps_mode = RootEps::Outside;   ///< where eps stands, see above
    double weight_decay = 0;
    DecayMode decay_mode = DecayMode::Coupled;
    bool maximize = false;  ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (lr_decay, non_negative),
                    (initial_accumulator_value, non_negative), (eps, non_negative), (eps_mode),
                    (weight_decay, non_negative), (decay_mode), (maximize))

    /// The settings of keras.optimizers.Adagrad.
    static Options keras() {
      return {.lr = 1e-3,
              .initial_accumulator_value = 0.1,
              .eps = 1e-7,
              .eps_mode = RootEps::Inside,
              .decay_mode = DecayMode::Decoupled};
    }
  };

  template <class T>
  struct State {
    T sum;  // G
    DESCENT_BUFFERS(sum)
  };
  template <class T>
  static State<T> initial(const Options& o, const T& p) {
    return {.sum = filled(p, o.initial_accumulator_value)};
  }

  static Sparse takes_sparse(const Options&) { return Sparse::Present; }

  template <class T>
  struct Coefficients {
    T rate, inside, outside;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    const double rate = o.lr / (1 + static_cast<double>(at.step - 1) * o.lr_decay);
    const bool inside = o.eps_mode == RootEps::Inside;
    return {rate, inside ? o.eps : 0, inside ? 0 : o.eps};
  }

  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    s.sum = s.sum + g * g;
    p = p - (k.rate * g) / (sqrt(s.sum + k.inside) + k.outside);
  }
};

}  // namespace rules

using Adagrad = OptimizerOf<rules::Adagrad>;

}  // namespace descent
