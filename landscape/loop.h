#pragma once
#include <memory>
#include <vector>

#include <descent/landscape/evaluator.h>
#include <descent/landscape/parameters.h>

namespace descent::landscape {

/// Any module: a clone for each worker takes the weights of one point after the other. Each
/// evaluation uses one thread only, so that its rounding does not depend on the number of workers.
class Loop : public Evaluator {
 public:
  explicit Loop(const Problem& problem);
  ~Loop() override;

  /// What the model predicts at the plane's center.
  torch::Tensor center_prediction();

  void prepare(int workers) override;
  void segment(int worker, double beta, const std::vector<double>& alphas, double* losses) override;

 private:
  struct Worker;
  const Problem& problem_;
  std::vector<torch::Tensor> center_, u_, v_;  // at least float32
  std::vector<size_t> slot_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace descent::landscape
