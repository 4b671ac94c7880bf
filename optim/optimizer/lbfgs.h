#pragma once
#include <memory>
#include <optional>
#include <type_traits>
#include <vector>

#include <torch/optim/lbfgs.h>

#include <descent/base/fields.h>

namespace descent {

/// strong_wolfe is minFunc's search for a step of enough descent and little slope.
DESCENT_ENUM(WolfeSearch, None, StrongWolfe)

/// The options of LBFGS as members; the name LBFGSOptions is LibTorch's class.
struct LBFGSSettings {
  double lr = 1;                         ///< the first step to try
  int64_t max_iter = 20;                 ///< iterations of one step()
  std::optional<int64_t> max_eval = {};  ///< calls of the closure; none: max_iter 5 / 4
  double tolerance_grad = 1e-7;          ///< done once no |g_i| is above
  double tolerance_change = 1e-9;  ///< done once no parameter, or not the loss, changes by more
  int64_t history_size = 100;      ///< pairs y, s that are remembered
  WolfeSearch line_search = WolfeSearch::None;
  DESCENT_OPTIONS((lr, non_negative), (max_iter, at_least_one), (max_eval, at_least_one),
                  (tolerance_grad, non_negative), (tolerance_change, non_negative),
                  (history_size, at_least_one), (line_search))
};

/// Limited-memory BFGS: for smooth losses whose gradient is exact, on full batches.
/// Liu & Nocedal 1989, doi:10.1007/BF01589116; the search: Nocedal & Wright 2006, Algorithms 3.5 and
/// 3.6, as in Schmidt's minFunc; as torch.optim.LBFGS of Python 2.13, number for number:
///   y = g - g_before;  s = t d;   y.s > 1e-10: remember y, s, ro = 1/(y.s);  H = y.s / y.y
///   q = -g;   newest to oldest:  al_i = ro_i s_i.q;  q <- q - al_i y_i
///   d = H q;  oldest to newest:  d <- d + (al_i - ro_i y_i.d) s_i       (the first d is -g)
///   t = lr, at first min(1, 1/|g|_1) lr;   theta <- theta + t d,  or t as the search finds it
/// A step() makes up to max_iter of these iterations, and ends early by tolerance_grad, by
/// tolerance_change or after max_eval calls of the closure.
///
///   descent::LBFGS opt(net->parameters(), {.line_search = descent::WolfeSearch::StrongWolfe});
///   opt.step([&] { opt.zero_grad(); auto loss = f(net); loss.backward(); return loss; });
///
/// It is LibTorch's class of that name: its one group holds a torch::optim::LBFGSOptions, its state
/// is a torch::optim::LBFGSParamState, both may be edited there, and archives go both ways. Files of
/// Python go both ways too (save_python, load_python). Other than there, the search takes max_eval
/// trials where LibTorch's takes 25, parameters of 16 bits are computed in float, and the memory is
/// worked through in one pass each for two of LibTorch's operations. Throws c10::Error, with
/// parameters and state as they were ahead of the step: for options out of range, a second group,
/// parameters of several types or devices, and whatever the closure throws.
class LBFGS final : public torch::optim::LBFGS {
 public:
  using Options = LBFGSSettings;
  using Groups = std::vector<torch::optim::OptimizerParamGroup>;

  explicit LBFGS(std::vector<at::Tensor> params, const Options& defaults = {});
  explicit LBFGS(const Groups& groups, const Options& defaults = {});
  /// The same with no more than a rate, or with LibTorch's options. Templates, so that {} means
  /// Options.
  template <class Theirs>
  requires(std::is_arithmetic_v<Theirs> || std::is_same_v<Theirs, torch::optim::LBFGSOptions>)  //
      LBFGS(std::vector<at::Tensor> params, const Theirs& defaults)
      : LBFGS(Groups{torch::optim::OptimizerParamGroup(std::move(params))}, defaults) {}
  template <class Theirs>
  requires(std::is_arithmetic_v<Theirs> || std::is_same_v<Theirs, torch::optim::LBFGSOptions>)  //
      LBFGS(const Groups& groups, const Theirs& defaults)
      : torch::optim::LBFGS(groups, torch::optim::LBFGSOptions(defaults)) {
    check();
  }

  /// Calls the closure, which must be given and compute loss and gradients, once or more, and
  /// returns the first loss. Parameters without gradient count as if it were 0.
  at::Tensor step(LossClosure closure) override;

  /// Those of the group.
  torch::optim::LBFGSOptions& options();
  const torch::optim::LBFGSOptions& options() const;
  /// Null before the first step.
  const torch::optim::LBFGSParamState* memory() const;

  /// LibTorch's format.
  void save(torch::serialize::OutputArchive& archive) const override;
  void load(torch::serialize::InputArchive& archive) override;

  /// Refuses groups, options and state that step() would refuse.
  void check() const;

  /// Goes on from these; null: from nothing. Throws c10::Error, with nothing changed, for what step()
  /// would refuse.
  void start(const torch::optim::LBFGSOptions& options,
             std::unique_ptr<torch::optim::LBFGSParamState> state);

  /// Options as LibTorch's, and back; c10::Error for another line_search_fn than strong_wolfe.
  static torch::optim::LBFGSOptions theirs(const Options& options);
  static Options ours(const torch::optim::LBFGSOptions& options);
};

}  // namespace descent
