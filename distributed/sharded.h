#pragma once
#include <functional>
#include <memory>
#include <vector>

#include <descent/distributed/world.h>
#include <descent/optim/wrappers/wrapper.h>

namespace descent {

/// An optimizer whose state is spread over the ranks (stage 1 of ZeRO, Rajbhandari et al. 2020,
/// arXiv:1910.02054): each rank keeps the state of some parameters, steps these alone, and then all
/// ranks get all parameters. Parameters are dealt out whole, the largest first, each to the rank that
/// has least, so that rules with norms and matrices see what they need. All ranks need the same
/// gradients, as DataParallel leaves them; the bits are those of the optimizer alone.
///
///   descent::Sharded opt(descent::AdamW(net->parameters(), {.lr = 1e-3}), world);
///
/// The World must outlive this. step(), save() and load() are collective. A file of rank 0, which holds
/// the whole state from save() to the next step(), has the bytes that the optimizer alone
/// would write, and loads on any number of ranks, in one process, and in Python. Other wrappers go
/// around this, not inside of it. Refused are rules that look at all parameters at once: those that
/// find their rate, clip by the norm of all gradients, or take a group for one vector; and those that
/// need closures or are not evaluated where they train.
class Sharded final : public Wrapper {
 public:
  Sharded(InnerOptimizer inner, World& world);
  ~Sharded() override;

  /// One step. The closure, if any, is called once; its value is returned.
  at::Tensor step(LossClosure closure = nullptr) override;

  /// Of rank 0 the whole state, of the others their own part.
  void save(torch::serialize::OutputArchive& archive) const override;
  void load(torch::serialize::InputArchive& archive) override;

  /// The rank that keeps the state of a parameter. Throws c10::Error if it is in no group.
  int owner(const at::Tensor& parameter) const;

 private:
  Change replace_own(const at::Tensor& from, const at::Tensor& to,
                     const std::function<at::Tensor(const at::Tensor&)>& map) override;

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace descent
