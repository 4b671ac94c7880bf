#include <limits>
#include <stdexcept>

#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/isfinite.h>

#include <descent/landscape/evaluate/refuse.h>
#include <descent/landscape/paths/loop/loop.h>
#include <descent/tensors/fingerprint.h>
#include <descent/tensors/memory.h>
#include <descent/tensors/one_thread.h>
#include <descent/tensors/seeded.h>

namespace descent::landscape {
namespace {

using at::Tensor;
using Tensors = std::vector<Tensor>;

Tensors at_least_float(const Tensors& tensors) {
  Tensors result;
  for (const auto& tensor : tensors) {
    result.push_back(tensor.element_size() < 4 ? tensor.to(at::kFloat) : tensor);
  }
  return result;
}

/// work(), an error of LibTorch being refused with a sentence in front.
template <class Work, class... Parts>
auto translated(const Work& work, const Parts&... parts) {
  try {
    return work();
  } catch (const c10::Error& error) {
    refuse("evaluate: ", parts..., ". LibTorch says: ", error.what_without_backtrace());
  }
}

uint64_t hash_of(const Tensor& tensor) {
  tensors::Fingerprint hash;
  hash.add(tensor);
  return hash.value();
}

/// A number that another one replaces when the tensor is changed in place.
uint64_t state_of(const Tensor& tensor) {
  return tensor.is_inference() ? hash_of(tensor) : tensor._version();
}

Data copy_of(const Data& batch) {
  Data copy{batch.input.clone(), batch.target.clone()};
  for (const auto& [name, tensor] : batch.named) copy.named.emplace_back(name, tensor.clone());
  return copy;
}

/// A tensor of the same type, device and sizes that takes next to no memory.
Tensor outline(const Tensor& tensor) {
  return tensor.layout() == at::kStrided ? at::empty({}, tensor.options()).expand(tensor.sizes())
                                         : at::empty(tensor.sizes(), tensor.options());
}

}  // namespace

struct Loop::MovingTensors {
  MovingTensors(const Named& named, const Moving& moving) : moving_(moving) {
    for (const auto& item : named) tensors_.push_back(item.second);
    for (const auto& tensor : moving.center) base_.push_back(at::empty_like(tensor));
    for (const auto& tensor : moving.center) point_.push_back(at::empty_like(tensor));
  }

  void row(double beta) {
    for (size_t k = 0; k < base_.size(); ++k) {
      at::add_out(base_[k], moving_.center[k], moving_.v[k], beta);
    }
  }

  void column(double alpha) {
    for (size_t k = 0; k < tensors_.size(); ++k) {
      const size_t slot = moving_.slot[k];
      if (slot == kNoSlot) continue;
      if (tensors_[k].scalar_type() == base_[slot].scalar_type()) {
        at::add_out(tensors_[k], base_[slot], moving_.u[slot], alpha);
      } else {
        tensors_[k].copy_(at::add_out(point_[slot], base_[slot], moving_.u[slot], alpha));
      }
    }
  }

  void take(const Tensors& values) {
    for (size_t k = 0; k < tensors_.size(); ++k) {
      if (moving_.slot[k] != kNoSlot) tensors_[k].copy_(values[moving_.slot[k]]);
    }
  }

 private:
  const Moving& moving_;
  Tensors tensors_;  // of the clone, as it registers them
  Tensors base_;     // center + beta * v
  Tensors point_;    // base + alpha * u where the network's type is narrower
};

struct Loop::Worker {
  Worker(const Loop& loop, std::unique_ptr<Model> clone)
      : model(std::move(clone)),
        parameters(model->parameters(), loop.parameters_),
        buffers(loop.buffers_.slot.empty() ? Named{} : model->buffers(), loop.buffers_) {}

