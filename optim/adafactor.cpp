#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <descent/optim/adafactor.h>
#include <descent/optim/pieces/tensor_state.h>

namespace descent::rules {
namespace {

double machine_epsilon(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return std::numeric_limits<double>::epsilon();
    case at::kHalf:
      return 0x1p-10;
    case at::kBFloat16:
      return 0x1p-7;
    default:
      return std::numeric_limits<float>::epsilon();
  }
}

/// moment <- moment + w (now - moment); it begins at zero.
void approach(at::Tensor& moment, const at::Tensor& now, double w) {
  moment = moment.defined() ? moment + w * (now - moment) : w * now;
}

}  // namespace

void Adafactor::update(const Options& o, const TensorStep& step) {
  const at::Tensor& g = step.g;
  at::Tensor& p = step.p;
  const auto t = static_cast<double>(step.at.step);
  const double eps1 = o.eps1.value_or(machine_epsilon(step.type));
  const double w = std::pow(t, o.beta2_decay);
  const at::Tensor alpha = mean_size(p, o.eps2) * std::min(o.lr, 1 / std::sqrt(t));
  if (step.keep != 1) p.mul_(step.keep);

  const at::Tensor square = g * g;
  at::Tensor x;
  if (p.dim() >= 2) {
    at::Tensor& rows = step.s[0];
    at::Tensor& columns = step.s[1];
    approach(rows, square.mean(-1, /*keepdim=*/true), w);
    approach(columns, square.mean(-2, /*keepdim=*/true), w);
    x = rows * columns / rows.mean(-2, /*keepdim=*/true).clamp_min(eps1);
  } else {
    approach(step.s[2], square, w);
    x = step.s[2];
  }
  const at::Tensor u = g / x.clamp_min(eps1 * eps1).sqrt();
  p.sub_(u * (alpha / (mean_size(u, o.d) / o.d)).to(u.scalar_type()));
}

std::string Adafactor::state_problem(const Options&, const at::Tensor* s,
                                     const TensorBlock& block) {
  const at::Tensor& p = block.params[0];
  std::vector<int64_t> rows = p.sizes().vec(), columns = rows;
  const bool matrix = p.dim() >= 2;
  if (matrix) rows.back() = 1, columns[columns.size() - 2] = 1;
  return first_problem({size_problem("row_var", s[0], matrix, rows),
                        size_problem("col_var", s[1], matrix, columns),
                        size_problem("variance", s[2], !matrix, p.sizes()),
                        gap_problem({{"row_var", &s[0]}, {"col_var", &s[1]}})});
}

}  // namespace descent::rules
