#pragma once
// The base options: every rule takes them beside its own, by the same names and in the same texts.
#include <descent/base/fields.h>

namespace descent {

DESCENT_ENUM(StateDtype, Param, Float32)
DESCENT_ENUM(Master, None, Float32, Remainder, Kahan)
DESCENT_ENUM(Rounding, Nearest, Stochastic)

namespace domains {
inline constexpr Domain zero_or_eight{"0 or 8", [](double x) { return x == 0 || x == 8; }};
}

/// In how many bits parameters and state are kept. Every step of a parameter of 16 bits computes in
/// float; these say what is stored. All but state_dtype are refused for a float64 parameter.
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
  DESCENT_OPTIONS((state_dtype), (master), (rounding), (seed, non_negative),
                  (state_bits, zero_or_eight), (min_8bit_size, non_negative))
  bool operator==(const BaseOptions&) const = default;

  std::optional<Conflict> conflict() const {
    if (rounding == Rounding::Stochastic && master != Master::None)
      return Conflict{"rounding", "nearest with a master"};
    return {};
  }
};

}  // namespace descent
