#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <descent/optim/kron.h>
#include <descent/optim/pieces/axes.h>
#include <descent/optim/pieces/philox.h>
#include <descent/optim/pieces/tensor_state.h>

namespace descent::rules {
namespace {

constexpr double kTiny = 0x1p-126;

std::vector<int64_t> kron_sizes(const Kron::Options& o, const at::Tensor& x) {
  if (x.dim() == 0) return {1};
  std::vector<int64_t> sizes = x.sizes().vec();
  const auto from = static_cast<size_t>(o.flatten_from);
  if (from == 0 || from + 1 >= sizes.size()) return sizes;
  int64_t joined = 1;
  for (size_t i = from; i < sizes.size(); ++i) joined *= sizes[i];
  sizes.resize(from);
  sizes.push_back(joined);
  return sizes;
}

/// The factor of one axis: an upper triangular matrix or a diagonal, a view of the state.
struct Factor {
  int64_t axis;
  bool diagonal;
  at::Tensor q;
};

/// Which axes have a diagonal.
std::vector<bool> diagonals(const Kron::Options& o, const std::vector<int64_t>& sizes) {
  const auto longest = std::max_element(sizes.rbegin(), sizes.rend());  // the last of equals
  const auto place = sizes.rend() - longest - 1;
  const bool alone = std::count(sizes.begin(), sizes.end(), *longest) == 1;
  std::vector<bool> list;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const bool is_longest = static_cast<std::ptrdiff_t>(i) == place;
    list.push_back(sizes[i] == 1 || sizes[i] > o.max_size_triangular ||
                   static_cast<int64_t>(sizes.size()) < o.min_dim_triangular ||
                   o.memory_save == KronMemory::AllDiag ||
                   (o.memory_save == KronMemory::OneDiag && is_longest) ||
                   (o.memory_save == KronMemory::SmartOneDiag && is_longest && alone));
  }
  return list;
}

int64_t numel_of_factors(const Kron::Options& o, const std::vector<int64_t>& sizes) {
  const auto diagonal = diagonals(o, sizes);
  int64_t sum = 0;
  for (size_t i = 0; i < sizes.size(); ++i) sum += diagonal[i] ? sizes[i] : sizes[i] * sizes[i];
  return sum;
}

std::vector<Factor> factors_in(const at::Tensor& buffer, const Kron::Options& o,
                               const std::vector<int64_t>& sizes) {
  const auto diagonal = diagonals(o, sizes);
  std::vector<Factor> list;
  int64_t first = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t n = sizes[i], count = diagonal[i] ? n : n * n;
    const at::Tensor part = buffer.narrow(0, first, count);
    list.push_back({static_cast<int64_t>(i), diagonal[i], diagonal[i] ? part : part.view({n, n})});
    first += count;
  }
  return list;
}

/// A diagonal beside the axis that it scales.
at::Tensor beside(const Factor& f, const at::Tensor& x) {
  std::vector<int64_t> sizes(static_cast<size_t>(x.dim()), 1);
  sizes[static_cast<size_t>(f.axis)] = f.q.size(0);
  return f.q.view(sizes);
}

/// x with every axis times Q, or times Q^T.
at::Tensor times(at::Tensor x, const std::vector<Factor>& factors, bool transposed) {
  for (const Factor& f : factors)
    x = f.diagonal ? x * beside(f, x) : times_along(x, transposed ? f.q : f.q.t(), f.axis);
  return x;
}

/// x with every axis times Q^-T.
at::Tensor divided(at::Tensor x, const std::vector<Factor>& factors) {
  for (const Factor& f : factors) {
    if (f.diagonal) {
      x = x / beside(f, x);
      continue;
    }
    const at::Tensor rows = x.transpose(0, f.axis);
    const at::Tensor solved =
        at::linalg_solve_triangular(f.q.t(), rows.reshape({rows.size(0), -1}), /*upper=*/false);
    x = solved.reshape(rows.sizes()).transpose(0, f.axis);
  }
  return x;
}

/// A bound of the largest singular value of a symmetric matrix.
double bound(at::Tensor s) {
  const double largest = s.abs().max().item<double>();
  if (!(largest > 0)) return largest;
  s = s / largest;
  const at::Tensor squares = s * s;
  const auto [column, i] = squares.sum(0).max(0);
  const auto [row, j] = squares.sum(1).max(0);
  const bool by_column = column.item<double>() > row.item<double>();
  const at::Tensor x = by_column ? s.select(1, i.item<int64_t>()).matmul(s)
                                 : s.matmul(s.select(0, j.item<int64_t>()));
  const at::Tensor unit = x / x.norm();
  return largest * (by_column ? unit.matmul(s.t()) : s.t().matmul(unit)).norm().item<double>();
}

double uniform(uint32_t word) { return (static_cast<double>(word) + 0.5) * 0x1p-32; }

