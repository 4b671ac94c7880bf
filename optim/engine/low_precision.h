#pragma once
// Numbers that are kept in fewer bits than a step computes in: a tile of them is widened to float in
// the cache, stepped by the rule's float loops, and stored again.
#include <descent/optim/engine/table.h>
#include <descent/optim/optimizer/base_options.h>

namespace descent::engine {

/// A span whose pointers mean 16-bit numbers, buffers included, which are rounded to the nearest
/// (ties to even). As Kernels of table.h.
void sweep_short(NumberType type, Isa isa, const Kernels& kernels, const Span& span, const void* k);
void measure_short(NumberType type, Isa isa, const Kernels& kernels, const Span& span,
                   const void* k, double* sums);
void apply_short(NumberType type, Isa isa, const Kernels& kernels, const Span& span, const void* k,
                 double trust);

/// n numbers widened, and rounded to the nearest (ties to even).
void widen(NumberType type, Isa isa, const uint16_t* from, float* to, int64_t n);
void round(NumberType type, Isa isa, const float* from, uint16_t* to, int64_t n);

/// How one buffer lies in memory.
enum class Kept : uint8_t { AsParameter, Float, Signed8, Unsigned8 };
constexpr bool has_codes(Kept kept) { return kept == Kept::Signed8 || kept == Kept::Unsigned8; }

/// Of 8 bits: so many consecutive elements have one absmax, the largest magnitude among them. An
/// element is the entry of a table of 256 numbers in [-1, 1], or in [0, 1], times that.
inline constexpr int64_t kCodeBlock = 256;
constexpr int64_t code_blocks(int64_t n) { return (n + kCodeBlock - 1) / kCodeBlock; }
/// The table, in ascending order: Dettmers et al. 2022, arXiv:2110.02861, "dynamic tree" numbers.
const std::array<float, 256>& codes(Kept kept);
/// The byte of 0.
constexpr uint8_t zero_code(Kept kept) { return kept == Kept::Signed8 ? 127 : 0; }
/// From the start of a block. Encoding takes the nearest entry to x/absmax, of two that are equally
/// near the lower one. A block with a number that is not finite becomes not a number as a whole.
void decode(Kept kept, Isa isa, const uint8_t* from, const float* absmax, float* to, int64_t n);
void encode(Kept kept, Isa isa, const float* from, uint8_t* to, float* absmax, int64_t n);

/// Of a rule that subtracts the square of a mean from a mean of squares: no byte of the latter may
/// have rounded it below the former, or a root would be of a negative number. Where one has, the
/// next entry that is not below takes its place.
void keep_above_means(const uint8_t* means, const float* absmax_of_means, uint8_t* squares,
                      const float* absmax_of_squares, int64_t n);

/// A float as the nearest bfloat16, ties away from zero, and the lower 16 bits; and back.
void split(Isa isa, const float* from, uint16_t* upper, uint16_t* lower, int64_t n);
void join(Isa isa, const uint16_t* upper, const uint16_t* lower, float* to, int64_t n);

/// What the random bits of a parameter's step follow from, besides the element.
struct Draw {
  uint64_t seed;
  uint32_t position;  ///< among all parameters of all groups
  uint32_t step;
};
/// To bfloat16, up or down by chance; elements `first` (a multiple of 8) and on of the parameter.
void round_by_chance(Isa isa, const float* from, uint16_t* to, const Draw& draw, int64_t first,
                     int64_t n);

/// Kahan's sum: moves `to` to the new values as far as 16 bits go, and keeps in `error` what is left.
void compensate(NumberType type, Isa isa, const float* from, uint16_t* to, uint16_t* error,
                int64_t n);

/// Two buffers of a rule, the square of one of which it subtracts from the other.
struct Subtracted {
  size_t squares, means;
};

/// Where the numbers of one parameter are, and how they lie there, if they are not all of one type.
struct Layout {
  Span whole;       ///< of gradient, parameter and buffers, from the first element on
  NumberType type;  ///< of parameter and gradient; not Double
  Master master;
  bool by_chance;  ///< the parameter is rounded so
  void* beside;    ///< the master, the lower bits or the error
  Draw draw;
  bool coded;  ///< a buffer has codes
  std::array<Kept, kMaxBuffers> kept;
  std::array<float*, kMaxBuffers> absmax;
  std::optional<Subtracted> subtracted;  ///< both have codes
};

/// Elements [first, first + n), where `first` is a multiple of kBlock. As Kernels of table.h, except
/// that measure stores no state where there are codes: apply measures again then, so that the
/// parameter moves by the state as it was before it was encoded.
void sweep_layout(const Layout& x, Isa isa, const Kernels& kernels, int64_t first, int64_t n,
                  const void* k);
void measure_layout(const Layout& x, Isa isa, const Kernels& kernels, int64_t first, int64_t n,
                    const void* k, double* sums);
void apply_layout(const Layout& x, Isa isa, const Kernels& kernels, int64_t first, int64_t n,
                  const void* k, double trust);

}  // namespace descent::engine
