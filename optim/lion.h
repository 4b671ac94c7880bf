#pragma once
#include <descent/optim/pieces/cautious.h>

namespace descent {
namespace rules {

/// Lion: steps by the sign of an interpolated momentum.
/// Chen et al. 2023, arXiv:2302.06675, Algorithm 2:
///   p <- p (1 - lr wd);   u = sign(b1 m + (1 - b1) g);   p <- p - lr u;   m <- b2 m + (1 - b2) g
/// cautious masks u, see cautious.h.
struct Lion {
  static constexpr About about{"Lion", "lion", "Chen et al. 2023, arXiv:2302.06675",
                               "google/automl lion; timm; C-Optim"};

  struct Options {
    double lr = 1e-4;                        ///< step size; wants 3-10 times less than AdamW's
    std::array<double, 2> betas{0.9, 0.99};  ///< b1: momentum in the step, b2: its decay
    double weight_decay = 0;                 ///< wd
    DecayMode decay_mode = DecayMode::Decoupled;
    bool maximize = false;              ///< maximizes the loss: flips the gradient's sign
    Cautious cautious = Cautious::Off;  ///< moves only where u and g agree in sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (weight_decay, non_negative), (decay_mode),
                    (maximize), (cautious))

    /// The settings of keras.optimizers.Lion.
    static Options keras() { return {.lr = 1e-3}; }
  };

  template <class T>
  struct State {
    T exp_avg;  // m
    DESCENT_BUFFERS(exp_avg)
  };

  struct Form {
    bool cautious;
    bool operator==(const Form&) const = default;
  };
  static constexpr Form forms[] = {{false}, {true}};
  static Form form(const Options& o) { return {o.cautious != Cautious::Off}; }
  static constexpr std::array<bool, 1> buffers(Form) { return {true}; }
  static constexpr bool reads_twice(Form f) { return f.cautious; }

  template <class T>
  struct Coefficients {
    T lr, b1, w1, b2, w2;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo&) {
    return {o.lr, o.betas[0], 1 - o.betas[0], o.betas[1], 1 - o.betas[1]};
  }

  /// u
  template <class T, class S>
  DESCENT_FN static T direction(const T& g, const State<T>& s, const Coefficients<S>& k) {
    return sign(k.b1 * s.exp_avg + k.w1 * g);
  }

  template <Form F, class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    p = p - k.lr * direction(g, s, k);
    s.exp_avg = k.b2 * s.exp_avg + k.w2 * g;
  }

  template <Form F, class T, class S>
  DESCENT_FN static Pair<T> measure(const T&, const T& g, const State<T>& s,
                                    const Coefficients<S>& k) {
    const T mask = is_positive(direction(g, s, k) * g);
    return {mask, mask};
  }
  DESCENT_FN static double trust(const Options& o, const Sums& sums, const StepInfo&) {
    return cautious_scale(o.cautious, sums);
  }
  template <Form F, class T, class S>
  DESCENT_FN static void apply(T& p, const T& g, State<T>& s, const Coefficients<S>& k,
                               const S& trust) {
    const T u = direction(g, s, k);
    p = p - (k.lr * trust) * (is_positive(u * g) * u);
    s.exp_avg = k.b2 * s.exp_avg + k.w2 * g;
  }
};

}  // namespace rules

using Lion = OptimizerOf<rules::Lion>;

}  // namespace descent
