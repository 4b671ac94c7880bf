#include <array>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>
#include <torch/nn/module.h>

#include <descent/landscape/network/parameters.h>
#include <descent/landscape/planes/architecture.h>
#include <descent/landscape/planes/random_plane.h>
#include <descent/landscape/planes/weights.h>
#include <descent/tensors/one_thread.h>
#include <descent/tensors/seeded.h>

namespace descent {
namespace {

using at::Tensor;
using landscape::architecture;
using landscape::Architecture;
using landscape::at_center;
using landscape::check_direction;
using landscape::copied;
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

}  // namespace

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

}  // namespace descent
