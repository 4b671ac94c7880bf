#pragma once
#include <descent/optim/wrappers/wrapper.h>

namespace descent {

struct SAMOptions {
  double rho = 0.05;      ///< how far to climb
  bool adaptive = false;  ///< ASAM: in proportion to each weight's magnitude; rho is then near 0.5
  /// Calls the closure for the gradients to climb along, too. Otherwise those that are there when
  /// step() is called are taken.
  bool call_closure_first = false;
  DESCENT_OPTIONS((rho, non_negative), (adaptive), (call_closure_first))
};

/// SAM: steps with the gradients of the worst point nearby, which leads to flat minima.
/// Foret et al. 2021, arXiv:2010.01412; adaptive: Kwon et al. 2021, arXiv:2102.11600; as davda54's:
///   G = sqrt(sum over all parameters ||s g||^2),   s = |theta| if adaptive, else 1
///   climb:  theta + s^2 g rho / (G + 1e-12);   gradients there;   back to theta;   inner step
/// Where the inner optimizer has `maximize`, worse is downhill, and the climb goes along -g.
/// Parameters without a gradient do not move. The way back is exact, also when the closure throws;
/// the gradients that were there before are then back too. After step() .grad holds what the
/// closure left at the worst point.
///
///   descent::SAM opt(descent::SGD(net->parameters(), {.lr = 0.1, .momentum = 0.9}));
///   const auto closure = [&] { auto loss = f(net); loss.backward(); return loss; };
///   closure();  opt.step(closure);  opt.zero_grad();
///
/// step() empties the gradients before the closure runs, which need not do so. Trap: batch
/// normalisation sees every batch twice and takes the second, at the worst point, into its running
/// statistics (davda54/sam issue 17): set the momentum of those modules to 0 in the second call, or
/// renew the statistics with update_bn.
class SAM final : public Wrapper {
 public:
  using Options = SAMOptions;
  explicit SAM(InnerOptimizer inner, const Options& options = {});

  /// The closure, which must be given, computes loss and gradients; it is called once, or twice
  /// with call_closure_first, for every call that the inner optimizer makes to it (L-BFGS makes
  /// several, and look-ahead NAG makes its one elsewhere: both want call_closure_first). Returns
  /// the loss at the worst point, SAM's objective.
  at::Tensor step(LossClosure closure = nullptr) override;

  const Options& options() const { return options_; }
  bool uses_present_gradients() const override {
    return !options_.call_closure_first || Wrapper::uses_present_gradients();
  }

 private:
  bool has(Has what) const override { return what == Has::OtherClosures; }
  at::Tensor at_the_worst_point(const LossClosure& closure);
  void climb(const std::vector<at::Tensor>& params, const std::vector<double>& signs) const;

  Options options_;
};

}  // namespace descent
