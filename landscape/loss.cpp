#include <sstream>
#include <stdexcept>

#include <ATen/ops/mean.h>

#include <descent/landscape/evaluate.h>
#include <descent/landscape/evaluator.h>

namespace descent {

torch::Tensor Mse::operator()(const torch::Tensor& prediction, const torch::Tensor& target) const {
  if (prediction.sizes() != target.sizes()) {
    std::ostringstream text;
    text << "mse: the prediction has shape " << prediction.sizes() << " and the target "
         << target.sizes() << "; they must be equal";
    throw std::invalid_argument(text.str());
  }
  return (prediction - target).square().mean();
}

namespace landscape {

double loss_value(const Problem& problem, const torch::Tensor& prediction) {
  if (problem.loss_is_mse) {
    return mse(prediction.to(at::kDouble), problem.data.target.to(at::kDouble)).item<double>();
  }
  const torch::Tensor loss = problem.loss(prediction, problem.data.target);
  if (!loss.defined() || loss.numel() != 1) {
    std::ostringstream text;
    text << "evaluate: the loss must be a tensor with one element, it is ";
    if (loss.defined()) {
      text << "of shape " << loss.sizes();
    } else {
      text << "undefined";
    }
    throw std::invalid_argument(text.str());
  }
  return loss.item<double>();
}

}  // namespace landscape
}  // namespace descent
