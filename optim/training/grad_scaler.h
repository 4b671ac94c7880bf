#pragma once
#include <optional>
#include <unordered_map>
#include <vector>

#include <torch/optim/optimizer.h>

#include <descent/base/fields.h>

namespace descent {

struct GradScalerOptions {
  double init_scale = 65536;       ///< the first scale
  double growth_factor = 2;        ///< what the scale grows by after growth_interval finite steps
  double backoff_factor = 0.5;     ///< what the scale is multiplied by where gradients overflowed
  int64_t growth_interval = 2000;  ///< finite steps in a row ahead of a growth
  bool enabled = true;             ///< false: scale() and update() do nothing, step() only steps
  DESCENT_OPTIONS((init_scale, positive), (growth_factor, above_one), (backoff_factor, open_unit),
                  (growth_interval, at_least_one), (enabled))
};

/// Scales losses so that the gradients of half precision do not vanish, and finds the scale: as
/// torch.amp.GradScaler of Python.
/// Micikevicius et al. 2018, arXiv:1710.03740:
///   loss' = scale loss;   g = g' / scale
///   some g' infinite or NaN: no step, scale <- backoff_factor scale
///   growth_interval steps in a row without: scale <- growth_factor scale, unless that is infinite
///
///   descent::GradScaler scaler;
///   for (...) {
///     opt.zero_grad();
///     scaler.scale(loss_under_autocast()).backward();
///     scaler.step(opt);
///     scaler.update();
///   }
///
/// Works with every optimizer, LibTorch's own and wrappers included; one inside of wrappers and
/// these wrappers are one to it. Of several optimizers each is skipped for its own gradients, and
/// all share the scale: call update() once an iteration. Refused are optimizers that call closures.
///
/// Differences from Python's: step() checks gradients and does not write them, so .grad holds the
/// scaled ones afterwards. Optimizers of this library unscale in their own pass; all others meet
/// unscaled copies, as many bytes as the gradients, unless unscale_() came first. Where kernels for CUDA
/// make a whole step, they skip it themselves, and nothing waits for the device (docs/cuda.md). Options are
/// checked. Throws c10::Error, with nothing changed.
class GradScaler {
 public:
  using Options = GradScalerOptions;
  explicit GradScaler(const Options& options = {});

  /// The outputs times the scale, by the rules of multiplication: a loss of 16 bits becomes float32,
  /// a tensor with dimensions keeps its type. Lists may be nested.
  at::Tensor scale(const at::Tensor& outputs);
  template <class T>
  std::vector<T> scale(const std::vector<T>& outputs) {
    std::vector<T> scaled;
    for (const T& output : outputs) scaled.push_back(scale(output));
    return scaled;
  }

  /// Divides the gradients by the scale where they are, for those who clip or look at them ahead of
  /// step(), at most once between two update(): after all gradients are accumulated. Wrappers that
  /// clip need no such call. Half gradients are refused.
  void unscale_(torch::optim::Optimizer& optimizer);

  /// One step with unscaled gradients, and its value; nothing at all, and an undefined tensor, if a
  /// gradient is infinite or NaN. At most once for each optimizer between two update(). A closure is
  /// refused unless the scaler is disabled.
  at::Tensor step(torch::optim::Optimizer& optimizer,
                  torch::optim::Optimizer::LossClosure closure = nullptr);

  /// Makes the scale smaller or larger by what was found since the last call, in all optimizers.
  void update();
  /// Sets the scale and forgets what was found.
  void update(double new_scale);
  void update(const at::Tensor& new_scale);

  double get_scale() const;
  double get_growth_factor() const { return options_.growth_factor; }
  void set_growth_factor(double new_factor);
  double get_backoff_factor() const { return options_.backoff_factor; }
  void set_backoff_factor(double new_factor);
  int64_t get_growth_interval() const { return options_.growth_interval; }
  void set_growth_interval(int64_t new_interval);
  bool is_enabled() const { return options_.enabled; }

  /// What the training goes on from, by Python's names.
  struct State {
    double scale = 0, growth_factor = 0, backoff_factor = 0;
    int64_t growth_interval = 0, _growth_tracker = 0;
  };
  /// To be called after update(). None of a disabled scaler, whose dict is empty in Python.
  std::optional<State> state_dict() const;
  /// Throws c10::Error for values out of range, and for none, which a disabled scaler saves. Does
  /// nothing to a disabled scaler.
  void load_state_dict(const std::optional<State>& state);

  void save(torch::serialize::OutputArchive& archive) const;
  void load(torch::serialize::InputArchive& archive);

 private:
  enum class Stage { Ready, Unscaled, Stepped };
  /// What is known of an optimizer since the last update().
  struct Entry {
    Stage stage = Stage::Ready;
    /// On the host, and, not 0, on a device that still has to be asked. Neither: it had no gradient, or
    /// was not checked.
    std::optional<bool> found_inf{};
    at::Tensor found_there{};
    bool is_checked() const { return found_inf || found_there.defined(); }
  };

  void set(GradScalerOptions options);
  void check_scaled(const char* action) const;
  at::Tensor inverse() const;
  at::Tensor step(torch::optim::Optimizer& optimizer, const Entry& entry) const;
  void forget() { entries_.clear(); }

  GradScalerOptions options_;
  int64_t init_growth_tracker_ = 0;
  at::Tensor scale_, growth_tracker_;  ///< float32 and int32, on the device of the first output
  std::unordered_map<const torch::optim::Optimizer*, Entry> entries_;
};

}  // namespace descent
