#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <descent/optim/came.h>
#include <descent/optim/pieces/tensor_state.h>

namespace descent::rules {
namespace {

/// average <- b average + (1 - b) now; it begins at zero.
void average(at::Tensor& average, const at::Tensor& now, double b) {
  average = average.defined() ? b * average + (1 - b) * now : (1 - b) * now;
}

/// Z of the averages of x over rows and columns, after x has entered them.
at::Tensor factored(at::Tensor& rows, at::Tensor& columns, const at::Tensor& x, double b) {
  average(rows, x.mean(-1), b);
  average(columns, x.mean(-2), b);
  const at::Tensor scale = (rows / rows.mean(-1, /*keepdim=*/true)).rsqrt();
  return scale.unsqueeze(-1) * columns.rsqrt().unsqueeze(-2);
}

}  // namespace

void CAME::update(const Options& o, const TensorStep& step) {
  const at::Tensor& g = step.g;
  at::Tensor* const s = step.s;
  const auto [b1, b2, b3] = o.betas;
  const bool matrix = g.dim() >= 2;
  const at::Tensor x = g * g + o.eps1;
  at::Tensor u;
  if (matrix) {
    u = g * factored(s[1], s[2], x, b2);
  } else {
    average(s[5], x, b2);
    u = g * s[5].rsqrt();
  }
  u = u / (mean_size(u, o.clip_threshold) / o.clip_threshold).to(u.scalar_type());
  at::Tensor& m = s[0];
  average(m, u, b1);
  if (!matrix) {
    step.p.sub_(o.lr * m);
    return;
  }
  const at::Tensor apart = u - m;
  step.p.sub_(o.lr * (m * factored(s[3], s[4], apart * apart + o.eps2, b3)));
}

std::string CAME::state_problem(const Options&, const at::Tensor* s, const TensorBlock& block) {
  const at::Tensor& p = block.params[0];
  const bool matrix = p.dim() >= 2;
  std::vector<int64_t> rows = p.sizes().vec(), columns = rows;
  if (matrix) rows.pop_back(), columns.erase(columns.end() - 2);
  return first_problem({size_problem("exp_avg", s[0], true, p.sizes()),
                        size_problem("exp_avg_sq_row", s[1], matrix, rows),
                        size_problem("exp_avg_sq_col", s[2], matrix, columns),
                        size_problem("exp_avg_res_row", s[3], matrix, rows),
                        size_problem("exp_avg_res_col", s[4], matrix, columns),
                        size_problem("exp_avg_sq", s[5], !matrix, p.sizes()),
                        matrix ? gap_problem({{"exp_avg", &s[0]},
                                              {"exp_avg_sq_row", &s[1]},
                                              {"exp_avg_sq_col", &s[2]},
                                              {"exp_avg_res_row", &s[3]},
                                              {"exp_avg_res_col", &s[4]}})
                               : gap_problem({{"exp_avg", &s[0]}, {"exp_avg_sq", &s[5]}})});
}

}  // namespace descent::rules
