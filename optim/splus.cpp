#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <descent/optim/pieces/axes.h>
#include <descent/optim/pieces/tensor_state.h>
#include <descent/optim/splus.h>

namespace descent::rules {
namespace {

AxisMatrices splus_matrices(const SPlus::Options& o, const at::Tensor& p) {
  return {p.sizes(), p.dim() == 2 ? o.max_dim - 1 : -1};
}

double rate(const SPlus::Options& o, const at::Tensor& p) {
  if (p.dim() != 2 || p.size(0) > o.max_dim || p.size(1) > o.max_dim)
    return o.lr * o.nonstandard_constant;
  return o.lr * 2 / static_cast<double>(p.size(0) + p.size(1));
}

}  // namespace

void SPlus::update(const Options& o, const TensorStep& step) {
  const AxisMatrices matrices = splus_matrices(o, step.p);
  const auto& axes = matrices.axes();
  const auto [b1, b2] = o.betas;
  at::Tensor& m = step.s[0];
  at::Tensor& average = step.s[1];
  if (!m.defined()) {
    m = at::zeros_like(step.g);
    average = at::zeros_like(step.g);
    step.s[2] = at::zeros({matrices.numel()}, step.g.options());
    step.s[3] = at::zeros_like(step.s[2]);
    for (const at::Tensor& q : matrices.in(step.s[3])) q.fill_diagonal_(1);
  }
  const auto l = matrices.in(step.s[2]), q = matrices.in(step.s[3]);
  m.mul_(b1).add_(step.g, 1 - b1);
  at::Tensor u = m;
  for (size_t i = 0; i < axes.size(); ++i) u = times_along(u, q[i], axes[i]);
  u = u.sign();
  for (size_t i = 0; i < axes.size(); ++i) {
    u = times_along(u, q[i].t(), axes[i]);
    l[i].mul_(b2).add_(outer_along(step.g, axes[i]), 1 - b2);
  }
  if (step.at.step == 1 || step.at.step % o.inverse_every == 0)
    for (size_t i = 0; i < axes.size(); ++i)
      q[i].copy_(eigen(l[i] + o.eps * at::eye(l[i].size(0), l[i].options())).vectors);
  const double size = rate(o, step.p);
  step.p.sub_(size * u);
  average.add_(step.p - average, 1 - o.ema_rate);
  if (o.weight_decay != 0) step.p.mul_(1 - size * o.weight_decay);
}

void SPlus::change_mode(const Options& o, const TensorStep& step, bool training) {
  at::Tensor& kept = step.s[4];
  if (!training) {
    kept = step.p.clone();
    step.p.copy_(step.s[1] / (1 - std::pow(o.ema_rate, static_cast<double>(step.at.step))));
  } else if (kept.defined()) {
    step.p.copy_(kept);
    kept = at::Tensor();
  }
}

std::string SPlus::state_problem(const Options& o, const at::Tensor* s, const TensorBlock& block) {
  const at::Tensor& p = block.params[0];
  const int64_t numel = splus_matrices(o, p).numel();
  return first_problem(
      {size_problem("momentum", s[0], true, p.sizes()), size_problem("ema", s[1], true, p.sizes()),
       size_problem("sides", s[2], true, {numel}), size_problem("q_sides", s[3], true, {numel}),
       size_problem("param_buffer", s[4], true, p.sizes()),
       gap_problem({{"momentum", &s[0]}, {"ema", &s[1]}, {"sides", &s[2]}, {"q_sides", &s[3]}})});
}

}  // namespace descent::rules
