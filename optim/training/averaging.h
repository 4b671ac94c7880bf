#pragma once
#include <functional>
#include <string>
#include <vector>

#include <torch/optim/optimizer.h>

#include <descent/base/fields.h>
#include <descent/tensors/restore.h>

namespace torch::nn {
class Module;
}

namespace descent {

/// A running average of weights: what ExponentialMovingAverage and StochasticWeightAverage share.
/// The tensors are held, not the module, which must keep them: see replace_param(). Averages of
/// 16-bit weights are float, because in 16 bits a small step towards the weights rounds away; so
/// this differs from Python there.
class WeightAverage {
 public:
  WeightAverage(const WeightAverage&) = delete;
  WeightAverage& operator=(const WeightAverage&) = delete;
  virtual ~WeightAverage() = default;

  /// Takes the present weights into the average; call it after step(). The first call copies them.
  void update();
  int64_t updates() const { return updates_; }

  /// The averages: parameters, then buffers. Before the first update the weights as they were when
  /// this was made.
  const std::vector<at::Tensor>& averages() const { return averages_; }

  /// Writes the averages into the weights, for good. Like update(), applied() and save() it throws
  /// c10::Error, with nothing changed, if a weight no longer has the sizes of its average.
  void copy_to();
  /// Writes them into another module of the same structure.
  void copy_to(torch::nn::Module& module) const;

  /// The averages stand in the weights as long as this lives; then the weights are back, bit for
  /// bit, also when something throws. update() is refused meanwhile.
  class Scope {
   public:
    explicit Scope(WeightAverage& average);
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() { average_.applied_ = false; }

   private:
    WeightAverage& average_;
    tensors::KeptValues weights_;
  };
  ///   { const auto scope = ema.applied();  evaluate(net); }
  [[nodiscard]] Scope applied() { return Scope(*this); }

  /// Puts the parameter `to` into the place of `from`, or the same one back after set_data() has
  /// given it other sizes; `map` turns the average of `from` into that of `to`; without one it stays
  /// as it is, for tensors of equal sizes. Throws c10::Error, with nothing changed, if there is no
  /// `from` or sizes do not fit.
  void replace_param(const at::Tensor& from, const at::Tensor& to,
                     const std::function<at::Tensor(const at::Tensor&)>& map = nullptr);

  void save(torch::serialize::OutputArchive& archive) const;
  /// Throws c10::Error, with nothing changed, for averages of another kind or other shapes.
  void load(torch::serialize::InputArchive& archive);

 protected:
  /// The class's name, for messages and archives.
  WeightAverage(const char* name, torch::nn::Module& module, bool use_buffers);
  WeightAverage(const char* name, std::vector<at::Tensor> params, bool use_buffers);

 private:
  /// How much the present weights count after `updates` > 0 earlier ones.
  virtual double weight(int64_t updates) const = 0;
  static at::Tensor average_of(const at::Tensor& weights);
  void check() const;
  bool averaged(size_t i) const;

  const char* name_;
  std::vector<at::Tensor> weights_;  // parameters, then buffers
  std::vector<at::Tensor> averages_;
  size_t params_;  // how many of them are parameters
  bool use_buffers_;
  bool applied_ = false;
  int64_t updates_ = 0;
};

struct ExponentialMovingAverageOptions {
  double decay = 0.999;      ///< how much of the average stays in an update
  bool warmup = false;       ///< less while there are few updates t: min(decay, (1 + t)/(10 + t))
  bool use_buffers = false;  ///< averages the module's buffers too, instead of copying them
  DESCENT_OPTIONS((decay, closed_unit), (warmup), (use_buffers))
};

/// An exponential moving average of weights.
/// Polyak & Juditsky 1992; as torch.optim.swa_utils.get_ema_multi_avg_fn:
///   a <- a + (1 - decay) (theta - a),   the first update copies
/// Buffers are copied at every update, those that hold integers always.
///
///   descent::ExponentialMovingAverage ema(*net, {.decay = 0.999});
///   for (...) { ...; opt.step(); ema.update(); }
class ExponentialMovingAverage final : public WeightAverage {
 public:
  using Options = ExponentialMovingAverageOptions;
  explicit ExponentialMovingAverage(torch::nn::Module& module, const Options& options = {});
  explicit ExponentialMovingAverage(std::vector<at::Tensor> params, const Options& options = {});

  const Options& options() const { return options_; }

 private:
  double weight(int64_t updates) const override;

  Options options_;
};

struct StochasticWeightAverageOptions {
  bool use_buffers = false;  ///< averages the module's buffers too, instead of copying them
  DESCENT_OPTIONS((use_buffers))
};

/// The plain mean of the weights at every update.
/// Izmailov et al. 2018, arXiv:1803.05407; as torch.optim.swa_utils.AveragedModel:
///   a <- a + (theta - a) / (n + 1),   n updates so far
class StochasticWeightAverage final : public WeightAverage {
 public:
  using Options = StochasticWeightAverageOptions;
  explicit StochasticWeightAverage(torch::nn::Module& module, const Options& options = {});
  explicit StochasticWeightAverage(std::vector<at::Tensor> params, const Options& options = {});

  const Options& options() const { return options_; }

 private:
  double weight(int64_t updates) const override;

  Options options_;
};

/// Renews the running statistics of the batch normalisations in a module whose weights came from an
/// average: resets them, calls `pass`, which must run the module over the data once, in training
/// mode and without gradients, and takes the plain mean over all batches. Modes and momenta are
/// then as before; if `pass` throws, so are the statistics. Without batch normalisation `pass` is
/// not called. As torch.optim.swa_utils.update_bn.
void update_bn(torch::nn::Module& module, const std::function<void()>& pass);

/// The same over a data loader:
///   update_bn(*net, *loader, [&](const auto& batch) { net->forward(batch.data); });
template <class Loader, class Forward>
void update_bn(torch::nn::Module& module, Loader&& loader, Forward&& forward) {
  update_bn(module, [&] {
    for (auto&& batch : loader) forward(batch);
  });
}

}  // namespace descent
