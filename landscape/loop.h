#pragma once
#include <memory>
#include <vector>

#include <descent/landscape/evaluator.h>
#include <descent/landscape/parameters.h>

namespace descent::landscape {

/// Any network: a clone for each worker takes the weights of one point after the other. Each
/// evaluation uses one thread only, so that its rounding does not depend on the number of workers.
class Loop : public Evaluator {
 public:
  explicit Loop(const Problem& problem);
  ~Loop() override;

  /// The predictions of the plane's center, one a batch. Measures what a network needs, and refuses
  /// data and metrics that do not fit it: std::invalid_argument.
  std::vector<torch::Tensor> try_center();

  /// Values of the metrics at given weights, one tensor a distinct parameter.
  void measure_weights(int worker, const std::vector<torch::Tensor>& weights, double* values);

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
    std::vector<torch::Tensor> center, u, v;
    std::vector<size_t> slot;
  };
  /// Tensors of a clone that take the values of a point.
  struct Placed;

  void metrics(Worker& worker, double* values) const;

  const Problem& problem_;
  Moving parameters_, buffers_;
  int64_t activations_ = 0;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace descent::landscape