  std::unique_ptr<Model> model;
  MovingTensors parameters, buffers;
};

Loop::Loop(const Problem& problem) : problem_(problem) {
  const Plane& plane = problem.plane;
  parameters_ = {at_least_float(plane.center), at_least_float(plane.u), at_least_float(plane.v),
                 parameters_of(problem.model).slot};
  if (problem.moves_buffers) {
    buffers_ = {at_least_float(plane.buffers.center), at_least_float(plane.buffers.u),
                at_least_float(plane.buffers.v), floating_buffers_of(problem.model).slot};
  }
}

Loop::~Loop() = default;

void Loop::prepare(int workers) {
  while (workers_.size() < static_cast<size_t>(workers)) {
    auto clone = problem_.model.clone("evaluate");
    clone->eval(problem_.batch_norm == BatchNorm::Batch);
    workers_.push_back(std::make_unique<Worker>(*this, std::move(clone)));
  }
}

int64_t Loop::bytes() const {
  // The clone's own, base and point.
  return activations_ +
         3 * (tensors::bytes_of(parameters_.center) + tensors::bytes_of(buffers_.center));
}

double Loop::value(const Metric& metric, const Tensor& prediction, const Tensor& target) const {
  const Tensor result = metric_value(metric, prediction, target);
  if (!result.defined())
    refuse("evaluate: the metric '", metric.name, "' returned an undefined tensor");
  if (result.numel() != 1) {
    refuse("evaluate: the metric '", metric.name,
           "' must be a tensor with one element, it is of shape ", result.sizes());
  }
  return result.item<double>();
}

void Loop::metrics(Worker& worker, double* values) const {
  if (problem_.batch_norm == BatchNorm::Recompute) {
    worker.model->reset_statistics("evaluate");
    worker.model->eval(true);
    for (const Data& batch : problem_.data) {
      translated([&] { return run(*worker.model, batch); },
                 "options.batch_norm is Recompute, but the network of type ", problem_.model.type(),
                 " does not take data.input of shape ", batch.input.sizes(),
                 " with batch normalisation in training mode; a batch of one sample, for one, has "
                 "no statistics");
    }
    worker.model->eval(false);
  }
  const size_t count = problem_.metrics.size();
  const BatchWeights& weights = problem_.batch_weights;
  std::fill_n(values, count, 0.0);
  for (size_t b = 0; b < problem_.data.size(); ++b) {
    const Data& batch = problem_.data[b];
    const Tensor prediction = run(*worker.model, batch);
    for (size_t m = 0; m < count; ++m) {
      if (weights.of(b, m) == 0) continue;  // its mean is not a number
      values[m] += weights.of(b, m) * value(problem_.metrics[m], prediction, batch.target);
    }
  }
  for (size_t m = 0; m < count; ++m) values[m] /= weights.total(m);
}

Loop::Worker& Loop::renewed() {
  workers_.clear();
  prepare(1);
  Worker& worker = *workers_[0];
  worker.parameters.take(problem_.plane.center);
  if (!buffers_.slot.empty()) worker.buffers.take(problem_.plane.buffers.center);
  return worker;
}

Center Loop::seen_at_center() {
  Worker& worker = renewed();
  Center center;
  tensors::Fingerprint values;
  for (const Data& batch : problem_.data) {
    // Copies, so that the user's own stay as they are whatever is done to them.
    const Data own = copy_of(batch);
    const Tensor &input = own.input, &target = own.target;
    const uint64_t input_before = state_of(input), target_before = state_of(target);
    const Tensor prediction = prediction_of(
        *worker.model, own, "evaluate",
        problem_.batch_norm == BatchNorm::Batch
            ? " with batch normalisation in training mode (options.batch_norm is Batch)"
            : "");
    if (!prediction.defined())
      refuse("evaluate: forward() of the network returned an undefined tensor");
    if (state_of(input) != input_before) {
      refuse("evaluate: forward() of the network of type ", problem_.model.type(),
             " changes its input in place, which would change your data at every point; let it "
             "begin with x.clone(), or take operations without an underscore: x - 0.5 instead of "
             "x.sub_(0.5)");
    }
    for (const Metric& metric : problem_.metrics) {
      if (metric.traits.equal_shapes && prediction.sizes() != target.sizes()) {
        refuse("evaluate: data.target has shape ", target.sizes(),
               ", but the network's predictions have shape ", prediction.sizes(), "; ", metric.name,
               " needs equal shapes");
      }
    }
    center.predictions.push_back(outline(prediction));
    center.hashes.push_back(hash_of(prediction));
    const uint64_t prediction_before = state_of(prediction);
    for (const Metric& metric : problem_.metrics) {
      values.add(translated([&] { return value(metric, prediction, target); },
                            "the metrics do not take predictions of shape ", prediction.sizes(),
                            " beside data.target of shape ", target.sizes(), " and type ",
                            target.scalar_type()));
      const bool shared = problem_.metrics.size() > 1;  // with the other metrics
      if (state_of(input) != input_before || state_of(target) != target_before ||
          (shared && state_of(prediction) != prediction_before)) {
        refuse("evaluate: the metric '", metric.name,
               "' changes its arguments in place; let it take operations without an underscore");
      }
    }
  }
  center.values = values.value();
  return center;
}

/// Whether predictions change when the registered parameters of the worker do.
bool Loop::follows_parameters(const std::vector<uint64_t>& hashes) {
  Model& model = *workers_[0]->model;
  for (const auto& [name, parameter] : model.parameters()) {
    if (parameter.is_floating_point()) {
      parameter.detach().fill_(std::numeric_limits<double>::quiet_NaN());
    }
  }
  for (size_t k = 0; k < hashes.size(); ++k) {
    try {
      const Tensor prediction = run(model, copy_of(problem_.data[k]));
      if (!prediction.is_floating_point() || hash_of(prediction) != hashes[k] ||
          !at::isfinite(prediction).all().item<bool>()) {
        return true;
      }
    } catch (const std::exception&) {
      return true;  // it does not take NaN
    }
  }
  return false;
}

Center Loop::try_center() {
  const tensors::OneThread one;
  tensors::KeptGenerator generator;
  const Center center = seen_at_center();
  if (generator.moved()) {  // by the network, a metric or another thread
    const Center again = seen_at_center();
    if (again.hashes != center.hashes || again.values != center.values) {
      refuse("evaluate: the network of type ", problem_.model.type(),
             " or a metric draws random numbers although it is evaluated: no two points would be "
             "measured alike. Draw only while is_training(), or from a generator of your own that "
             "begins with the same seed each time, and trace TorchScript in eval mode");
    }
  }
  if (!follows_parameters(center.hashes)) {
    refuse(
        "evaluate: the network of type ", problem_.model.type(),
        " predicts the same whatever its parameters are: it reads weights past its registered "
        "parameters, such as a view or copy that it keeps of them, which clone() does not renew. "
        "Take weights from the parameters in forward(), or override clone()");
  }
  renewed();
  std::vector<double> values(problem_.metrics.size());
  activations_ = tensors::peak_bytes([&] {
    const Plane& plane = problem_.plane;
    measure_weights(0, plane.center, plane.buffers.center, values.data());
  });
  return center;
}

void Loop::measure_weights(int worker_index, const Tensors& weights, const Tensors& buffers,
                           double* values) {
  const tensors::OneThread one;
  Worker& worker = *workers_[static_cast<size_t>(worker_index)];
  worker.parameters.take(weights);
  if (!buffers_.slot.empty()) worker.buffers.take(buffers);
  metrics(worker, values);
}

void Loop::measure(int worker_index, std::span<const Point> points, double* values) {
  const tensors::OneThread one;
  Worker& worker = *workers_[static_cast<size_t>(worker_index)];
  for (size_t k = 0; k < points.size(); ++k) {
    if (k == 0 || points[k].y != points[k - 1].y) {
      worker.parameters.row(points[k].y);
      worker.buffers.row(points[k].y);
    }
    worker.parameters.column(points[k].x);
    worker.buffers.column(points[k].x);
    metrics(worker, values + k * problem_.metrics.size());
  }
}

}  // namespace descent::landscape
