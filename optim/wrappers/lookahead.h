#pragma once
#include <descent/optim/wrappers/wrapper.h>

namespace descent {

class Companions;

struct LookaheadOptions {
  int64_t k = 6;       ///< inner steps between synchronisations
  double alpha = 0.5;  ///< how far the slow weights follow: 0 never, 1 all the way
  SlowInit slow_init = SlowInit::Initial;
  bool reset_inner = false;  ///< forgets the innermost optimizer's state at every synchronisation
  DESCENT_OPTIONS((k, at_least_one), (alpha, closed_unit), (slow_init), (reset_inner))
};

/// Lookahead: k steps of an inner optimizer, then back a part of the way.
/// Zhang et al. 2019, arXiv:1907.08610, Algorithm 1:
///   every k inner steps:  phi <- phi + alpha (theta - phi);   theta <- phi
/// The slow weights phi start as the weights before the first inner step (Initial: the paper,
/// optax), or at the first synchronisation, which then changes nothing (Lazy: timm, over9000).
/// Frozen parameters (requires_grad off) are left alone, and start anew when they thaw. Rules that are
/// evaluated elsewhere than they train are refused inside.
///
///   descent::Lookahead opt(descent::AdamW(net->parameters(), {.lr = 1e-3}), {.k = 5});
class Lookahead final : public Wrapper {
 public:
  using Options = LookaheadOptions;

  /// Around an optimizer that must outlive this, or one given away to be owned.
  explicit Lookahead(InnerOptimizer inner, const Options& options = {});

  /// One inner step, and a synchronisation when k of them are done.
  at::Tensor step(LossClosure closure = nullptr) override;

  /// Synchronises now, as before an evaluation; the next one is k steps away.
  void sync();

  const Options& options() const { return options_; }
  /// Inner steps since the last synchronisation.
  int64_t count() const { return count_; }

 private:
  bool has(Has what) const override { return what == Has::SlowWeights; }
  Companions slow() const;
  void remember();
  void check() const;
  void save_own(tensors::RecordWriter& record) const override;
  Change read_own(const tensors::RecordReader& record) override;
  Change replace_own(const at::Tensor& from, const at::Tensor& to,
                     const std::function<at::Tensor(const at::Tensor&)>& map) override;

  Options options_;
  int64_t count_ = 0;
};

}  // namespace descent
