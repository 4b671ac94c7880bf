#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <utility>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>
#include <torch/nn/module.h>

#include <descent/landscape/network/parameters.h>
#include <descent/landscape/planes/plane.h>
#include <descent/landscape/planes/weights.h>
#include <descent/tensors/fingerprint.h>
#include <descent/tensors/one_thread.h>
#include <descent/tensors/seeded.h>

namespace descent {
namespace {

using at::Tensor;
using landscape::as;
using landscape::check_center;
using landscape::check_direction;
using landscape::check_same;
using landscape::copied;
using landscape::dot;
using landscape::Tensors;

/// Access to the registered parameters of any module, which Module keeps protected.
struct Registered : torch::nn::Module {
  static auto& parameters(torch::nn::Module& module) { return module.*(&Registered::parameters_); }
};

/// What the initialisers of the model draw now. Cloneable::clone() runs reset(), which draws, and
/// then overwrites the draw with the parameters that the original has; it has none to overwrite
/// with once they are undefined. So the draw of every module survives, whatever its type.
Tensors initial_draw(const torch::nn::Module& without_values, const landscape::Parameters& model) {
  const auto fresh = without_values.clone();
  const auto drawn = fresh->named_parameters();
  if (drawn.size() != model.slot.size()) {
    throw std::invalid_argument(
        "random_plane: the initialiser of the module of type " + without_values.name() +
        " is out of reach: after clone() " + std::to_string(drawn.size()) + " of " +
        std::to_string(model.slot.size()) +
        " parameters are there. Use draw = Draw::Gaussian or given_plane()");
  }
  Tensors direction(model.tensors.size());
  for (size_t k = 0; k < drawn.size(); ++k) {
    Tensor& d = direction[model.slot[k]];
    if (d.defined()) continue;  // tied: the first draw counts
    const Tensor& parameter = model.tensors[model.slot[k]];
    d = drawn[k].value().detach().to(parameter.options(), /*non_blocking=*/false, /*copy=*/true,
                                     at::MemoryFormat::Contiguous);
  }
  return direction;
}

std::pair<Tensors, Tensors> drawn_by_initialisers(const torch::nn::Module& module,
                                                  const landscape::Parameters& model,
                                                  uint64_t seed) {
  const auto copy = landscape::clone_of(module, "random_plane");
  for (const auto& part : copy->modules()) {
    for (auto& item : Registered::parameters(*part)) item.value() = Tensor();
  }
  tensors::KeptGenerator generator;
  generator.seed(seed);
  Tensors u = initial_draw(*copy, model);
  Tensors v = initial_draw(*copy, model);
  return {std::move(u), std::move(v)};
}

Tensors gaussian(const Tensors& like, at::Generator& generator) {
  Tensors direction;
  for (const auto& parameter : like) {
    const auto drawn = at::randn(parameter.sizes(), generator, at::TensorOptions(at::kFloat));
    direction.push_back(drawn.to(parameter.options()));
  }
  return direction;
}

/// Length of a tensor of two dimensions and more: of all of it, or of each slice along the first
/// dimension.
Tensor length(const Tensor& t, bool slices) {
  const tensors::OneThread one;
  if (!slices) return at::linalg_vector_norm(t);
  std::vector<int64_t> rest;
  for (int64_t d = 1; d < t.dim(); ++d) rest.push_back(d);
  return at::linalg_vector_norm(t, 2, rest, /*keepdim=*/true);
}

/// d * wanted / (||d|| + eps), 0 where d is.
Tensor scaled(const Tensor& d, const Tensor& wanted, double eps, bool slices) {
  const Tensor own = length(d, slices) + eps;
  return at::where(own > 0, d * (wanted / own), 0.);
}

Tensor normalised(const Tensor& direction, const Tensor& weights, Norm norm, bool ignore_bias_bn) {
  if (norm == Norm::None) return direction;
  if (weights.dim() <= 1) return ignore_bias_bn ? at::zeros_like(weights) : weights.clone();
  const Tensor d = direction.to(at::kDouble), w = weights.to(at::kDouble);
  constexpr double kEps = 1e-10;
  const auto result = [&] {
    switch (norm) {
      case Norm::Filter:
        return scaled(d, length(w, true), kEps, true);
      case Norm::Layer:
        return scaled(d, length(w, false), 0, false);
      case Norm::Weight:
        return d * w;
      case Norm::DFilter:
        return scaled(d, at::ones({}, d.options()), kEps, true);
      case Norm::DLayer:
        return scaled(d, at::ones({}, d.options()), 0, false);
      case Norm::None:
        break;
    }
    return d;
  }();
  return result.to(weights.options());
}

std::string described(const PlaneOptions& options) {
  std::string text = options.draw == Draw::Gaussian ? "two Gaussian draws"
                                                    : "two draws of the model's initialiser";
  if (options.norm == Norm::None) return text;
  constexpr std::array kNames{"",
                              ", filter-normalised",
                              ", layer-normalised",
                              ", times the weights",
                              ", filters of length 1",
                              ", layers of length 1"};
  text += kNames[static_cast<size_t>(options.norm)];
  return text + (options.ignore_bias_bn ? ", biases and normalisation layers fixed"
                                        : ", biases and normalisation layers along themselves");
}

std::string why_zero(const PlaneOptions& options) {
  if (options.norm == Norm::None) return "all of its values are 0";
  return options.ignore_bias_bn
             ? "where all weights are 0, or no parameter has two dimensions or more, there is "
               "nothing to scale it to (ignore_bias_bn = true)"
             : "all weights are 0";
}

struct Architecture {
  landscape::Parameters parameters, buffers;
};

Architecture architecture(const char* who, const Network& network) {
  Architecture result{landscape::parameters_of(network.model()),
                      landscape::floating_buffers_of(network.model())};
  check_center(who, result.parameters.names, result.parameters.tensors);
  return result;
}

void check_same(const char* who, const Architecture& a, const Architecture& b) {
  check_same(who, "parameter", a.parameters, b.parameters);
  check_same(who, "buffer", a.buffers, b.buffers);
}

/// A plane of this center, without directions.
Plane at_center(const Architecture& center) {
  Plane plane;
  plane.names = center.parameters.names;
  plane.center = copied(center.parameters.tensors);
  return plane;
}

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

std::vector<Tensor> normalised(const std::vector<Tensor>& d, const std::vector<Tensor>& weights,
                               Norm norm, bool ignore_bias_bn) {
  const at::NoGradGuard no_grad;
  if (d.size() != weights.size()) {
    throw std::invalid_argument("normalised: the direction has " + std::to_string(d.size()) +
                                " tensors, the weights have " + std::to_string(weights.size()));
  }
  Tensors result;
  for (size_t k = 0; k < d.size(); ++k) {
    if (!d[k].defined() || !weights[k].defined() || d[k].sizes() != weights[k].sizes()) {
      throw std::invalid_argument("normalised: tensor " + std::to_string(k) +
                                  " of the direction is " + landscape::described(d[k]) +
                                  ", of the weights " + landscape::described(weights[k]));
    }
    result.push_back(normalised(d[k], weights[k], norm, ignore_bias_bn));
  }
  return result;
}

Plane random_plane(const Network& network, const PlaneOptions& options) {
  const at::NoGradGuard no_grad;
  const char* const who = "random_plane";
  const Architecture own = architecture(who, network);
  Plane plane = at_center(own);
  plane.seed = options.seed;
  plane.how = described(options);
  auto generator = at::detail::createCPUGenerator(options.seed);
  if (options.draw == Draw::Gaussian) {
    plane.u = gaussian(plane.center, generator);
    plane.v = gaussian(plane.center, generator);
  } else if (const torch::nn::Module* module = network.model().module()) {
    std::tie(plane.u, plane.v) = drawn_by_initialisers(*module, own.parameters, options.seed);
  } else {
    throw std::invalid_argument(
        "random_plane: the network is a " + network.model().type() +
        ", which has no initialiser to draw from; use draw = Draw::Gaussian");
  }
  plane.u = normalised(plane.u, plane.center, options.norm, options.ignore_bias_bn);
  plane.v = normalised(plane.v, plane.center, options.norm, options.ignore_bias_bn);
  if (!options.frozen) {
    const std::vector<bool> frozen = landscape::frozen(own.parameters);
    for (size_t k = 0; k < frozen.size(); ++k) {
      if (frozen[k]) plane.u[k] = plane.v[k] = at::zeros_like(plane.center[k]);
    }
    plane.how += landscape::described(frozen);
  }
  check_direction(who, "u", plane.names, plane.center, plane.u, why_zero(options));
  check_direction(who, "v", plane.names, plane.center, plane.v, why_zero(options));
  if (options.buffers) {
    Plane::Buffers& buffers = plane.buffers;
    buffers.names = own.buffers.names;
    buffers.center = copied(own.buffers.tensors);
    for (Tensors* direction : {&buffers.u, &buffers.v}) {
      *direction = normalised(gaussian(buffers.center, generator), buffers.center, options.norm,
                              options.ignore_bias_bn);
    }
  }
  return plane;
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
