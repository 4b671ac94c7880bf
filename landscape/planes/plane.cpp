#include <algorithm>
#include <cmath>
#include <string>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <descent/landscape/planes/architecture.h>
#include <descent/landscape/planes/plane.h>
#include <descent/landscape/planes/weights.h>
#include <descent/tensors/fingerprint.h>
#include <descent/tensors/one_thread.h>

namespace descent {
namespace {

using at::Tensor;
using landscape::architecture;
using landscape::at_center;
using landscape::check_center;
using landscape::check_direction;
using landscape::copied;
using landscape::dot;
using landscape::Tensors;

}  // namespace

Plane Plane::line() const {
  Plane result = *this;
  result.v.clear();
  result.buffers.v.clear();
  for (auto* along : {&result.explained, &result.eigenvalues}) {
    if (!along->empty()) along->erase(along->begin() + 1, along->end());
  }
  std::erase_if(result.marks, [](const Mark& mark) { return mark.beta != 0; });
  if (!is_line()) result.how += " (the first of them)";
  return result;
}

double Plane::cosine() const {
  return is_line() ? 0 : std::clamp(dot(u, v) / std::sqrt(dot(u, u) * dot(v, v)), -1.0, 1.0);
}

uint64_t Plane::hash() const {
  tensors::Fingerprint hash;
  for (const auto* direction : {&u, &v, &buffers.u, &buffers.v}) {
    for (const auto& tensor : *direction) hash.add(tensor);
  }
  return hash.value();
}

Plane given_plane(const Network& network, const Tensors& u, const Tensors& v) {
  const at::NoGradGuard no_grad;
  Plane plane = at_center(architecture("given_plane", network));
  check_direction("given_plane", "u", plane.names, plane.center, u);
  if (!v.empty()) check_direction("given_plane", "v", plane.names, plane.center, v);
  plane.u = copied(u);
  plane.v = copied(v);
  plane.how = v.empty() ? "a given direction" : "given directions";
  return plane;
}

Plane given_plane(const Tensors& center, const Tensors& u, const Tensors& v) {
  const at::NoGradGuard no_grad;
  Plane plane;
  for (size_t k = 0; k < center.size(); ++k) plane.names.push_back(std::to_string(k));
  check_center("given_plane", plane.names, center);
  check_direction("given_plane", "u", plane.names, center, u);
  if (!v.empty()) check_direction("given_plane", "v", plane.names, center, v);
  plane.center = copied(center);
  plane.u = copied(u);
  plane.v = copied(v);
  plane.how = v.empty() ? "a given direction" : "given directions";
  return plane;
}

Grid squared_norm(const Plane& plane, const Axis& x, const Axis& y) {
  check(x, "squared_norm: axis x");
  check(y, "squared_norm: axis y");
  const tensors::OneThread one;
  const auto product = [](const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
    double sum = 0;
    for (size_t k = 0; k < std::min(a.size(), b.size()); ++k) {
      sum += (a[k].to(at::kDouble) * b[k].to(at::kDouble)).sum().item<double>();
    }
    return sum;
  };
  const double cc = product(plane.center, plane.center), cu = product(plane.center, plane.u),
               cv = product(plane.center, plane.v), uu = product(plane.u, plane.u),
               uv = product(plane.u, plane.v), vv = product(plane.v, plane.v);
  Grid grid{x, y};
  for (int64_t i = 0; i < y.n; ++i) {
    for (int64_t j = 0; j < x.n; ++j) {
      const double a = x.at(j), b = y.at(i);
      grid.values.push_back(cc + 2 * a * cu + 2 * b * cv + a * a * uu + 2 * a * b * uv +
                            b * b * vv);
    }
  }
  grid.value_name = "squared norm";
  grid.notes["plane"] = plane.how;
  return grid;
}

}  // namespace descent
