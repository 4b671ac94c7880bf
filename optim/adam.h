#pragma once
#include <descent/optim/pieces/cautious.h>

namespace descent {

DESCENT_ENUM(Nesterov, Off, Plain, Ahead)

namespace rules {

/// What Adam, AdamW and NAdamW compute, apart from their names and defaults.
struct AdamLoops {
  template <class T>
  struct State {
    T exp_avg, exp_avg_sq, max_exp_avg_sq;  // m, v, x
    DESCENT_BUFFERS(exp_avg, exp_avg_sq, max_exp_avg_sq)
  };

  struct Form {
    bool amsgrad, cautious, nesterov;
    bool operator==(const Form&) const = default;
  };
  static constexpr Form forms[] = {
      {false, false, false}, {true, false, false}, {false, true, false}, {true, true, false},
      {false, false, true},  {true, false, true},  {false, true, true},  {true, true, true}};
  static constexpr bool reads_twice(Form f) { return f.cautious; }
  static constexpr std::array<bool, 3> buffers(Form f) { return {true, true, f.amsgrad}; }

  /// The three places of eps are one formula: rate M / (sqrt(y unbias + inside) scale + outside),
  /// with M = m, or ahead m + now g for Nesterov's momentum.
  template <class T>
  struct Coefficients {
    T b1, w1, b2, w2, rate, unbias, inside, scale, outside, ahead, now;
  };

  template <class O>
  static Coefficients<double> coefficients(const O& o, const StepInfo& at) {
    const auto t = static_cast<double>(at.step);
    const auto [b1, b2] = o.betas;
    const auto correction = [&](double b, double n) {
      return o.bias_correction ? 1 - std::pow(b, n) : 1;
    };
    const double c1 = correction(b1, t), c2 = correction(b2, t);
    Coefficients<double> k{b1, 1 - b1, b2, 1 - b2, o.lr / c1, 1, 0, 1, 0, b1, 1 - b1};
    if (o.nesterov == Nesterov::Ahead) k.ahead = b1 * c1 / correction(b1, t + 1);
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

  /// M
  template <Form F, class T, class S>
  DESCENT_FN static T momentum(const T& g, const State<T>& s, const Coefficients<S>& k) {
    if constexpr (F.nesterov)
      return k.ahead * s.exp_avg + k.now * g;
    else
      return s.exp_avg;
  }

  template <Form F, class T, class S>
  DESCENT_FN static T direction(const T& g, const State<T>& s, const Coefficients<S>& k) {
    const T& y = F.amsgrad ? s.max_exp_avg_sq : s.exp_avg_sq;
    return (k.rate * momentum<F>(g, s, k)) / (sqrt(k.unbias * y + k.inside) * k.scale + k.outside);
  }

  template <Form F, class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    average<F>(g, s, k);
    p = p - direction<F>(g, s, k);
  }

  template <Form F, class T, class S>
  DESCENT_FN static Pair<T> measure(const T&, const T& g, State<T>& s, const Coefficients<S>& k) {
    average<F>(g, s, k);
    const T mask = is_positive(momentum<F>(g, s, k) * g);
    return {mask, mask};
  }
  template <Form F, class T, class S>
  DESCENT_FN static void apply(T& p, const T& g, const State<T>& s, const Coefficients<S>& k,
                               const S& trust) {
    p = p - (trust * is_positive(momentum<F>(g, s, k) * g)) * direction<F>(g, s, k);
  }
};

/// Adam, AdamW, NAdamW and AMSGrad: steps by the gradient's average over the root of its square's average.
/// Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1; Loshchilov & Hutter 2019, arXiv:1711.05101
/// (decoupled decay, the default of AdamW); Reddi et al. 2018, arXiv:1904.09237 (amsgrad); Dozat
/// 2016, ICLR workshop (nesterov, Plain in NAdamW).
///   m <- b1 m + (1 - b1) g;   v <- b2 v + (1 - b2) g^2
///   y = v,  or with amsgrad  x <- max(x, v),  y = x
///   c1 = 1 - b1^t,  c2 = 1 - b2^t,  or 1 and 1 without bias_correction
///   Outside:  p <- p - lr/c1 m / (sqrt(y)/sqrt(c2) + eps)         as torch.optim
///   Inside:   p <- p - lr (m/c1) / sqrt(y/c2 + eps)
///   Hat:      p <- p - lr sqrt(c2)/c1 m / (sqrt(y) + eps)         as Keras
/// The maximum is over v before its bias correction, as in torch and Keras; AMSGrad as published is
/// amsgrad without bias_correction. cautious masks m in the last line, see cautious.h. nesterov puts
/// in the place of m/c1
///   Plain:  (b1 m + (1 - b1) g)/c1                                as timm's nadamw
///   Ahead:  b1 m/(1 - b1^(t + 1)) + (1 - b1) g/c1                 as optax' nadamw
/// NAdam has another momentum, which grows.
template <DecayMode Mode, Nesterov Momentum = Nesterov::Off>
struct AdamFamily : AdamLoops {
  using Loops = AdamLoops;

  static constexpr About about =
      Momentum == Nesterov::Plain
          ? About{"NAdamW", "nadamw",
                  "Dozat 2016, ICLR workshop; Loshchilov & Hutter 2019, arXiv:1711.05101",
                  "timm nadamw; optax nadamw"}
      : Mode == DecayMode::Coupled
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
    Nesterov nesterov = Momentum;         ///< the momentum of a step ahead, see above
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (eps, non_negative),
                    (weight_decay, non_negative), (decay_mode), (amsgrad), (maximize), (eps_mode),
                    (bias_correction), (cautious), (nesterov))

    /// The settings of keras.optimizers.Adam and AdamW.
    static Options keras() {
      return {.eps = 1e-7,
              .weight_decay = Mode == DecayMode::Coupled ? 0 : 4e-3,
              .decay_mode = DecayMode::Decoupled,
              .eps_mode = EpsMode::Hat};
    }
  };

  static Form form(const Options& o) {
    return {o.amsgrad, o.cautious != Cautious::Off, o.nesterov != Nesterov::Off};
  }
  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    return coefficients(o, at);
  }
  DESCENT_FN static double trust(const Options& o, const Sums& sums, const StepInfo&) {
    return cautious_scale(o.cautious, sums);
  }
  static SecondMoment second_moment(const Options& o,
                                    const StepInfo& at) requires(Mode == DecayMode::Decoupled &&
                                                                 Momentum == Nesterov::Off) {
    const double c2 = 1 - std::pow(o.betas[1], static_cast<double>(at.step));
    return {o.betas[1], o.bias_correction ? c2 : 1, o.eps};
  }
};

using Adam = AdamFamily<DecayMode::Coupled>;
using AdamW = AdamFamily<DecayMode::Decoupled>;
using NAdamW = AdamFamily<DecayMode::Decoupled, Nesterov::Plain>;

}  // namespace rules

using Adam = OptimizerOf<rules::Adam>;
using AdamW = OptimizerOf<rules::AdamW>;
using NAdamW = OptimizerOf<rules::NAdamW>;

}  // namespace descent
