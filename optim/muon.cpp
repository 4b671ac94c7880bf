#include <algorithm>
#include <cmath>
#include <numeric>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <descent/optim/muon.h>
#include <descent/optim/pieces/tensor_state.h>

namespace descent::rules {
namespace {

/// The rows of each block.
std::vector<int64_t> blocks_of(const Muon::Options& o, int64_t rows) {
  if (!o.split_sizes.empty()) return o.split_sizes;
  const int64_t count = std::max<int64_t>(o.heads, 1);
  return std::vector<int64_t>(static_cast<size_t>(count), rows / count);
}

double adjustment(const Muon::Options& o, int64_t rows, int64_t columns) {
  const auto a = static_cast<double>(rows), b = static_cast<double>(columns);
  if (o.hyperball) return 1;
  switch (o.adjust) {
    case MuonAdjust::Original:
      return std::sqrt(std::max(1.0, a / b));
    case MuonAdjust::MatchRmsAdamW:
      return 0.2 * std::sqrt(std::max(a, b));
    case MuonAdjust::Spectral:
      return std::sqrt(a / b);
    case MuonAdjust::None:
      break;
  }
  return 1;
}

/// Gives the rows of o the same size, and the block the norm that it had.
at::Tensor with_equal_rows(const Muon::Options& options, const at::Tensor& o, at::Tensor second) {
  const double b = options.normuon_beta2;
  second.mul_(b).add_((o * o).mean(1, /*keepdim=*/true), 1 - b);
  const at::Tensor n = o / (second.sqrt() + options.normuon_eps);
  return n * (o.norm() / n.norm().clamp_min(1e-8));
}

/// O, of the parameter's sizes.
at::Tensor orthogonal_direction(const Muon::Options& o, const TensorStep& step) {
  const double mu = o.momentum;
  at::Tensor& m = step.s[0];
  at::Tensor& second = step.s[1];
  if (m.defined())
    m.mul_(mu).add_(step.g, 1 - mu);
  else
    m = step.g * (1 - mu);
  const at::Tensor u = (o.nesterov ? (1 - mu) * step.g + mu * m : m).flatten(1);
  if (o.normuon && !second.defined()) second = at::zeros({u.size(0), 1}, u.options());
  const NewtonSchulz orthogonal{.preset = o.ns_preset,
                                .coefficients = o.ns_coefficients,
                                .steps = o.ns_steps,
                                .eps = o.eps,
                                .dtype = o.ns_dtype};
  std::vector<at::Tensor> blocks;
  int64_t first = 0;
  for (const int64_t rows : blocks_of(o, u.size(0))) {
    at::Tensor block = orthogonal(u.narrow(0, first, rows));
    if (o.normuon) block = with_equal_rows(o, block, second.narrow(0, first, rows));
    blocks.push_back(block * adjustment(o, rows, u.size(1)));
    first += rows;
  }
  return (blocks.size() == 1 ? blocks[0] : at::cat(blocks)).reshape(step.p.sizes());
}

/// AdamW's, for the groups that are no matrices.
at::Tensor adam_direction(const Muon::Options& o, const TensorStep& step) {
  const auto [b1, b2] = o.adamw_betas;
  const auto t = static_cast<double>(step.at.step);
  at::Tensor& m = step.s[3];
  at::Tensor& v = step.s[4];
  if (!m.defined()) m = at::zeros_like(step.g);
  if (!v.defined()) v = at::zeros_like(step.g);
  m.mul_(b1).add_(step.g, 1 - b1);
  v.mul_(b2).addcmul_(step.g, step.g, 1 - b2);
  const double c1 = 1 - std::pow(b1, t), c2 = 1 - std::pow(b2, t);
  return (m / c1) / (v.sqrt() / std::sqrt(c2) + o.adamw_eps);
}

/// What decays of p: K p.
at::Tensor decaying(const Muon::Options& o, const at::Tensor& p, const at::Tensor& direction) {
  return o.cautious_decay ? p * (direction * p).ge(0).to(p.scalar_type()) : p;
}

}  // namespace

void Muon::update(const Options& o, const TensorStep& step) {
  at::Tensor& p = step.p;
  const bool decoupled = o.decay_mode == DecayMode::Decoupled && o.weight_decay != 0;
  const bool muon = o.algorithm == MuonAlgorithm::Muon;
  at::Tensor u = muon ? orthogonal_direction(o, step) : adam_direction(o, step);
  if (muon && o.hyperball) {
    at::Tensor& n0 = step.s[2];
    if (!n0.defined()) n0 = p.norm();
    if (o.lr == 0) return;
    if (decoupled) u = u + o.weight_decay * decaying(o, p, u);
    p.sub_(u * (o.lr * n0 / u.norm().clamp_min(1e-12)));
    p.mul_(n0 / p.norm().clamp_min(1e-12));
    return;
  }
  if (decoupled) p.sub_(decay_rate(o) * o.weight_decay * decaying(o, p, u));
  p.sub_(o.lr * u);
}

std::optional<Conflict> Muon::Options::conflict() const {
  const bool coupled = decay_mode == DecayMode::Coupled;
  if (ns_preset != NsPreset::Original && ns_coefficients != Options{}.ns_coefficients)
    return Conflict{"ns_coefficients", "the default unless ns_preset = original"};
  if (heads > 0 && !split_sizes.empty()) return Conflict{"heads", "0 where split_sizes are given"};
  if (hyperball && coupled) return Conflict{"hyperball", "false where decay_mode = coupled"};
  if (cautious_decay && coupled)
    return Conflict{"cautious_decay", "false where decay_mode = coupled"};
  if (decay_scale != DecayScale::Lr && (coupled || hyperball))
    return Conflict{"decay_scale", "lr where decay_mode = coupled or hyperball = true"};
  if (decay_scale == DecayScale::Stable)
    return Conflict{"decay_scale", "lr, corrected or independent for this rule"};
  return decay_scale_conflict(*this, lr);
}

std::string Muon::block_problem(const Options& o, const TensorBlock& block) {
  const at::Tensor& p = block.params[0];
  if (o.algorithm == MuonAlgorithm::AdamW) return "";
  const bool split = o.heads > 0 || !o.split_sizes.empty();
  if (p.dim() != 2 && (p.dim() < 2 || !o.flatten_conv || split))
    return c10::str("has ", p.dim(), " dimensions, must have 2",
                    o.flatten_conv && !split ? " or more" : "",
                    "; algorithm = adamw takes any number of them");
  if (o.heads > 0 && p.size(0) % o.heads != 0)
    return c10::str("has ", p.size(0), " rows, must have a multiple of heads = ", o.heads);
  const int64_t sum = std::accumulate(o.split_sizes.begin(), o.split_sizes.end(), int64_t{0});
  if (!o.split_sizes.empty() && sum != p.size(0))
    return c10::str("has ", p.size(0), " rows, must have ", sum, ", the sum of split_sizes");
  return "";
}

std::string Muon::state_problem(const Options&, const at::Tensor* s, const TensorBlock& block) {
  const at::Tensor& p = block.params[0];
  const bool matrix = p.dim() >= 2;
  return first_problem(
      {size_problem("momentum_buffer", s[0], matrix, p.sizes()),
       size_problem("second_momentum_buffer", s[1], matrix, {matrix ? p.size(0) : 1, 1}),
       size_problem("init_norm", s[2], matrix, {}), size_problem("exp_avg", s[3], true, p.sizes()),
       size_problem("exp_avg_sq", s[4], true, p.sizes()),
       gap_problem({{"exp_avg", &s[3]}, {"exp_avg_sq", &s[4]}})});
}

}  // namespace descent::rules
