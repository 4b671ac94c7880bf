#pragma once
#include <vector>

#include <descent/optim/wrappers/wrapper.h>

namespace descent {

class Companions;

struct MechanicOptions {
  double weight_decay = 1e-2;  ///< of the scale that is found, not of the weights
  double eps = 1e-8;           ///< keeps the denominators off zero
  double s_init = 1e-6;        ///< the first scale
  int64_t num_betas = 6;       ///< how many memories there are: 1 - 0.1, 1 - 0.01, ...
  DESCENT_OPTIONS((weight_decay, non_negative), (eps, non_negative), (s_init, positive),
                  (num_betas, one_to_16))
};

/// Mechanic: finds the scale of the steps of any rule.
/// Cutkosky, Defazio & Mehta 2023, arXiv:2306.00144, Algorithm 1; as optax. x0 is a parameter at its
/// first step, sums run over all parameters:
///   S = sum s;   D0 = (x0 - p)/(S + eps);   a = wd S ||g||/(||p|| + eps);   h = sum (g + a p) D0
///   c = the change that the inner rule makes;   D = D0 - c
///   of each memory b = 1 - 0.1^i:  hc = clamp(h, -m, m);   m <- max(b m, |h| + eps)
///     v <- b^2 v + h^2;   r <- b r + hc s;   s <- (s_init/num_betas m + max(r, 0))/(sqrt(v) + eps)
///   p <- x0 - (sum s) D
/// The inner rate gives the shape of a schedule: leave it at 1, or what the rule is stable with.
///
///   descent::Mechanic opt(descent::AdamW(net->parameters(), {.lr = 1}));
///
/// Refused inside: other averages of weights, what calls closures more than once or elsewhere, and
/// rules that find their rates themselves.
class Mechanic final : public Wrapper {
 public:
  using Options = MechanicOptions;

  explicit Mechanic(InnerOptimizer inner, const Options& options = {});

  /// One inner step, scaled; the closure, if any, is called once.
  at::Tensor step(LossClosure closure = nullptr) override;

  const Options& options() const { return options_; }
  /// The scale that is found: S.
  double scale() const;

 private:
  /// Of one b.
  struct Memory {
    double r = 0, m = 0, v = 0, s = 0;
    DESCENT_BUFFERS(r, m, v, s)
  };

  bool has(Has what) const override { return what == Has::SlowWeights; }
  Companions starts() const;
  std::vector<Memory> advanced(double h) const;
  void save_own(tensors::RecordWriter& record) const override;
  Change read_own(const tensors::RecordReader& record) override;
  Change replace_own(const at::Tensor& from, const at::Tensor& to,
                     const std::function<at::Tensor(const at::Tensor&)>& map) override;

  Options options_;
  std::vector<Memory> memories_;
};

}  // namespace descent
