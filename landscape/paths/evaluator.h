#pragma once
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <descent/grid/grid.h>
#include <descent/landscape/data/data.h>
#include <descent/landscape/data/metric.h>
#include <descent/landscape/network/batch_norm.h>
#include <descent/landscape/network/network.h>
#include <descent/landscape/network/precision.h>
#include <descent/landscape/planes/plane.h>
#include <descent/tensors/workers.h>

namespace descent::landscape {

/// The samples of a batch.
inline int64_t samples_of(const Data& batch) {
  return batch.input.dim() > 0 ? batch.input.size(0) : 1;
}

/// What each batch weighs in the mean of each metric: how many of its targets count.
class BatchWeights {
 public:
  /// Refuses a metric of which no target counts; `who` opens the message.
  BatchWeights(const char* who, std::span<const Metric> metrics, const Batches& data);

  double of(size_t batch, size_t metric) const { return weights_[batch * totals_.size() + metric]; }
  double total(size_t metric) const { return totals_[metric]; }

 private:
  std::vector<double> weights_, totals_;
};

/// What is to be computed: the arguments of evaluate(), checked. The plane has a v also where it is
/// a line: zeros.
struct Problem {
  const Model& model;
  const std::vector<Metric>& metrics;
  const Batches& data;
  const Plane& plane;
  BatchNorm batch_norm = BatchNorm::Keep;  // not Auto
  Precision precision = Precision::Own;
  bool moves_buffers = false;  // over the plane, or from one network of losses_at() to the next
  int64_t memory = std::numeric_limits<int64_t>::max();  // EvaluateOptions::memory
  BatchWeights batch_weights{"evaluate", metrics, data};
};

/// Why so many bytes are too many, or "".
inline std::string over_budget(int64_t bytes, int64_t memory) {
  if (bytes <= memory) return "";
  return "it takes " + std::to_string(bytes) +
         " bytes, more than options.memory = " + std::to_string(memory);
}

/// One way to compute the metrics. Calls for different workers may run at the same time.
class Evaluator {
 public:
  virtual ~Evaluator() = default;

  /// Sets up the private memory of workers 0 .. workers-1.
  virtual void prepare(int workers) = 0;

  /// values[k * metrics + m] = metric m at center + points[k].x * u + points[k].y * v, with the
  /// private memory of `worker`. At most chunk() points. Where that takes long, it has pulses.
  virtual void measure(int worker, std::span<const Point> points, double* values,
                       const tensors::Pulse& pulse = {}) = 0;

  /// Points that are best taken in one call: consecutive ones, row by row.
  virtual int64_t chunk() const = 0;

  /// Bytes that one worker needs, and that all of them share beside the data and the plane.
  virtual int64_t bytes() const = 0;
  virtual int64_t shared_bytes() const { return 0; }
};

}  // namespace descent::landscape
