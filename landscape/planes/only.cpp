#include <algorithm>
#include <functional>
#include <stdexcept>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros_like.h>

#include <descent/base/nearest.h>
#include <descent/base/pattern.h>
#include <descent/base/text.h>
#include <descent/landscape/planes/only.h>
#include <descent/landscape/planes/weights.h>

namespace descent {
namespace {

/// The plane without the directions of the parameters that are not taken.
Plane restricted(const Plane& plane, const std::function<bool(size_t)>& takes) {
  const at::NoGradGuard no_grad;
  Plane result = plane;
  for (size_t k = 0; k < plane.names.size(); ++k) {
    if (takes(k)) continue;
    result.u[k] = at::zeros_like(plane.u[k]);
    if (!plane.is_line()) result.v[k] = at::zeros_like(plane.v[k]);
  }
  result.buffers = {};
  result.explained.clear();
  result.eigenvalues.clear();
  std::erase_if(result.marks,
                [](const Plane::Mark& mark) { return mark.alpha != 0 || mark.beta != 0; });
  return result;
}

std::string layer_of(const std::string& parameter) {
  return parameter.substr(0, parameter.rfind('.'));
}

/// Along both directions.
bool moves(const Plane& plane, const std::string& layer) {
  bool along_u = false, along_v = plane.is_line();
  for (size_t k = 0; k < plane.names.size(); ++k) {
    if (layer_of(plane.names[k]) != layer) continue;
    along_u = along_u || plane.u[k].any().item<bool>();
    along_v = along_v || plane.v[k].any().item<bool>();
  }
  return along_u && along_v;
}

}  // namespace

Plane only(const Plane& plane, const std::string& parameters) {
  const auto fits = [&](const std::string& name) { return fits_pattern(parameters, name); };
  const auto takes = [&](size_t k) { return landscape::any_name(plane, k, fits); };
  size_t moving = 0;
  for (size_t k = 0; k < plane.names.size(); ++k) moving += takes(k) ? 1 : 0;
  if (moving == 0)
    throw std::invalid_argument("only: parameters = \"" + parameters +
                                "\" fits no parameter; there are " + joined(plane.names));
  if (moving == plane.names.size()) return plane;
  Plane result = restricted(plane, takes);
  const std::string why = "the plane does not move " + parameters;
  landscape::check_direction("only", "u", plane.names, plane.center, result.u, why);
  if (!plane.is_line())
    landscape::check_direction("only", "v", plane.names, plane.center, result.v, why);
  result.how += ", where only " + parameters + " moves";
  return result;
}

std::vector<std::string> layers(const Plane& plane) {
  std::vector<std::string> names;
  for (const std::string& parameter : plane.names) {
    const std::string name = layer_of(parameter);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  std::erase_if(names, [&](const std::string& name) { return !moves(plane, name); });
  return names;
}

Plane only_layer(const Plane& plane, const std::string& layer) {
  if (!moves(plane, layer)) {
    const std::vector<std::string> names = layers(plane);
    throw std::invalid_argument("only_layer: layer = \"" + layer +
                                "\" is none that the plane moves; there are " + joined(names) +
                                did_you_mean(layer, names));
  }
  Plane result = restricted(plane, [&](size_t k) { return layer_of(plane.names[k]) == layer; });
  result.how += ", where only " + layer + " moves";
  return result;
}

}  // namespace descent
