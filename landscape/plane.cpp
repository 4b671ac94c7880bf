#include <sstream>
#include <stdexcept>

#include <ATen/ops/isfinite.h>
#include <ATen/ops/randn.h>

#include <descent/landscape/parameters.h>
#include <descent/landscape/plane.h>
#include <descent/landscape/seeded.h>

namespace descent {
namespace {

using torch::Tensor;
using Tensors = std::vector<Tensor>;

Tensor copied(const Tensor& tensor) { return tensor.detach().clone(at::MemoryFormat::Contiguous); }

Tensors copied(const Tensors& tensors) {
  Tensors result;
  for (const auto& tensor : tensors) result.push_back(copied(tensor));
  return result;
}

std::string described(const Tensor& tensor) {
  if (!tensor.defined()) return "an undefined tensor";
  std::ostringstream text;
  text << tensor.scalar_type() << tensor.sizes() << " on " << tensor.device();
  return text.str();
}

void check_center(const char* who, const std::vector<std::string>& names, const Tensors& center) {
  if (center.empty()) {
    throw std::invalid_argument(std::string(who) + ": there are no parameters to make a plane of");
  }
  for (size_t k = 0; k < center.size(); ++k) {
    const std::string subject = std::string(who) + ": parameter '" + names[k] + "'";
    if (!center[k].defined() || !center[k].is_floating_point()) {
      throw std::invalid_argument(subject + " is " + described(center[k]) +
                                  "; a plane needs a floating type");
    }
    if (!at::isfinite(center[k]).all().item<bool>()) {
      throw std::invalid_argument(subject + " has values that are not finite");
    }
  }
}

void check_direction(const char* who, const char* which, const std::vector<std::string>& names,
                     const Tensors& center, const Tensors& direction) {
  if (direction.size() != center.size()) {
    throw std::invalid_argument(std::string(who) + ": direction " + which + " has " +
                                std::to_string(direction.size()) + " tensors for " +
                                std::to_string(center.size()) + " parameters");
  }
  for (size_t k = 0; k < center.size(); ++k) {
    const Tensor& d = direction[k];
    const std::string subject =
        std::string(who) + ": direction " + which + " of parameter '" + names[k] + "'";
    if (!d.defined() || d.sizes() != center[k].sizes() ||
        d.scalar_type() != center[k].scalar_type() || d.device() != center[k].device()) {
      throw std::invalid_argument(subject + " is " + described(d) + ", but the parameter is " +
                                  described(center[k]));
    }
    if (!at::isfinite(d).all().item<bool>()) {
      throw std::invalid_argument(subject + " has values that are not finite");
    }
  }
}

Plane checked(const char* who, Plane plane) {
  check_center(who, plane.names, plane.center);
  check_direction(who, "u", plane.names, plane.center, plane.u);
  check_direction(who, "v", plane.names, plane.center, plane.v);
  return plane;
}

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
  landscape::KeptGenerator generator;
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

class Fnv1a {
 public:
  void add(const void* bytes, size_t count) {
    const auto* byte = static_cast<const unsigned char*>(bytes);
    for (size_t k = 0; k < count; ++k) hash_ = (hash_ ^ byte[k]) * 1099511628211u;
  }
  void add(int64_t number) { add(&number, sizeof number); }
  uint64_t value() const { return hash_; }

 private:
  uint64_t hash_ = 14695981039346656037u;
};

}  // namespace

uint64_t Plane::hash() const {
  Fnv1a hash;
  for (const auto* direction : {&u, &v}) {
    for (const auto& tensor : *direction) {
      hash.add(static_cast<int64_t>(tensor.scalar_type()));
      hash.add(tensor.dim());
      for (const int64_t size : tensor.sizes()) hash.add(size);
      const Tensor flat = tensor.detach().cpu().contiguous();
      hash.add(flat.const_data_ptr(), flat.nbytes());
    }
  }
  return hash.value();
}

Plane random_plane(const torch::nn::Module& module, const PlaneOptions& options) {
  const at::NoGradGuard no_grad;
  const auto model = landscape::parameters_of(module);
  Plane plane;
  plane.names = model.names;
  plane.seed = options.seed;
  check_center("random_plane", model.names, model.tensors);
  plane.center = copied(model.tensors);
  if (options.draw == Draw::Gaussian) {
    plane.how = "two Gaussian draws";
    auto generator = at::detail::createCPUGenerator(options.seed);
    plane.u = gaussian(plane.center, generator);
    plane.v = gaussian(plane.center, generator);
  } else {
    plane.how = "two draws of the model's initialiser";
    std::tie(plane.u, plane.v) = drawn_by_initialisers(module, model, options.seed);
  }
  return checked("random_plane", std::move(plane));
}

Plane given_plane(const torch::nn::Module& module, const std::vector<torch::Tensor>& u,
                  const std::vector<torch::Tensor>& v) {
  const auto model = landscape::parameters_of(module);
  check_direction("given_plane", "u", model.names, model.tensors, u);
  check_direction("given_plane", "v", model.names, model.tensors, v);
  Plane plane{model.names, copied(model.tensors), copied(u), copied(v), "given directions", {}};
  return checked("given_plane", std::move(plane));
}

Plane given_plane(const std::vector<torch::Tensor>& center, const std::vector<torch::Tensor>& u,
                  const std::vector<torch::Tensor>& v) {
  std::vector<std::string> names;
  for (size_t k = 0; k < center.size(); ++k) names.push_back(std::to_string(k));
  check_center("given_plane", names, center);
  check_direction("given_plane", "u", names, center, u);
  check_direction("given_plane", "v", names, center, v);
  return {names, copied(center), copied(u), copied(v), "given directions", {}};
}

}  // namespace descent
