#include <algorithm>
#include <sstream>
#include <stdexcept>

#include <ATen/TensorOperators.h>
#include <ATen/ops/dot.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/where.h>

#include <descent/landscape/planes/weights.h>
#include <descent/tensors/one_thread.h>

namespace descent::landscape {

using at::Tensor;

Tensors copied(const Tensors& tensors) {
  Tensors result;
  for (const auto& tensor : tensors) {
    result.push_back(tensor.detach().clone(at::MemoryFormat::Contiguous));
  }
  return result;
}

std::string described(const Tensor& tensor) {
  if (!tensor.defined()) return "an undefined tensor";
  std::ostringstream text;
  text << tensor.scalar_type() << tensor.sizes() << " on " << tensor.device();
  return text.str();
}

namespace {

bool alike(const Tensor& a, const Tensor& b) {
  return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() && a.device() == b.device();
}

}  // namespace

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

void check_alike(const std::string& what, const char* kind, const std::vector<std::string>& names,
                 const Tensors& center, const Tensors& tensors) {
  if (tensors.size() != center.size()) {
    throw std::invalid_argument(what + " has " + std::to_string(tensors.size()) + " tensors for " +
                                std::to_string(center.size()) + " " + kind + "s");
  }
  for (size_t k = 0; k < center.size(); ++k) {
    const Tensor& tensor = tensors[k];
    if (tensor.defined() && alike(tensor, center[k])) continue;
    throw std::invalid_argument(what + " of " + kind + " '" + names[k] + "' is " +
                                described(tensor) + ", but the " + kind + " is " +
                                described(center[k]));
  }
}

void check_fits(const std::string& what, const std::vector<std::string>& names,
                const Tensors& center, const Tensors& tensors) {
  check_alike(what, "parameter", names, center, tensors);
  for (size_t k = 0; k < center.size(); ++k) {
    if (at::isfinite(tensors[k]).all().item<bool>()) continue;
    throw std::invalid_argument(what + " of parameter '" + names[k] +
                                "' has values that are not finite");
  }
}

void check_direction(const char* who, const char* which, const std::vector<std::string>& names,
                     const Tensors& center, const Tensors& direction, const std::string& why) {
  const std::string what = std::string(who) + ": direction " + which;
  check_fits(what, names, center, direction);
  const bool moves = std::any_of(direction.begin(), direction.end(),
                                 [](const Tensor& d) { return d.any().item<bool>(); });
  if (!moves) throw std::invalid_argument(what + " is zero: " + why);
}

void check_same(const char* who, const char* what, const Parameters& a, const Parameters& b) {
  for (size_t k = 0; k < std::min(a.names.size(), b.names.size()); ++k) {
    if (a.names[k] == b.names[k] && alike(a.tensors[k], b.tensors[k])) continue;
    throw std::invalid_argument(std::string(who) + ": " + what + " '" + a.names[k] +
                                "' of the first network is " + described(a.tensors[k]) +
                                ", but of another it is '" + b.names[k] + "', " +
                                described(b.tensors[k]));
  }
  if (a.names.size() != b.names.size()) {
    const bool first = a.names.size() > b.names.size();
    const Parameters& more = first ? a : b;
    throw std::invalid_argument(std::string(who) + ": " + what + " '" +
                                more.names[std::min(a.names.size(), b.names.size())] + "' is in " +
                                (first ? "the first network" : "another network") + " only");
  }
}

double dot(const Tensors& x, const Tensors& y) {
  const tensors::OneThread one;
  double sum = 0;
  for (size_t k = 0; k < x.size(); ++k) {
    sum +=
        at::dot(x[k].to(at::kDouble).reshape(-1), y[k].to(at::kDouble).reshape(-1)).item<double>();
  }
  return sum;
}

Tensors way(const Tensors& from, const Tensors& to) {
  Tensors result;
  for (size_t k = 0; k < from.size(); ++k) {
    const Tensor a = from[k].detach().to(at::kDouble), b = to[k].detach().to(at::kDouble);
    result.push_back(at::where(a == b, 0., b - a));
  }
  return result;
}

Tensors moved(const Tensors& x, double a, const Tensors& y) {
  Tensors result;
  for (size_t k = 0; k < x.size(); ++k) {
    result.push_back(x[k].to(at::kDouble) + a * y[k].to(at::kDouble));
  }
  return result;
}

Tensors as(const Tensors& tensors, const Tensors& like) {
  Tensors result;
  for (size_t k = 0; k < tensors.size(); ++k) {
    result.push_back(tensors[k].to(like[k].options()).contiguous());
  }
  return result;
}

}  // namespace descent::landscape
