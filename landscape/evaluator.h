#pragma once
#include <cstdint>
#include <vector>

#include <descent/landscape/evaluate.h>

namespace descent::landscape {

/// The loss of one prediction, under mse computed in double.
double loss_value(const Problem& problem, const torch::Tensor& prediction);

/// One way to compute losses. Calls for different workers may run at the same time.
class Evaluator {
 public:
  virtual ~Evaluator() = default;

  /// Sets up the private memory of workers 0 .. workers-1.
  virtual void prepare(int workers) = 0;

  /// losses[j] = loss(center + alphas[j] * u + beta * v), with the private memory of `worker`.
  virtual void segment(int worker, double beta, const std::vector<double>& alphas,
                       double* losses) = 0;
};

}  // namespace descent::landscape
