#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include <descent/landscape/paths/evaluator.h>

namespace descent::landscape {

/// Any network of float32 or float64 on the CPU, many at once: their weights are stacked, and each
/// operation of forward() and of the metrics runs once for all of them by LibTorch's vmap. Weights
/// have the same bits as in the loop.
///
/// Two kinds of network come out wrong and not as an exception: one that reads the memory of a
/// parameter, and one that keeps a view of one from before. A third kind, whose control flow
/// depends on values, raises c10::Error. So what this computes is compared with the loop first.
class Batched : public Evaluator {
 public:
  /// nullptr with the reason in `why_not` where it does not apply. `activations`: the bytes that
  /// one network makes at its peak in the loop. bytes() holds after the first call of measure(),
  /// which must be alone.
  static std::unique_ptr<Batched> of(const Problem& problem, int64_t activations,
                                     std::string* why_not);
};

}  // namespace descent::landscape
