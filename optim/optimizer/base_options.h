#pragma once
// The base options: every rule takes them beside its own, by the same names and in the same texts.
#include <descent/base/fields.h>

namespace descent {

DESCENT_ENUM(StateDtype, Param, Float32)
DESCENT_ENUM(Master, None, Float32, Remainder, Kahan)
DESCENT_ENUM(Rounding, Nearest, Stochastic)
DESCENT_ENUM(DecayScale, Lr, Corrected, Independent, Stable)

namespace domains {
inline constexpr Domain zero_or_eight{"0 or 8", [](double x) { return x == 0 || x == 8; }};
}

/// In how many bits parameters and state are kept, and how weights decay. Every step of a parameter
/// of 16 bits computes in float; the first six say what is stored. All of these but state_dtype are
/// refused for a float64 parameter.
struct BaseOptions {
  /// Of a parameter of 16 bits: the type of its buffers. Param is what torch.optim does, in half of
  /// the memory. All other parameters have buffers of their own type, and rules on matrices keep
  /// float in any case.
  StateDtype state_dtype = StateDtype::Float32;
  /// What is kept beside a parameter of 16 bits, so that small steps are not rounded away:
  /// Float32 the parameter in float; Remainder (bfloat16) the 16 bits that it lacks of that; Kahan
  /// (of 16 bits) the error of the last rounding. Float32 and Remainder are the parameter from then
  /// on: who writes into it calls sync_masters().
  Master master = Master::None;
  /// How a bfloat16 parameter without a master is rounded; Stochastic is right on average.
  Rounding rounding = Rounding::Nearest;
  /// Of the random numbers for Stochastic, which follow from it, the parameter's place, its step and
  /// the element. A rule with a seed of its own has only that one.
  int64_t seed = 0;
  /// 8: moments and squares are kept in one byte an element, see low_precision.h.
  int64_t state_bits = 0;
  /// Parameters with fewer elements keep their buffers as they are.
  int64_t min_8bit_size = 4096;
  /// Decays only what moves towards 0 in this step, or does not move. Chen et al. 2025,
  /// arXiv:2510.12402.
  bool cautious_decay = false;
  /// What the decay is in proportion to, see decay_scale.h.
  DecayScale decay_scale = DecayScale::Lr;
  /// Of corrected and independent; none: the group's rate when it is added.
  std::optional<double> max_lr{};
  DESCENT_OPTIONS((state_dtype), (master), (rounding), (seed, non_negative),
                  (state_bits, zero_or_eight), (min_8bit_size, non_negative), (cautious_decay),
                  (decay_scale), (max_lr, positive))
  bool operator==(const BaseOptions&) const = default;
  /// These, but what is said of decay is `other`'s.
  BaseOptions decaying_as(const BaseOptions& other) const {
    BaseOptions made = *this;
    made.cautious_decay = other.cautious_decay;
    made.decay_scale = other.decay_scale, made.max_lr = other.max_lr;
    return made;
  }

  std::optional<Conflict> conflict() const {
    if (rounding == Rounding::Stochastic && master != Master::None)
      return Conflict{"rounding", "nearest with a master"};
    return {};
  }
};

}  // namespace descent
