#include <sstream>
#include <stdexcept>

#include <ATen/ops/add.h>
#include <ATen/ops/empty_like.h>

#include <descent/landscape/loop.h>
#include <descent/landscape/memory.h>
#include <descent/landscape/one_thread.h>

namespace descent::landscape {
namespace {

using torch::Tensor;
using Tensors = std::vector<Tensor>;

Tensors at_least_float(const Tensors& tensors) {
  Tensors result;
  for (const auto& tensor : tensors) {
    result.push_back(tensor.element_size() < 4 ? tensor.to(at::kFloat) : tensor);
  }
  return result;
}

template <class... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
  std::ostringstream text;
  text << "evaluate: ";
  (text << ... << parts);
  throw std::invalid_argument(text.str());
}

/// work(), an error of LibTorch being refused with a sentence in front.
template <class Work, class... Parts>
auto translated(const Work& work, const Parts&... parts) {
  try {
    return work();
  } catch (const c10::Error& error) {
    refuse(parts..., ". LibTorch says: ", error.what_without_backtrace());
  }
}

}  // namespace

struct Loop::Placed {
  Placed(const Named& named, const Moving& moving) : moving_(moving) {
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
  Placed parameters, buffers;
};

Loop::Loop(const Problem& problem) : problem_(problem) {
  const Plane& plane = problem.plane;
  parameters_ = {at_least_float(plane.center), at_least_float(plane.u), at_least_float(plane.v),
                 parameters_of(problem.model).slot};
  if (problem.batch_norm == BatchNorm::Interpolate) {
    buffers_ = {at_least_float(plane.buffers.center), at_least_float(plane.buffers.u),
                at_least_float(plane.buffers.v), floating_buffers_of(problem.model).slot};
  }
  prepare(1);
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
  return activations_ + 3 * (bytes_of(parameters_.center) + bytes_of(buffers_.center));
}

void Loop::metrics(Worker& worker, double* values) const {
  if (problem_.batch_norm == BatchNorm::Recompute) {
    worker.model->reset_statistics("evaluate");
    worker.model->eval(true);
    for (const Data& batch : problem_.data) worker.model->forward(batch.input);
    worker.model->eval(false);
  }
  const size_t count = problem_.metrics.size();
  std::fill_n(values, count, 0.0);
  double samples = 0;
  for (const Data& batch : problem_.data) {
    const Tensor prediction = worker.model->forward(batch.input);
    const auto weight = static_cast<double>(samples_of(batch));
    for (size_t m = 0; m < count; ++m) {
      const Tensor value = metric_value(problem_.metrics[m], prediction, batch.target);
      const std::string& name = problem_.metrics[m].name;
      if (!value.defined()) refuse("the metric '", name, "' returned an undefined tensor");
      if (value.numel() != 1) {
        refuse("the metric '", name, "' must be a tensor with one element, it is of shape ",
               value.sizes());
      }
      values[m] += weight * value.item<double>();
    }
    samples += weight;
  }
  for (size_t m = 0; m < count; ++m) values[m] /= samples;
}

Tensors Loop::try_center() {
  const OneThread one;
  Worker& worker = *workers_[0];
  worker.parameters.take(problem_.plane.center);
  Tensors predictions;
  for (const Data& batch : problem_.data) {
    const Tensor prediction =
        translated([&] { return worker.model->forward(batch.input); }, "the network of type ",
                   problem_.model.type(), " does not take data.input of shape ",
                   batch.input.sizes(), " and type ", batch.input.scalar_type());
    if (!prediction.defined()) refuse("forward() of the network returned an undefined tensor");
    for (const Metric& metric : problem_.metrics) {
      if (metric.kind == Metric::Kind::Mse && prediction.sizes() != batch.target.sizes()) {
        refuse("data.target has shape ", batch.target.sizes(),
               ", but the network's predictions have shape ", prediction.sizes(),
               "; mse needs equal shapes");
      }
    }
    predictions.push_back(prediction);
  }
  std::vector<double> values(problem_.metrics.size());
  const auto measure = [&] { measure_weights(0, problem_.plane.center, values.data()); };
  activations_ = translated([&] { return peak_bytes(measure); },
                            "the metrics do not take predictions of shape ", predictions[0].sizes(),
                            " beside data.target of shape ", problem_.data[0].target.sizes(),
                            " and type ", problem_.data[0].target.scalar_type());
  return predictions;
}

void Loop::measure_weights(int worker_index, const Tensors& weights, double* values) {
  const OneThread one;
  Worker& worker = *workers_[static_cast<size_t>(worker_index)];
  worker.parameters.take(weights);
  if (!buffers_.slot.empty()) worker.buffers.take(problem_.plane.buffers.center);
  metrics(worker, values);
}

void Loop::measure(int worker_index, std::span<const Point> points, double* values) {
  const OneThread one;
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