/// Normal numbers that follow from the seed, the parameter's place and its step.
at::Tensor probe(const Kron::Options& o, const TensorStep& step, at::IntArrayRef sizes) {
  const auto seed = static_cast<uint64_t>(o.seed);
  const auto place = static_cast<uint32_t>(step.position);
  const auto t = static_cast<uint32_t>(step.at.step);
  const at::Tensor v = at::empty(sizes, at::kDouble);
  auto* const x = v.mutable_data_ptr<double>();
  for (int64_t e = 0; e < v.numel(); e += 2) {
    const auto words = philox(seed, {static_cast<uint32_t>(e / 2), 0x80000000u, place, t});
    for (int64_t j = 0; j < std::min<int64_t>(2, v.numel() - e); ++j)
      x[e + j] = std::sqrt(-2 * std::log(uniform(words[static_cast<size_t>(2 * j)]))) *
                 std::cos(2 * M_PI * uniform(words[static_cast<size_t>(2 * j + 1)]));
  }
  return v.to(step.g.device(), step.g.scalar_type());
}

/// Brings the factors to one size, one time in a hundred.
void balance(const Kron::Options& o, const TensorStep& step, const std::vector<Factor>& factors) {
  const uint32_t word = philox(static_cast<uint64_t>(o.seed),
                               {UINT32_MAX, UINT32_MAX, static_cast<uint32_t>(step.position),
                                static_cast<uint32_t>(step.at.step)})[0];
  if (factors.size() < 2 || uniform(word) >= 0.01) return;
  double logs = 0;
  for (const Factor& f : factors) logs += std::log(f.q.abs().max().item<double>());
  const double mean = std::exp(logs / static_cast<double>(factors.size()));
  for (const Factor& f : factors) f.q.mul_(mean / f.q.abs().max());
}

void learn(const Kron::Options& o, const std::vector<Factor>& factors, const at::Tensor& x,
           const at::Tensor& v) {
  const at::Tensor a = times(x, factors, false), b = divided(v, factors);
  for (const Factor& f : factors) {
    if (f.diagonal) {
      const auto squares = [&](const at::Tensor& y) {
        const at::Tensor rows = y.transpose(0, f.axis).reshape({y.size(f.axis), -1});
        return (rows * rows).sum(1);
      };
      const at::Tensor first = squares(a), second = squares(b);
      f.q.sub_(o.precond_lr * (first - second) * f.q / ((first + second).abs().max() + kTiny));
      continue;
    }
    const at::Tensor first = outer_along(a, f.axis), second = outer_along(b, f.axis);
    const at::Tensor change =
        (o.precond_lr * (first - second)).triu() / (bound(first + second) + kTiny);
    f.q.sub_(change.mm(f.q));
  }
}

}  // namespace

void Kron::update(const Options& o, const TensorStep& step) {
  const std::vector<int64_t> sizes = kron_sizes(o, step.g);
  const at::Tensor g = step.g.reshape(sizes);
  const auto t = static_cast<double>(step.at.step);
  at::Tensor& m = step.s[0];
  at::Tensor& precond = step.s[1];
  at::Tensor& counter = step.s[2];
  if (!m.defined()) {
    m = at::zeros(sizes, g.options());
    precond = at::zeros({numel_of_factors(o, sizes)}, g.options());
    counter = at::zeros({}, g.options());
    const double size = std::pow(o.init_scale, 1 / static_cast<double>(sizes.size()));
    for (const Factor& f : factors_in(precond, o, sizes))
      f.diagonal ? f.q.fill_(size) : f.q.fill_diagonal_(size);
  }
  // The parameter may have another type than when the state was made.
  for (at::Tensor* const x : {&m, &precond, &counter}) *x = x->to(g.scalar_type());
  const std::vector<Factor> factors = factors_in(precond, o, sizes);
  const double part =
      o.update_probability.value_or(std::clamp(std::exp(-0.001 * (t - 1 - 500)), 0.03, 1.0));
  counter.add_(1);
  const bool learns = counter.item<double>() >= 1 / part;
  m.mul_(o.momentum).add_(g, 1 - o.momentum);
  const at::Tensor mean = m / (1 - std::pow(o.momentum, t));
  if (learns) {
    counter.zero_();
    balance(o, step, factors);
    learn(o, factors, o.momentum_into_precond ? mean : g, probe(o, step, sizes));
  }
  at::Tensor h = times(times(mean, factors, false), factors, true);
  h = h * std::min(1.0, 1.1 / (std::sqrt((h * h).mean().item<double>()) + 1e-8));
  h = h.reshape(step.p.sizes());
  if (o.decay_mode == DecayMode::Coupled && o.weight_decay != 0) h = h + o.weight_decay * step.p;
  step.p.sub_(o.lr * h);
}

std::string Kron::state_problem(const Options& o, const at::Tensor* s, const TensorBlock& block) {
  const std::vector<int64_t> sizes = kron_sizes(o, block.params[0]);
  return first_problem(
      {size_problem("momentum_buffer", s[0], true, sizes),
       size_problem("precond", s[1], true, {numel_of_factors(o, sizes)}),
       size_problem("update_counter", s[2], true, {}),
       gap_problem({{"momentum_buffer", &s[0]}, {"precond", &s[1]}, {"update_counter", &s[2]}})});
}

}  // namespace descent::rules
