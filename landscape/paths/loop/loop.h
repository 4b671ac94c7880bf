#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <descent/landscape/network/parameters.h>
#include <descent/landscape/paths/evaluator.h>
#include <descent/landscape/paths/flat.h>

namespace descent::landscape {

/// What a network does at the plane's center. The same in every run and for any number of threads.
struct Center {
  std::vector<at::Tensor> predictions;  ///< one a batch: type, device and sizes, without values
  std::vector<uint64_t> hashes;         ///< of each prediction, in the batches that the loop takes
  uint64_t values = 0;                  ///< hash of the metrics' values of each of these
};

/// Any network: a clone for each worker takes the weights of one point after the other. Each
/// evaluation uses one thread only, so that its rounding does not depend on the number of workers.
///
/// Batches are taken in parts, and images with their channels last, where the network gives the same
/// numbers for it up to rounding: see batching.h.
class Loop : public Evaluator {
 public:
  explicit Loop(const Problem& problem);
  ~Loop() override;

  /// To be called before all else. Measures what a network needs, and refuses with
  /// std::invalid_argument data and metrics that do not fit it, and a network that writes into its
  /// input, draws random numbers, or reads its weights past its registered parameters.
  Center try_center(const tensors::Pulse& pulse = {});

  /// Values of the metrics at given weights, one tensor a distinct parameter, and where buffers
  /// move, at given ones, one a distinct buffer.
  void measure_weights(int worker, const std::vector<at::Tensor>& weights,
                       const std::vector<at::Tensor>& buffers, double* values,
                       const tensors::Pulse& pulse = {});

  /// Values of the metrics at a point of the plane on the first batch that the loop takes, by which
  /// networks are told apart in little time. If there is no other, measure() knows them from now on.
  void glance(const Point& point, double* values);

  void prepare(int workers) override;
  void measure(int worker, std::span<const Point> points, double* values,
               const tensors::Pulse& pulse = {}) override;
  int64_t chunk() const override { return 1; }
  int64_t bytes() const override;
  int64_t shared_bytes() const override;
  /// Bytes of what forward() and the metrics make of a whole batch, at their peak. After
  /// try_center().
  int64_t activation_bytes() const { return whole_activations_; }
  /// The samples of a part of a batch, 0: batches are taken whole; and whether images have their
  /// channels last.
  int64_t samples_at_once() const { return samples_at_once_; }
  bool has_channels_last() const { return channels_last_; }
  /// What another precision than the network's own makes of a metric at the center, in words; "":
  /// there is none.
  std::string about_precision(size_t metric) const;

 private:
  struct Worker;
  /// What moves over the plane: parameters or buffers, at least in float32. On other devices than the
  /// CPU they lie one behind the other, so that one operation moves them all.
  struct Moving {
    std::vector<at::Tensor> center, u, v;
    std::vector<size_t> slot;
    Flat flat{};  ///< of no entries: they move one by one
  };
  /// Tensors of a clone that take the values of a point.
  struct MovingTensors;

  /// Replaces all workers by one new worker at the plane's center.
  Worker& renewed();
  void choose_layout(const Data& batch);
  void choose_parts(const Data& batch);
  /// What is left of the budget for activations where so many workers share it.
  int64_t room(int64_t workers) const;
  Center seen_at_center(const tensors::Pulse& pulse);
  std::vector<at::Tensor> whole(const std::vector<at::Tensor>& parts) const;
  void recompute_center(const tensors::Pulse& pulse);
  void check_written(Worker& worker, const std::vector<uint64_t>& before, uint64_t first) const;
  bool follows_parameters(const std::vector<uint64_t>& hashes);
  /// One number, still on its device.
  at::Tensor result(const Metric& metric, const at::Tensor& prediction,
                    const at::Tensor& target) const;
  /// On the network's device.
  int64_t peak_bytes(const std::function<void()>& work) const;
  /// A copy of a batch, laid out as it is taken.
  Data copied(const Data& batch) const;
  at::Tensor predict(Worker& worker, const Data& batch) const;
  void move_to(Worker& worker, const Point& point) const;
  void metrics(Worker& worker, size_t batches, double* values, const tensors::Pulse& pulse) const;
  void divide(size_t batches, double* values) const;
  void know(const Point& point, const double* values);
  const double* known(const Point& point) const;

  const Problem& problem_;
  Batches data_;  ///< the problem's, in parts
  BatchWeights weights_;
  Moving parameters_, buffers_;
  int64_t activations_ = 0, whole_activations_ = 0, samples_at_once_ = 0;
  bool channels_last_ = false;
  bool is_narrow_ = false;          ///< workers compute in bfloat16
  std::vector<double> own_values_;  ///< at the center, in the network's own precision
  std::vector<std::pair<Point, std::vector<double>>> known_;  ///< what measure() need not compute
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace descent::landscape
