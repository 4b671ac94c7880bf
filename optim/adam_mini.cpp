#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros_like.h>

#include <descent/optim/adam_mini.h>
#include <descent/optim/pieces/tensor_state.h>

namespace descent::rules {
namespace {

int64_t block_count(const AdamMini::Options& o, const at::Tensor& p) {
  switch (o.block) {
    case MiniBlock::Tensor:
      return 1;
    case MiniBlock::Row:
      return p.dim() == 0 ? 1 : p.size(0);
    case MiniBlock::Heads:
      return o.heads;
    case MiniBlock::Element:
      break;
  }
  return p.numel();
}

}  // namespace

void AdamMini::update(const Options& o, const TensorStep& step) {
  const at::Tensor& g = step.g;
  const auto t = static_cast<double>(step.at.step);
  const auto [b1, b2] = o.betas;
  at::Tensor& m = step.s[0];
  at::Tensor& v = step.s[1];
  const at::Tensor squares = (g * g).reshape({block_count(o, g), -1}).mean(1);
  if (!m.defined()) m = at::zeros_like(g);
  if (!v.defined()) v = at::zeros_like(squares);
  m = b1 * m + (1 - b1) * g;
  v = b2 * v + (1 - b2) * squares;
  const double c1 = 1 - std::pow(b1, t), c2 = 1 - std::pow(b2, t);
  const at::Tensor d = v.sqrt() / std::sqrt(c2) + o.eps;
  const at::Tensor u = m.reshape({v.numel(), -1}) / d.unsqueeze(1);
  step.p.sub_(o.lr / c1 * u.reshape(step.p.sizes()));
}

std::string AdamMini::block_problem(const Options& o, const TensorBlock& block) {
  if (o.block != MiniBlock::Heads || block.numel % o.heads == 0) return "";
  return c10::str("has ", block.numel, " elements, must have a multiple of heads = ", o.heads);
}

std::string AdamMini::state_problem(const Options& o, const at::Tensor* s,
                                    const TensorBlock& block) {
  const at::Tensor& p = block.params[0];
  return first_problem({size_problem("exp_avg", s[0], true, p.sizes()),
                        size_problem("vmean", s[1], true, {block_count(o, p)}),
                        gap_problem({{"exp_avg", &s[0]}, {"vmean", &s[1]}})});
}

}  // namespace descent::rules
