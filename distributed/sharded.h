#pragma once
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <descent/distributed/world.h>
#include <descent/optim/wrappers/wrapper.h>

namespace descent {

/// An optimizer whose state is spread over the ranks (stage 1 of ZeRO, Rajbhandari et al. 2020,
/// arXiv:1910.02054): each rank keeps the state of some numbers, steps these alone, and then all ranks
/// get all parameters. All ranks need the same gradients, as DataParallel leaves them; the bits are
/// those of the optimizer alone.
///
///   descent::Sharded opt(descent::AdamW(net->parameters(), {.lr = 1e-3}), world);
///
/// Rules that take each element by itself get pieces of parameters, cut anywhere, so that each rank has
/// its part of the state up to an element. Whole parameters, the largest first, each for the rank that
/// has least, get rules with norms or matrices, those that remember something of a group or have slow
/// weights, states of 8 bits, masters and stochastic rounding, and parameters that are not contiguous.
///
/// The World must outlive this. step(), save(), load() and replace_param() are collective. A file of
/// rank 0, which holds the whole state from save() to the next step(), has the bytes that the optimizer
/// alone would write, and loads on any number of ranks, in one process, and in Python. Other wrappers go
/// around this, not inside of it. Refused are rules that look at all parameters at once: those that
/// find their rate, decay by the second moments of all (decay_scale = stable), or take a group for one
/// vector; and those that need closures or are not evaluated
/// where they train.
class Sharded final : public Wrapper {
 public:
  Sharded(InnerOptimizer inner, World& world);
  ~Sharded() override;

  /// One step. The closure, if any, is called once; its value is returned. Throws c10::Error as the
  /// optimizer alone does; and for parameters that were cut and are no longer contiguous or of another
  /// number of elements, for options by which the rule would not take each element by itself any more,
  /// where a parameter has come into another group; and for sparse gradients of what was cut.
  at::Tensor step(LossClosure closure = nullptr) override;

  /// Of rank 0 the whole state. Of the others their own part, which this can load again.
  void save(torch::serialize::OutputArchive& archive) const override;
  void load(torch::serialize::InputArchive& archive) override;

  /// The elements of a parameter, in row-major order, whose state this rank keeps: [first, last), which
  /// are equal where it keeps none.
  /// Throws c10::Error if it is in no group.
  std::pair<int64_t, int64_t> kept(const at::Tensor& parameter) const;
  /// Bytes of the state that this rank keeps.
  int64_t state_bytes() const;

 private:
  Change replace_own(const at::Tensor& from, const at::Tensor& to,
                     const std::function<at::Tensor(const at::Tensor&)>& map) override;

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace descent
