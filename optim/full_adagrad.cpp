// The compiler's flags and macros first, then the rule.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/zeros.h>

#include <descent/optim/full_adagrad.h>
#include <descent/tensors/computed_in.h>

namespace descent::rules {
namespace {

at::Tensor root(const FullAdagrad::Options& o, const at::Tensor& w) {
  return o.eps_mode == RootEps::Inside ? (w + o.eps).sqrt() : w.sqrt() + o.eps;
}

at::Tensor by_eigen(const FullAdagrad::Options& o, const at::Tensor& g, at::Tensor& sum) {
  if (!sum.defined()) sum = at::eye(g.numel(), g.options()) * o.initial_accumulator_value;
  sum = sum + at::outer(g, g);
  if (!at::isfinite(sum).all().item<bool>()) return at::full_like(g, NAN);
  const auto [w, q] = at::linalg_eigh(sum);
  return q.mv(q.t().mv(g) / root(o, w.clamp_min(0)));
}

at::Tensor by_factor(const FullAdagrad::Options& o, const at::Tensor& g, at::Tensor& factor,
                     at::ScalarType kept) {
  const int64_t n = g.numel();
  const at::Tensor row = g.view({1, n});
  // A copy, or the state could be the memory of the gradient, which the next one overwrites.
  at::Tensor rows = factor.defined() ? at::cat({factor.to(at::kDouble), row}) : row.clone();
  if (!at::isfinite(rows).all().item<bool>()) {
    factor = rows.narrow(0, 0, std::min(rows.size(0), n)).to(kept);
    return at::full_like(g, NAN);
  }
  if (rows.size(0) > n) rows = std::get<1>(at::linalg_qr(rows, "r"));
  factor = rows.to(kept);
  const auto [u, sigma, vt] = at::linalg_svd(rows.t(), /*full_matrices=*/false);
  return u.mv(u.t().mv(g) / root(o, sigma * sigma + o.initial_accumulator_value));
}

}  // namespace

void FullAdagrad::update(const Options& o, const TensorStep& step) {
  const at::Tensor g = step.g.reshape(-1).to(at::kDouble);
  at::Tensor& sum = step.s[0];
  at::Tensor& factor = step.s[1];
  // A state that one method began goes on with that method, whatever `method` says now.
  const bool eigen = factor.defined() ? false : sum.defined() || o.method == AdagradMethod::Eigen;
  const at::Tensor v =
      eigen ? by_eigen(o, g, sum) : by_factor(o, g, factor, tensors::computed_in(step.p));
  step.p.copy_(step.p.to(at::kDouble) - o.lr * v.view(step.p.sizes()));
}

std::string FullAdagrad::block_problem(const Options& o, const TensorBlock& block) {
  if (block.numel <= o.max_dim) return "";
  return "makes a block of " + std::to_string(block.numel) +
         " elements, must be at most max_dim = " + std::to_string(o.max_dim);
}

std::string FullAdagrad::state_problem(const Options&, const at::Tensor* s,
                                       const TensorBlock& block) {
  const int64_t numel = block.numel;
  const at::Tensor& sum = s[0];
  const at::Tensor& factor = s[1];
  if (sum.defined() && (sum.dim() != 2 || sum.size(0) != numel || sum.size(1) != numel))
    return "sum has the wrong sizes, must be [" + std::to_string(numel) + ", " +
           std::to_string(numel) + "]";
  if (factor.defined() && (factor.dim() != 2 || factor.size(0) > numel || factor.size(1) != numel))
    return "factor has the wrong sizes, must be [r, " + std::to_string(numel) +
           "], r <= " + std::to_string(numel);
  if (sum.defined() && factor.defined()) return "has both sum and factor, must have one";
  return "";
}

}  // namespace descent::rules
