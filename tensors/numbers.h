#pragma once
#include <cstddef>
#include <vector>

#include <ATen/core/Tensor.h>

namespace descent::tensors {

/// Numbers that are wanted on the host. Those of tensors on another device are read together, at the
/// end, because each reading waits for all that the device still has to do.
class Numbers {
 public:
  void add(double number) { values_.push_back(number); }
  /// The number of a tensor with one element, as it is now.
  void add(const at::Tensor& number);
  /// In the order in which they were added.
  const std::vector<double>& read();

 private:
  std::vector<double> values_;
  std::vector<at::Tensor> there_;
  std::vector<size_t> places_;  // of these among the values
};

}  // namespace descent::tensors
