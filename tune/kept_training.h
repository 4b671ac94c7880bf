#pragma once
#include <string>
#include <vector>

#include <torch/optim/optimizer.h>

#include <descent/tensors/seeded.h>

namespace descent {

/// What a training changes: parameters, gradients, the optimizer's state and rates, buffers and
/// LibTorch's generator on the CPU. Put back as it was when asked to, and at the end of the scope.
class KeptTraining {
 public:
  KeptTraining(torch::optim::Optimizer& optimizer, const std::vector<at::Tensor>& buffers);
  ~KeptTraining();
  KeptTraining(const KeptTraining&) = delete;
  KeptTraining& operator=(const KeptTraining&) = delete;

  void put_back();
  const std::vector<at::Tensor>& parameters() const { return parameters_; }

 private:
  torch::optim::Optimizer& optimizer_;
  std::vector<at::Tensor> parameters_, gradients_, tensors_, values_;
  std::vector<double> rates_;
  std::string state_;
  tensors::KeptGenerator generator_;
};

}  // namespace descent
