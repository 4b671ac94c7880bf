#pragma once
#include <descent/optim/engine/wrapper.h>

namespace descent {

DESCENT_ENUM(SlowInit, Initial, Lazy)

struct LookaheadOptions {
  int64_t k = 6;       ///< inner steps between synchronisations
  double alpha = 0.5;  ///< how far the slow weights follow: 0 never, 1 all the way
  SlowInit slow_init = SlowInit::Initial;
  bool reset_inner = false;  ///< forgets the inner optimizer's state at every synchronisation
  DESCENT_OPTIONS((k, at_least_one), (alpha, closed_unit), (slow_init), (reset_inner))
};

/// Lookahead: k steps of an inner optimizer, then back a part of the way.
/// Zhang et al. 2019, arXiv:1907.08610, Algorithm 1:
///   every k inner steps:  phi <- phi + alpha (theta - phi);   theta <- phi
/// The slow weights phi start as the weights before the first inner step (Initial: the paper,
/// optax), or at the first synchronisation, which then changes nothing (Lazy: timm, over9000).
///
///   descent::Lookahead opt(descent::AdamW(net->parameters(), {.lr = 1e-3}), {.k = 5});
class Lookahead final : public Wrapper {
 public:
  using Options = LookaheadOptions;

  /// Around an optimizer that must outlive this.
  explicit Lookahead(torch::optim::Optimizer& inner, const Options& options = {});
  /// Around an optimizer that this owns from now on.
  explicit Lookahead(std::unique_ptr<torch::optim::Optimizer> inner, const Options& options = {});
  template <OptimizerValue Inner>
  explicit Lookahead(Inner&& inner, const Options& options = {})
      : Lookahead(std::unique_ptr<torch::optim::Optimizer>(
                      std::make_unique<Inner>(std::forward<Inner>(inner))),
                  options) {}

  /// One inner step, and a synchronisation when k of them are done.
  at::Tensor step(LossClosure closure = nullptr) override;

  /// Synchronises now, as before an evaluation; the next one is k steps away.
  void sync();

  const Options& options() const { return options_; }
  /// Inner steps since the last synchronisation.
  int64_t count() const { return count_; }

  /// Saves slow weights, count and the inner optimizer's state; options are not part of it.
  void save(torch::serialize::OutputArchive& archive) const override;
  /// Throws c10::Error, with slow weights and count as they were, for archives of other optimizers
  /// or other shapes.
  void load(torch::serialize::InputArchive& archive) override;

 private:
  void remember();

  Options options_;
  int64_t count_ = 0;
};

}  // namespace descent
