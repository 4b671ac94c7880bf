#pragma once
#include <torch/nn/modules/batchnorm.h>

namespace descent::tensors {

/// Calls visit(layer) for every layer of batch normalisation in a module, whatever its dimensions.
/// The module may lie on the stack, of which modules() would complain.
template <class Visit>
void for_each_batch_norm(torch::nn::Module& root, const Visit& visit) {
  using torch::nn::BatchNorm1dImpl, torch::nn::BatchNorm2dImpl, torch::nn::BatchNorm3dImpl;
  root.apply([&](torch::nn::Module& part) {
    if (auto* one = dynamic_cast<BatchNorm1dImpl*>(&part)) visit(*one);
    if (auto* two = dynamic_cast<BatchNorm2dImpl*>(&part)) visit(*two);
    if (auto* three = dynamic_cast<BatchNorm3dImpl*>(&part)) visit(*three);
  });
}

}  // namespace descent::tensors
