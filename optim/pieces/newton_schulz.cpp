#include <algorithm>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/addmm.h>

#include <descent/optim/pieces/newton_schulz.h>

namespace descent::rules {
namespace {

using Table = std::vector<std::array<double, 3>>;

const Table& dion() {
  static const Table table{{4.0848, -6.8946, 2.9270},
                           {3.9505, -6.3029, 2.6377},
                           {3.7418, -5.5913, 2.3037},
                           {2.8769, -3.1427, 1.2046},
                           {2.8366, -3.0525, 1.2012}};
  return table;
}

/// Five steps end with a row of their own.
const Table& polar_express(int64_t steps) {
  static const std::array<double, 3> first{8.156554524902461, -22.48329292557795,
                                           15.878769915207462};
  static const std::array<double, 3> second{4.042929935166739, -2.808917465908714,
                                            0.5000178451051316};
  static const std::array<double, 3> third{3.8916678022926607, -2.772484153217685,
                                           0.5060648178503393};
  static const std::array<double, 3> fourth{3.285753657755655, -2.3681294933425376,
                                            0.46449024233003106};
  static const Table five{
      first, second, third, fourth, {2.3465413258596377, -1.7097828382687081, 0.42323551169305323}};
  static const Table others{first,
                            second,
                            third,
                            fourth,
                            {2.3005307116270983, -1.6111665557258408, 0.3833374427545273},
                            {1.8631210546382593, -1.2042160621002727, 0.3421879560523383},
                            {1.8382572152247512, -1.1779263289537742, 0.3396513038637379},
                            {1.875, -1.25, 0.375}};
  return steps == 5 ? five : others;
}

at::ScalarType type_of(NsDtype dtype, const at::Tensor& matrix) {
  switch (dtype) {
    case NsDtype::BFloat16:
      return at::kBFloat16;
    case NsDtype::Float32:
      return at::kFloat;
    case NsDtype::Same:
      break;
  }
  return matrix.scalar_type();
}

}  // namespace

at::Tensor NewtonSchulz::operator()(const at::Tensor& matrix) const {
  const Table one{coefficients};
  const Table& table = preset == NsPreset::Original ? one
                       : preset == NsPreset::Dion   ? dion()
                                                    : polar_express(steps);
  const double f = preset == NsPreset::PolarExpress ? 1.02 : 1;
  const bool high = matrix.size(0) > matrix.size(1);
  at::Tensor x = matrix.to(type_of(dtype, matrix));
  if (high) x = x.t();
  const at::Tensor size = x.norm() * f;
  x = x / (adds_eps ? size + eps : size.clamp_min(eps));
  for (int64_t i = 0; i < steps; ++i) {
    const auto [a, b, c] = table[std::min(static_cast<size_t>(i), table.size() - 1)];
    const at::Tensor s = x.mm(x.t());
    x = at::addmm(x, at::addmm(s, s, s, b, c), x, a);
  }
  return (high ? x.t() : x).to(matrix.scalar_type());
}

}  // namespace descent::rules
