#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include <ATen/ops/isfinite.h>
#include <ATen/ops/zeros_like.h>

#include <descent/landscape/evaluate/arguments.h>
#include <descent/landscape/evaluate/refuse.h>
#include <descent/landscape/network/bfloat16.h>

namespace descent::landscape {

using at::Tensor;

BatchNorm chosen(BatchNorm asked, const Plane& plane) {
  if (asked != BatchNorm::Auto) return asked;
  return plane.buffers.names.empty() ? BatchNorm::Keep : BatchNorm::Interpolate;
}

namespace {

void check_tensor(const char* field, const std::string& name, const Tensor& tensor,
                  const Tensor& own, bool finite) {
  if (!tensor.defined()) {
    refuse("evaluate: the plane's ", field, " has no tensor for '", name, "'");
  }
  if (tensor.sizes() != own.sizes() || tensor.scalar_type() != own.scalar_type() ||
      tensor.device() != own.device()) {
    refuse("evaluate: the plane does not fit the network: '", name, "' is ", own.scalar_type(),
           own.sizes(), " on ", own.device(), ", the plane's ", field, " is ", tensor.scalar_type(),
           tensor.sizes(), " on ", tensor.device());
  }
  if (finite && !at::isfinite(tensor).all().item<bool>()) {
    refuse("evaluate: the plane's ", field, " of '", name, "' has values that are not finite");
  }
}

}  // namespace

void check_lists(const char* what, const Parameters& own, const std::vector<Tensor>& center,
                 const std::vector<Tensor>& u, const std::vector<Tensor>& v, bool line) {
  const size_t count = own.tensors.size();
  const std::pair<const char*, const std::vector<Tensor>*> lists[] = {
      {"center", &center}, {"u", &u}, {"v", &v}};
  for (const auto& [field, list] : lists) {
    if (list == &v && line) continue;
    // A buffer may be a mask of infinities, which does not move.
    const bool finite = list != &center || what != std::string_view("buffers");
    if (list->size() != count) {
      refuse("evaluate: the plane does not fit the network: it has ", list->size(), " ", what,
             " in ", field, ", the network has ", count);
    }
    for (size_t k = 0; k < count; ++k)
      check_tensor(field, own.names[k], (*list)[k], own.tensors[k], finite);
  }
}

void check_plane(const Model& model, const Plane& plane, BatchNorm batch_norm) {
  const Parameters own = parameters_of(model);
  if (own.tensors.empty())
    refuse("evaluate: the network of type ", model.type(), " has no parameters");
  check_lists("parameters", own, plane.center, plane.u, plane.v, plane.is_line());
  if (batch_norm != BatchNorm::Interpolate) return;
  const Parameters buffers = floating_buffers_of(model);
  if (buffers.tensors.empty()) {
    refuse("evaluate: options.batch_norm is Interpolate, but the network of type ", model.type(),
           " has no buffers of a floating type; take BatchNorm::Keep");
  }
  check_buffers("evaluate", plane, buffers);
}

void check_buffers(const char* who, const Plane& plane, const Parameters& own) {
  if (plane.buffers.names.empty()) {
    refuse(who,
           ": options.batch_norm is Interpolate, but the plane has no directions for buffers; "
           "planes between networks have, and random ones with buffers = true");
  }
  check_lists("buffers", own, plane.buffers.center, plane.buffers.u, plane.buffers.v,
              plane.is_line());
}

void check_data(const Batches& data) {
  if (data.size() == 0) refuse("evaluate: the data has no batches");
  for (const Data& batch : data) {
    if (!batch.input.defined() || batch.input.numel() == 0) refuse("evaluate: data.input is empty");
    if (!batch.target.defined() || batch.target.numel() == 0)
      refuse("evaluate: data.target is empty");
  }
}

void check_range(const Axis& axis, const char* name, const std::vector<Tensor>& moving) {
  constexpr double kMost = std::numeric_limits<float>::max();
  const double end = std::abs(axis.at(0)) > kMost ? axis.at(0) : axis.at(axis.n - 1);
  if (std::abs(end) <= kMost) return;
  for (const Tensor& tensor : moving) {
    if (tensor.scalar_type() == at::kDouble) continue;
    refuse("evaluate: axis ", name, " reaches ", end, "; allowed with weights of type ",
           tensor.scalar_type(), " is from ", -kMost, " to ", kMost);
  }
}

namespace {

void check_bfloat16(const std::vector<Tensor>& weights, Path path) {
  constexpr const char* kSubject = "evaluate: options.precision is Bfloat16, but ";
  if (path != Path::Auto && path != Path::Loop) {
    refuse(kSubject, "options.path is ", to_text(fields::value_of(path)),
           "; allowed is loop, or auto, which takes it");
  }
  for (const Tensor& tensor : weights) {
    if (tensor.is_cpu() && tensor.scalar_type() == at::kFloat) continue;
    refuse(kSubject, "the network has weights of type ", tensor.scalar_type(), " on ",
           tensor.device(), "; allowed is Float on cpu");
  }
  const std::string why_not = why_no_bfloat16();
  if (!why_not.empty()) refuse(kSubject, why_not);
}

}  // namespace

void check_options(const Plane& plane, const std::vector<Metric>& metrics, const Axis& x,
                   const Axis& y, const EvaluateOptions& options) {
  check(x, "evaluate: axis x");
  check(y, "evaluate: axis y");
  if (plane.is_line() && (y.n != 1 || y.lo != 0)) {
    refuse("evaluate: axis y has ", y.n, " points from ", y.lo,
           ", but the plane is a line: it has no v");
  }
  if (metrics.empty()) refuse("evaluate: there are no metrics");
  // Division, because the product of the sizes may overflow.
  const auto most = static_cast<int64_t>(std::vector<double>().max_size() / (metrics.size() + 1));
  if (x.n > most / y.n) {
    refuse("evaluate: axis x has ", x.n, " points and axis y has ", y.n,
           ", which is more than the ", most, " values that a grid can hold");
  }
  if (options.precision == Precision::Bfloat16) check_bfloat16(plane.center, options.path);
  if (options.threads < 0) {
    refuse("evaluate: options.threads is ", options.threads,
           "; allowed are 1, 2, ... and 0 for all of LibTorch's");
  }
  if (options.store && options.tiles.empty()) {
    refuse(
        "evaluate: options.store is given, but options.tiles is empty; it must name the folder "
        "through which processes get the values of each other");
  }
  if (options.memory < 0) {
    refuse("evaluate: options.memory is ", options.memory,
           "; allowed are 1, 2, ... and 0 for the default");
  }
}

Plane widened(const Plane& line) {
  const auto zeros = [](const std::vector<Tensor>& like) {
    std::vector<Tensor> result;
    for (const Tensor& tensor : like) result.push_back(at::zeros_like(tensor));
    return result;
  };
  Plane plane = line;
  plane.v = zeros(line.u);
  plane.buffers.v = zeros(line.buffers.u);
  return plane;
}

}  // namespace descent::landscape
