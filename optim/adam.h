#pragma once
#include <descent/optim/pieces/cautious.h>

namespace descent {
namespace rules {

/// Adam, AdamW and AMSGrad: steps by the gradient's average over the root of its square's average.
/// Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1; Loshchilov & Hutter 2019, arXiv:1711.05101
/// (decoupled decay, the default of AdamW); Reddi et al. 2018, arXiv:1904.09237 (amsgrad).
///   m <- b1 m + (1 - b1) g;   v <- b2 v + (1 - b2) g^2
///   y = v,  or with amsgrad  x <- max(x, v),  y = x
///   c1 = 1 - b1^t,  c2 = 1 - b2^t,  or 1 and 1 without bias_correction
///   Outside:  p <- p - lr/c1 m / (sqrt(y)/sqrt(c2) + eps)         as torch.optim
///   Inside:   p <- p - lr (m/c1) / sqrt(y/c2 + eps)
///   Hat:      p <- p - lr sqrt(c2)/c1 m / (sqrt(y) + eps)         as Keras
/// The maximum is over v before its bias correction, as in torch and Keras; AMSGrad as published is
/// amsgrad without bias_correction. cautious masks m in the last line, see cautious.h.
template <DecayMode Mode>
struct AdamFamily {
  static constexpr About about =
      Mode == DecayMode::Coupled
          ? About{"Adam", "adam", "Kingma & Ba 2015, arXiv:1412.6980",
                  "torch.optim.Adam; Keras Adam"}
          : About{"AdamW", "adamw", "Loshchilov & Hutter 2019, arXiv:1711.05101",
                  "torch.optim.AdamW; Keras AdamW; timm"};

  struct Options {
    double lr = 1e-3;                         ///< step size
    std::array<double, 2> betas{0.9, 0.999};  ///< decay of m and of v
    double eps = 1e-8;                        ///< keeps the denominator off zero
    double weight_decay = Mode == DecayMode::Coupled ? 0 : 1e-2;
    DecayMode decay_mode = Mode;
    bool amsgrad = false;                 ///< divides by the largest v so far
    bool maximize = false;                ///< maximizes the loss: flips the gradient's sign
    EpsMode eps_mode = EpsMode::Outside;  ///< where eps stands, see above
    bool bias_correction = true;          ///< divides m and v by c1 and c2
    Cautious cautious = Cautious::Off;    ///< moves only where m and g agree in sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (eps, non_negative),
                    (weight_decay, non_negative), (decay_mode), (amsgrad), (maximize), (eps_mode),
                    (bias_correction), (cautious))

    /// The settings of keras.optimizers.Adam and AdamW.
    static Options keras() {
      return {.eps = 1e-7,
              .weight_decay = Mode == DecayMode::Coupled ? 0 : 4e-3,
              .decay_mode = DecayMode::Decoupled,
              .eps_mode = EpsMode::Hat};
    }
  };

  template <class T>
  struct State {
    T exp_avg, exp_avg_sq, max_exp_avg_sq;  // m, v, x
    DESCENT_BUFFERS(exp_avg, exp_avg_sq, max_exp_avg_sq)
  };

  struct Form {
    bool amsgrad, cautious;
    bool operator==(const Form&) const = default;
  };
  static constexpr Form forms[] = {{false, false}, {true, false}, {false, true}, {true, true}};
  static Form form(const Options& o) { return {o.amsgrad, o.cautious != Cautious::Off}; }
  static constexpr bool reads_twice(Form f) { return f.cautious; }
  static constexpr std::array<bool, 3> buffers(Form f) { return {true, true, f.amsgrad}; }

  /// The three places of eps are one formula: rate m / (sqrt(y unbias + inside) scale + outside).
  template <class T>
  struct Coefficients {
    T b1, w1, b2, w2, rate, unbias, inside, scale, outside;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    const auto t = static_cast<double>(at.step);
    const double c1 = o.bias_correction ? 1 - std::pow(o.betas[0], t) : 1;
    const double c2 = o.bias_correction ? 1 - std::pow(o.betas[1], t) : 1;
    Coefficients<double> k{
        o.betas[0], 1 - o.betas[0], o.betas[1], 1 - o.betas[1], o.lr / c1, 1, 0, 1, 0};
    switch (o.eps_mode) {
      case EpsMode::Outside:
        k.scale = 1 / std::sqrt(c2), k.outside = o.eps;
        break;
      case EpsMode::Inside:
        k.unbias = 1 / c2, k.inside = o.eps;
        break;
      case EpsMode::Hat:
        k.rate = o.lr * std::sqrt(c2) / c1, k.outside = o.eps;
        break;
    }
    return k;
  }

  template <Form F, class T, class S>
  DESCENT_FN static void average(const T& g, State<T>& s, const Coefficients<S>& k) {
    s.exp_avg = k.b1 * s.exp_avg + k.w1 * g;
    s.exp_avg_sq = k.b2 * s.exp_avg_sq + k.w2 * (g * g);
    if constexpr (F.amsgrad) s.max_exp_avg_sq = max(s.max_exp_avg_sq, s.exp_avg_sq);
  }

  template <Form F, class T, class S>
  DESCENT_FN static T direction(const State<T>& s, const Coefficients<S>& k) {
    const T& y = F.amsgrad ? s.max_exp_avg_sq : s.exp_avg_sq;
    return (k.rate * s.exp_avg) / (sqrt(k.unbias * y + k.inside) * k.scale + k.outside);
  }

  template <Form F, class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    average<F>(g, s, k);
    p = p - direction<F>(s, k);
  }

  template <Form F, class T, class S>
  DESCENT_FN static Pair<T> measure(const T&, const T& g, State<T>& s, const Coefficients<S>& k) {
    average<F>(g, s, k);
    const T mask = is_positive(s.exp_avg * g);
    return {mask, mask};
  }
  static double trust(const Options& o, const Sums& sums, const StepInfo&) {
    return cautious_scale(o.cautious, sums);
  }
  template <Form F, class T, class S>
  DESCENT_FN static void apply(T& p, const T& g, const State<T>& s, const Coefficients<S>& k,
                               const S& trust) {
    p = p - (trust * is_positive(s.exp_avg * g)) * direction<F>(s, k);
  }
};

using Adam = AdamFamily<DecayMode::Coupled>;
using AdamW = AdamFamily<DecayMode::Decoupled>;

}  // namespace rules

using Adam = Optimizer<rules::Adam>;
using AdamW = Optimizer<rules::AdamW>;

}  // namespace descent
