#pragma once
// A whole tensor as a rule's number type: the reference pass, any device and dtype. Every operation
// is one elementwise ATen operation whose result is correctly rounded, in the order the rule writes
// them. at::sqrt is not (1 ulp off in 16 % of float32 values on the CPU), and add(alpha), lerp and
// addcmul fuse: none of them is used here. LibTorch stays out of this header so that rules compile
// without it.
#include <memory>

#include <descent/optim/engine/array_math.h>

namespace at {
class Tensor;
}

namespace descent::engine {

class Array {
 public:
  Array() = default;
  explicit Array(const at::Tensor& tensor);
  const at::Tensor& tensor() const { return *tensor_; }

 private:
  std::shared_ptr<const at::Tensor> tensor_;
};

}  // namespace descent::engine
