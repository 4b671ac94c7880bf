#include <sstream>
#include <stdexcept>

#include <ATen/Parallel.h>
#include <ATen/ops/add.h>
#include <ATen/ops/empty_like.h>

#include <descent/landscape/loop.h>

namespace descent::landscape {
namespace {

using torch::Tensor;

std::vector<Tensor> at_least_float(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> result;
  for (const auto& tensor : tensors) {
    result.push_back(tensor.element_size() < 4 ? tensor.to(at::kFloat) : tensor);
  }
  return result;
}

/// Keeps LibTorch's operations on the calling thread while it lives.
class OneThread {
 public:
  OneThread() : threads_(at::get_num_threads()) {
    if (change()) at::set_num_threads(1);
  }
  ~OneThread() {
    if (change()) at::set_num_threads(threads_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  // Operations called inside a parallel region stay on their thread anyway.
  bool change() const { return threads_ != 1 && !at::in_parallel_region(); }
  int threads_;
};

}  // namespace

struct Loop::Worker {
  std::shared_ptr<torch::nn::Module> module;
  std::vector<Tensor> parameters;  // of the module, as named_parameters() lists them
  std::vector<Tensor> base;        // center + beta * v, one tensor a distinct parameter
  std::vector<Tensor> point;       // base + alpha * u where the parameter's type is narrower
};

Loop::Loop(const Problem& problem)
    : problem_(problem),
      center_(at_least_float(problem.plane.center)),
      u_(at_least_float(problem.plane.u)),
      v_(at_least_float(problem.plane.v)),
      slot_(parameters_of(problem.module).slot) {
  prepare(1);
}

Loop::~Loop() = default;

void Loop::prepare(int workers) {
  while (workers_.size() < static_cast<size_t>(workers)) {
    auto worker = std::make_unique<Worker>();
    worker->module = clone_of(problem_.module, "evaluate");
    worker->module->eval();
    for (const auto& item : worker->module->named_parameters()) {
      worker->parameters.push_back(item.value());
    }
    for (const auto& tensor : center_) worker->base.push_back(at::empty_like(tensor));
    for (const auto& tensor : center_) worker->point.push_back(at::empty_like(tensor));
    workers_.push_back(std::move(worker));
  }
}

Tensor Loop::center_prediction() {
  const OneThread one;
  Worker& worker = *workers_[0];
  for (size_t k = 0; k < slot_.size(); ++k) {
    worker.parameters[k].copy_(problem_.plane.center[slot_[k]]);
  }
  return problem_.forward(*worker.module, problem_.data.input);
}

void Loop::segment(int worker_index, double beta, const std::vector<double>& alphas,
                   double* losses) {
  const OneThread one;
  Worker& worker = *workers_[static_cast<size_t>(worker_index)];
  for (size_t k = 0; k < center_.size(); ++k) {
    at::add_out(worker.base[k], center_[k], v_[k], beta);
  }
  for (const double alpha : alphas) {
    for (size_t k = 0; k < slot_.size(); ++k) {
      const size_t slot = slot_[k];
      Tensor& parameter = worker.parameters[k];
      if (parameter.scalar_type() == u_[slot].scalar_type()) {
        at::add_out(parameter, worker.base[slot], u_[slot], alpha);
      } else {
        at::add_out(worker.point[slot], worker.base[slot], u_[slot], alpha);
        parameter.copy_(worker.point[slot]);
      }
    }
    const Tensor prediction = problem_.forward(*worker.module, problem_.data.input);
    *losses++ = loss_value(problem_, prediction);
  }
}

}  // namespace descent::landscape
