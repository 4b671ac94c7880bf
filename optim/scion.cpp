#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <descent/optim/pieces/tensor_state.h>
#include <descent/optim/scion.h>

namespace descent::rules {
namespace {

ScionNorm norm_of(const Scion::Options& o, int64_t dim) {
  if (o.norm != ScionNorm::Auto) return o.norm;
  return dim <= 1 ? ScionNorm::BiasRms : dim == 2 ? ScionNorm::Spectral : ScionNorm::SpectralConv;
}

/// Divided by the norms of rows (axis 1) or columns (axis 0), times a factor.
at::Tensor by_norms(const at::Tensor& m, int64_t axis, double factor) {
  return m / ((m * m).sum(axis, /*keepdim=*/true).sqrt() * factor + 1e-8);
}

/// What an orthogonal matrix is multiplied by, that of an out x in matrix or of a kernel.
double spectral_factor(const Scion::Options& o, const at::Tensor& x) {
  const auto out = static_cast<double>(x.size(0)), in = static_cast<double>(x.size(1));
  if (x.dim() > 2)
    return std::sqrt(out / in) /
           std::pow(static_cast<double>(x.size(2)), static_cast<double>(x.dim() - 2));
  const double factor = o.normalized.value_or(true) ? std::sqrt(out / in) : std::sqrt(out);
  return o.clamp_scale ? std::max(1.0, factor) : factor;
}

/// Matrices of the last two axes whose rows or columns are orthonormal, all equally likely.
at::Tensor orthonormal(const at::Tensor& noise) {
  const bool wide = noise.size(-2) < noise.size(-1);
  const auto [q, r] = at::linalg_qr(wide ? noise.mT() : noise);
  const at::Tensor signed_q = q * r.diagonal(0, -2, -1).sign().unsqueeze(-2);
  return wide ? signed_q.mT() : signed_q;
}

/// D
at::Tensor direction(const Scion::Options& o, const at::Tensor& m) {
  const NewtonSchulz ns{.steps = o.ns_steps, .eps = o.eps, .adds_eps = true, .dtype = o.ns_dtype};
  const ScionNorm norm = norm_of(o, m.dim());
  if (norm == ScionNorm::BiasRms)
    return m / (m.dim() == 0 ? m.abs() + 1e-8 : (m * m).mean().sqrt() + 1e-8);
  if (norm == ScionNorm::SpectralConv)
    return ns(m.flatten(1)).reshape(m.sizes()) * spectral_factor(o, m);
  if (norm == ScionNorm::Spectral) return ns(m) * spectral_factor(o, m);
  const at::Tensor x = o.transpose ? m.t() : m;
  const auto out = static_cast<double>(x.size(0)), in = static_cast<double>(x.size(1));
  const bool normalized = o.normalized.value_or(norm != ScionNorm::ColNorm);
  at::Tensor d;
  if (norm == ScionNorm::Sign) {
    d = normalized ? x.sign() / in : x.sign();
  } else if (norm == ScionNorm::RowNorm) {
    d = by_norms(x, 1, normalized ? std::sqrt(in) : 1);
  } else {
    d = by_norms(x, 0, (normalized ? in : 1) / std::sqrt(out));
  }
  return o.transpose ? d.t() : d;
}

}  // namespace

void Scion::update(const Options& o, const TensorStep& step) {
  at::Tensor& m = step.s[0];
  if (o.momentum == 0)
    m = at::Tensor();
  else if (m.defined())
    m.mul_(o.momentum).add_(step.g, 1 - o.momentum);
  else
    m = step.g * (1 - o.momentum);
  const at::Tensor d = direction(o, m.defined() ? m : step.g);
  if (!o.unconstrained) step.p.mul_(1 - o.lr);
  step.p.sub_(d * (o.lr * o.scale));
}

at::Tensor Scion::start(const Options& o, const at::Tensor& p) {
  const auto options = p.options().dtype(at::kDouble).requires_grad(false);
  const ScionNorm norm = norm_of(o, p.dim());
  if (norm == ScionNorm::BiasRms || p.numel() == 0) return at::zeros(p.sizes(), options);
  const at::Tensor noise = at::randn(p.sizes(), options);
  if (norm == ScionNorm::Spectral) return o.scale * spectral_factor(o, p) * orthonormal(noise);
  if (norm == ScionNorm::SpectralConv) {
    // A matrix for each place of the kernel.
    const at::Tensor places = orthonormal(noise.flatten(2).permute({2, 0, 1}));
    return o.scale * spectral_factor(o, p) * places.permute({1, 2, 0}).reshape(p.sizes());
  }
  return o.scale * direction(o, noise);
}

std::optional<Conflict> Scion::Options::conflict() const {
  const bool by_rows = norm == ScionNorm::RowNorm || norm == ScionNorm::ColNorm;
  const bool spectral = norm == ScionNorm::Auto || norm == ScionNorm::Spectral;
  if (!unconstrained && lr >= 1) return Conflict{"lr", "< 1 unless unconstrained = true"};
  if (transpose && !by_rows)
    return Conflict{"transpose", "false unless norm = col_norm or row_norm"};
  if (clamp_scale && !spectral)
    return Conflict{"clamp_scale", "false unless norm = auto or spectral"};
  if (normalized && !by_rows && !spectral && norm != ScionNorm::Sign)
    return Conflict{"normalized", "none where norm = spectral_conv or bias_rms"};
  return {};
}

std::string Scion::block_problem(const Options& o, const TensorBlock& block) {
  const int64_t dim = block.params[0].dim();
  const char* wanted = "2";
  bool fits = dim == 2;
  if (o.norm == ScionNorm::Auto) {
    wanted = "at most 4";
    fits = dim <= 4;
  } else if (o.norm == ScionNorm::BiasRms) {
    wanted = "at most 1";
    fits = dim <= 1;
  } else if (o.norm == ScionNorm::SpectralConv) {
    wanted = "3 or 4";
    fits = dim == 3 || dim == 4;
  }
  return fits ? "" : c10::str("has ", dim, " dimensions, must have ", wanted, " for this norm");
}

std::string Scion::state_problem(const Options&, const at::Tensor* s, const TensorBlock& block) {
  return size_problem("momentum_buffer", s[0], true, block.params[0].sizes());
}

}  // namespace descent::rules
