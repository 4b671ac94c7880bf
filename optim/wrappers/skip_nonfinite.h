#pragma once
#include <descent/optim/wrappers/wrapper.h>

namespace descent {

/// Skips a step whose gradients are not all finite, and counts: for those who do not scale losses
/// (see GradScaler). A skipped step changes nothing: no parameter, no state, no count of steps.
/// As optax.apply_if_finite without its limit:
///   some g infinite or NaN: skipped += 1, in a row += 1;   else: in a row = 0, inner step
///
///   descent::SkipNonfinite opt(descent::AdamW(net->parameters(), {.lr = 1e-3}));
///   opt.step();
///   if (opt.skipped_in_a_row() > 10) ...   // the weights are lost, or the rate is too high
///
/// Goes around ClipNorm and others that look at gradients, not inside of them: one gradient that is
/// not finite makes all that they hand on so. Inner optimizers that call closures more than once,
/// elsewhere, or for the loss are refused.
class SkipNonfinite final : public Wrapper {
 public:
  explicit SkipNonfinite(InnerOptimizer inner);

  /// The closure, if any, is called once, before the gradients are looked at; its value is returned
  /// in any case.
  at::Tensor step(LossClosure closure = nullptr) override;

  /// Steps that were skipped, in all and since the last one that was not.
  int64_t skipped() const { return skipped_; }
  int64_t skipped_in_a_row() const { return in_a_row_; }
  /// Calls of step(), skipped ones included.
  int64_t n() const { return n_; }

 private:
  void save_own(tensors::RecordWriter& record) const override;
  Change read_own(const tensors::RecordReader& record) override;

  int64_t n_ = 0, skipped_ = 0, in_a_row_ = 0;
};

}  // namespace descent
