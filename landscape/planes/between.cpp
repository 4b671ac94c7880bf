#include <cmath>
#include <stdexcept>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <descent/landscape/planes/architecture.h>
#include <descent/landscape/planes/between.h>
#include <descent/landscape/planes/weights.h>

namespace descent {
namespace {

using at::Tensor;
using landscape::architecture;
using landscape::Architecture;
using landscape::as;
using landscape::at_center;
using landscape::check_direction;
using landscape::check_same;
using landscape::copied;
using landscape::dot;
using landscape::Tensors;

}  // namespace

Plane line_between(const Network& a, const Network& b) {
  const at::NoGradGuard no_grad;
  const char* const who = "line_between";
  const Architecture from = architecture(who, a), to = architecture(who, b);
  check_same(who, from, to);
  Plane plane = at_center(from);
  plane.u = as(landscape::way(plane.center, to.parameters.tensors), plane.center);
  check_direction(who, "u", plane.names, plane.center, plane.u, "the two networks are equal");
  plane.buffers.names = from.buffers.names;
  plane.buffers.center = copied(from.buffers.tensors);
  plane.buffers.u =
      as(landscape::way(plane.buffers.center, to.buffers.tensors), plane.buffers.center);
  plane.how = "the line from one network (alpha = 0) to another (alpha = 1)";
  plane.marks = {{"first", 0, 0}, {"second", 1, 0}};
  return plane;
}

Plane plane_between(const Network& a, const Network& b, const Network& c) {
  const at::NoGradGuard no_grad;
  const char* const who = "plane_between";
  const Architecture first = architecture(who, a), second = architecture(who, b),
                     third = architecture(who, c);
  check_same(who, first, second);
  check_same(who, first, third);
  Plane plane = at_center(first);
  const Tensors to_b = landscape::way(plane.center, second.parameters.tensors),
                to_c = landscape::way(plane.center, third.parameters.tensors);
  const double length_b = std::sqrt(dot(to_b, to_b));
  const auto refuse_line = [&] {
    throw std::invalid_argument(
        "plane_between: the three networks lie on one line, which spans no "
        "plane; use line_between()");
  };
  if (length_b == 0) refuse_line();
  const double along = dot(to_c, to_b) / length_b;
  Tensors across = landscape::moved(to_c, -along / length_b, to_b);
  across = landscape::moved(across, -dot(across, to_b) / (length_b * length_b), to_b);
  const double length_c = std::sqrt(dot(across, across));
  // What rounding of the weights alone puts off a line.
  double scale = 0;
  for (const auto* weights : {&first, &second, &third}) {
    scale += std::sqrt(dot(weights->parameters.tensors, weights->parameters.tensors));
  }
  const bool wide = plane.center[0].scalar_type() == at::kDouble;
  if (!(length_c > (wide ? 1e-15 : 5e-7) * scale)) refuse_line();
  const auto divided = [](const Tensors& tensors, double length, const Tensors& like) {
    Tensors result;
    for (const Tensor& tensor : tensors) result.push_back(tensor / length);
    return as(result, like);
  };
  plane.u = divided(to_b, length_b, plane.center);
  plane.v = divided(across, length_c, plane.center);
  check_direction(who, "u", plane.names, plane.center, plane.u);
  check_direction(who, "v", plane.names, plane.center, plane.v);
  Plane::Buffers& buffers = plane.buffers;
  buffers.names = first.buffers.names;
  buffers.center = copied(first.buffers.tensors);
  const Tensors move_b = landscape::way(buffers.center, second.buffers.tensors),
                move_c = landscape::way(buffers.center, third.buffers.tensors);
  buffers.u = divided(move_b, length_b, buffers.center);
  buffers.v =
      divided(landscape::moved(move_c, -along / length_b, move_b), length_c, buffers.center);
  plane.how = "the plane through three networks, in distances between weights";
  plane.marks = {{"first", 0, 0}, {"second", length_b, 0}, {"third", along, length_c}};
  return plane;
}

}  // namespace descent
