#include <ATen/ops/scalar_tensor.h>
#include <c10/util/Exception.h>

#include <descent/optim/training/line_search_descent.h>

namespace descent {
namespace {

/// The search's options are the optimizer's own: a group has none.
struct NoOptions final : torch::optim::OptimizerCloneableOptions<NoOptions> {};

}  // namespace

LineSearchDescent::LineSearchDescent(std::vector<at::Tensor> params, LineSearchOptions options)
    : Optimizer(std::vector<torch::optim::OptimizerParamGroup>{torch::optim::OptimizerParamGroup(
                    std::move(params))},
                std::make_unique<NoOptions>()),
      options_(options) {
  options_.apply = true;
  const std::string problem = fields::problem(options_);
  TORCH_CHECK(problem.empty(), "LineSearchDescent: ", problem);
}

at::Tensor LineSearchDescent::step(LossClosure closure) {
  const LineSearchResult found = line_search(param_groups_[0].params(), closure, options_);
  return at::scalar_tensor(found.initial_loss, at::kDouble);
}

}  // namespace descent
