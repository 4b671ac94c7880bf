#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include <descent/landscape/network/parameters.h>
#include <descent/landscape/paths/evaluator.h>

namespace descent::landscape {

/// What a network does at the plane's center. The same in every run and for any number of threads.
struct Center {
  std::vector<at::Tensor> predictions;  ///< one a batch: type, device and sizes, without values
  std::vector<uint64_t> hashes;         ///< of each prediction
  uint64_t values = 0;                  ///< hash of the metrics' values of each batch
};

/// Any network: a clone for each worker takes the weights of one point after the other. Each
/// evaluation uses one thread only, so that its rounding does not depend on the number of workers.
class Loop : public Evaluator {
 public:
  explicit Loop(const Problem& problem);
  ~Loop() override;

  /// To be called before all else. Measures what a network needs, and refuses with
  /// std::invalid_argument data and metrics that do not fit it, and a network that writes into its
  /// input, draws random numbers, or reads its weights past its registered parameters.
  Center try_center();

  /// Values of the metrics at given weights, one tensor a distinct parameter, and where buffers
  /// move, at given ones, one a distinct buffer.
  void measure_weights(int worker, const std::vector<at::Tensor>& weights,
                       const std::vector<at::Tensor>& buffers, double* values);

  void prepare(int workers) override;
  void measure(int worker, std::span<const Point> points, double* values) override;
  int64_t chunk() const override { return 8; }
  int64_t bytes() const override;
  /// Bytes of what forward() and the metrics make, at their peak. After try_center().
  int64_t activation_bytes() const { return activations_; }

 private:
  struct Worker;
  /// What moves over the plane: parameters or buffers, at least in float32.
  struct Moving {
    std::vector<at::Tensor> center, u, v;
    std::vector<size_t> slot;
  };
  /// Tensors of a clone that take the values of a point.
  struct MovingTensors;

  /// Replaces all workers by one new worker at the plane's center.
  Worker& renewed();
  Center seen_at_center();
  bool follows_parameters(const std::vector<uint64_t>& hashes);
  double value(const Metric& metric, const at::Tensor& prediction, const at::Tensor& target) const;
  void metrics(Worker& worker, double* values) const;

  const Problem& problem_;
  Moving parameters_, buffers_;
  int64_t activations_ = 0;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace descent::landscape
