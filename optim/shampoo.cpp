#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <descent/optim/pieces/axes.h>
#include <descent/optim/pieces/tensor_state.h>
#include <descent/optim/shampoo.h>

namespace descent::rules {
namespace {

/// A number has one axis of one slice.
std::vector<int64_t> shampoo_sizes(const at::Tensor& x) {
  return x.dim() == 0 ? std::vector<int64_t>{1} : x.sizes().vec();
}

}  // namespace

void Shampoo::update(const Options& o, const TensorStep& step) {
  const at::Tensor g = step.g.reshape(shampoo_sizes(step.g)).to(at::kDouble);
  const AxisMatrices matrices(g.sizes(), o.max_dim);
  const auto& axes = matrices.axes();
  at::Tensor& precond = step.s[0];
  at::Tensor& roots = step.s[1];
  if (!precond.defined()) {
    precond = at::empty({matrices.numel()}, g.options());
    roots = at::empty_like(precond);
    for (const at::Tensor& l : matrices.in(precond)) l.zero_().fill_diagonal_(o.eps);
  }
  const std::vector<at::Tensor> sums = matrices.in(precond), powers = matrices.in(roots);
  const double exponent = o.exponent != 0 ? o.exponent : 1 / (2 * static_cast<double>(axes.size()));
  at::Tensor d = g;
  for (size_t i = 0; i < axes.size(); ++i) {
    sums[i].add_(outer_along(g, axes[i]));
    if ((step.at.step - 1) % o.update_freq == 0) {
      const auto [w, q] = eigen(sums[i]);
      powers[i].copy_((q * w.clamp_min(o.eps).pow(-exponent)).mm(q.t()));
    }
    d = times_along(d, powers[i], axes[i]);
  }
  d = d.to(step.p.scalar_type());
  if (o.momentum != 0) {
    at::Tensor& b = step.s[2];
    b = b.defined() ? o.momentum * b + d : d.clone();
    d = b;
  }
  step.p.sub_(o.lr * d.reshape(step.p.sizes()));
}

std::string Shampoo::state_problem(const Options& o, const at::Tensor* s,
                                   const TensorBlock& block) {
  const std::vector<int64_t> sizes = shampoo_sizes(block.params[0]);
  const int64_t numel = AxisMatrices(sizes, o.max_dim).numel();
  return first_problem({size_problem("precond", s[0], true, {numel}),
                        size_problem("inv_precond", s[1], true, {numel}),
                        size_problem("momentum_buffer", s[2], true, sizes),
                        gap_problem({{"precond", &s[0]}, {"inv_precond", &s[1]}})});
}

}  // namespace descent::rules
