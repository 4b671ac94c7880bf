#pragma once

namespace at {
class Tensor;
}

namespace descent::tensors {

/// Gradient centralization: g minus the mean of each of its rows (all dimensions but the first), in a
/// new tensor; a g of fewer than two dimensions as it is. The mean is summed in double in a fixed order, so that no thread
/// count changes a bit. Yong et al. 2020, arXiv:2004.01461.
at::Tensor centralized(const at::Tensor& g);

}  // namespace descent::tensors
