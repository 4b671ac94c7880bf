#include <cmath>
#include <tuple>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <descent/optim/pieces/axes.h>
#include <descent/optim/pieces/tensor_state.h>
#include <descent/optim/soap.h>

namespace descent::rules {
namespace {

/// The sizes in which a tensor is preconditioned.
std::vector<int64_t> soap_sizes(const SOAP::Options& o, const at::Tensor& x) {
  if (!o.merge_dims) return x.sizes().vec();
  std::vector<int64_t> sizes;
  int64_t joined = 1;
  for (const int64_t n : x.sizes()) {
    if (joined * n <= o.max_precond_dim) {
      joined *= n;
      continue;
    }
    sizes.push_back(joined > 1 ? joined : n);
    joined = joined > 1 ? n : 1;
  }
  if (joined > 1 || sizes.empty()) sizes.push_back(joined);
  return sizes;
}

AxisMatrices soap_matrices(const SOAP::Options& o, const at::Tensor& x) {
  const bool none = x.dim() == 0 || (x.dim() == 1 && !o.precondition_1d);
  return {soap_sizes(o, x), none ? 0 : o.max_precond_dim};
}

/// Turns every axis into the basis, or back out of it.
at::Tensor turned(at::Tensor x, const std::vector<int64_t>& axes, const std::vector<at::Tensor>& q,
                  bool back) {
  for (size_t i = 0; i < axes.size(); ++i) x = times_along(x, back ? q[i].t() : q[i], axes[i]);
  return x;
}

}  // namespace

void SOAP::update(const Options& o, const TensorStep& step) {
  follow_type(step, 4);
  const at::Tensor g = step.g.reshape(soap_sizes(o, step.g));
  const AxisMatrices matrices = soap_matrices(o, step.g);
  const auto& axes = matrices.axes();
  const auto [b1, b2] = o.betas;
  const double sb = o.shampoo_beta < 0 ? b2 : o.shampoo_beta;
  at::Tensor& m = step.s[0];
  at::Tensor& v = step.s[1];
  if (!m.defined()) {
    m = at::zeros_like(g);
    v = at::zeros_like(g);
    step.s[2] = at::zeros({matrices.numel()}, g.options());
    step.s[3] = at::empty_like(step.s[2]);
    const auto l = matrices.in(step.s[2]), q = matrices.in(step.s[3]);
    for (size_t i = 0; i < axes.size(); ++i) {
      l[i].add_(outer_along(g, axes[i]), 1 - sb);
      q[i].copy_(eigen(l[i]).vectors.flip(1));
    }
    return;
  }
  const auto l = matrices.in(step.s[2]), q = matrices.in(step.s[3]);
  const int64_t steps = step.at.step - 1;
  const at::Tensor h = turned(g, axes, q, false);
  m = b1 * m + (1 - b1) * h;
  v = b2 * v + (1 - b2) * h * h;
  at::Tensor n = turned(m / (v.sqrt() + o.eps), axes, q, true);
  if (o.normalize_grads) n = n / ((n * n).mean().sqrt() + 1e-30);
  const auto t = static_cast<double>(steps);
  const double correction =
      o.bias_correction ? std::sqrt(1 - std::pow(b2, t)) / (1 - std::pow(b1, t)) : 1;
  step.p.sub_(o.lr * correction * n.reshape(step.p.sizes()));
  if (o.weight_decay != 0) step.p.mul_(1 - o.lr * o.weight_decay);

  for (size_t i = 0; i < axes.size(); ++i) l[i].mul_(sb).add_(outer_along(g, axes[i]), 1 - sb);
  if (steps % o.precondition_frequency != 0 || axes.empty()) return;
  m = turned(m, axes, q, true);
  for (size_t i = 0; i < axes.size(); ++i) {
    const at::Tensor order = q[i].t().mm(l[i]).mm(q[i]).diagonal().argsort(0, /*descending=*/true);
    v = v.index_select(axes[i], order);
    q[i].copy_(std::get<0>(at::linalg_qr(l[i].mm(q[i].index_select(1, order)))));
  }
  m = turned(m, axes, q, false);
}

std::string SOAP::state_problem(const Options& o, const at::Tensor* s, const TensorBlock& block) {
  const at::Tensor& p = block.params[0];
  const std::vector<int64_t> sizes = soap_sizes(o, p);
  const int64_t numel = soap_matrices(o, p).numel();
  return first_problem(
      {size_problem("exp_avg", s[0], true, sizes), size_problem("exp_avg_sq", s[1], true, sizes),
       size_problem("precond", s[2], true, {numel}), size_problem("basis", s[3], true, {numel}),
       gap_problem(
           {{"exp_avg", &s[0]}, {"exp_avg_sq", &s[1]}, {"precond", &s[2]}, {"basis", &s[3]}})});
}

}  // namespace descent::rules
