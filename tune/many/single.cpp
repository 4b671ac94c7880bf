#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>

#include <descent/optim/schedules/schedules.h>
#include <descent/tensors/seeded.h>
#include <descent/tune/many/single.h>

namespace descent::many {
namespace {

double number_of(const at::Tensor& loss) { return loss.item<double>(); }

}  // namespace

Single::Single(const Job& job)
    : job_(job), model_(job.model.clone("train_many")), own_(landscape::parameters_of(*model_)) {
  for (size_t k = 0; k < own_.tensors.size(); ++k) own_.tensors[k].requires_grad_(!job.frozen[k]);
  for (const auto& [name, buffer] : model_->buffers()) {
    buffers_.push_back(buffer);
    first_buffers_.push_back(buffer.detach().clone());
  }
}

void Single::take(const Tensors& weights) {
  const at::NoGradGuard no_grad;
  for (size_t k = 0; k < weights.size(); ++k) {
    own_.tensors[k].copy_(weights[k]);
    own_.tensors[k].mutable_grad().reset();
  }
  for (size_t k = 0; k < buffers_.size(); ++k) buffers_[k].copy_(first_buffers_[k]);
}

at::Tensor Single::loss_of(const Data& batch) {
  const at::Tensor prediction = landscape::prediction_of(*model_, batch, job_.caller.name.c_str());
  at::Tensor loss;
  try {
    loss = landscape::metric_value(job_.loss, prediction, batch.target);
  } catch (const c10::Error& error) {
    job_.refuse(c10::str("the loss '", job_.loss.name, "' does not take a prediction of sizes ",
                         prediction.sizes(), " and a target of sizes ", batch.target.sizes(),
                         ". LibTorch says: ", error.what_without_backtrace()));
  }
  if (loss.numel() != 1)
    job_.refuse(
        c10::str("the loss '", job_.loss.name, "' has ", loss.numel(), " elements, must have one"));
  return loss;
}

double Single::total_loss() {
  const at::NoGradGuard no_grad;
  double sum = 0, weight = 0;
  for (const Data& batch : job_.data) {
    const double own = job_.weight_of(batch);
    if (own == 0) continue;
    sum += own * number_of(loss_of(batch));
    weight += own;
  }
  return sum / weight;
}

MadeOptimizer Single::optimizer_for(const Candidate& candidate) const {
  auto options = job_.options_of(candidate);
  std::vector<torch::optim::OptimizerParamGroup> groups;
  const auto defaults = options[0]->clone();
  for (size_t g = 0; g < options.size(); ++g) {
    Tensors members;
    for (size_t k = 0; k < own_.tensors.size(); ++k)
      if (job_.group_of()[k] == g && !job_.frozen[k]) members.push_back(own_.tensors[k]);
    if (!members.empty()) groups.emplace_back(std::move(members), std::move(options[g]));
  }
  try {
    return make_optimizer(job_.rule, groups, *defaults);
  } catch (const c10::Error& error) {
    job_.refuse(job_.name_of(candidate) + ": " + error.what_without_backtrace());
  }
}

Trained Single::train(const Candidate& candidate, const Tensors& initial, int64_t steps,
                      const tensors::Pulse& pulse) {
  take(initial);
  const MadeOptimizer optimizer = optimizer_for(candidate);
  Scheduler scheduler(optimizer->as_libtorch(), job_.options.schedule);
  Course course(job_.options);
  bool goes_on = true;
  for (int64_t step = 0; step < steps && goes_on; ++step) {
    if (pulse) pulse(static_cast<double>(step) / static_cast<double>(steps));
    const Data& batch = job_.data[static_cast<size_t>(step) % job_.data.size()];
    // Rules that need the loss or a gradient elsewhere take the closure; what they give up anyway
    // after a loss that is out of bounds is not looked at.
    const at::Tensor loss = optimizer->step([&] {
      optimizer->zero_grad();
      at::Tensor value = loss_of(batch);
      value.backward();
      return value;
    });
    goes_on = course.add(number_of(loss));
    scheduler.step();
  }
  if (goes_on) optimizer->eval();
  Trained trained = course.end(goes_on ? total_loss() : kInfinity);
  if (job_.options.keep_weights)
    for (const at::Tensor& weight : own_.tensors)
      trained.weights.push_back(weight.detach().clone());
  return trained;
}

std::pair<double, Tensors> Single::gradient(const Tensors& initial) {
  take(initial);
  const at::AutoGradMode with_gradients(true);
  const at::Tensor loss = loss_of(job_.data[0]);
  loss.backward();
  Tensors gradients;
  for (const at::Tensor& parameter : own_.tensors)
    gradients.push_back(parameter.grad().defined() ? parameter.grad().clone() : at::Tensor());
  return {number_of(loss.detach()), gradients};
}

Tensors Single::predictions() {
  const at::NoGradGuard no_grad;
  tensors::KeptGenerator generator;
  Tensors result;
  for (const Data& batch : job_.data) {
    result.push_back(landscape::prediction_of(*model_, batch, job_.caller.name.c_str()));
    if (generator.moved())
      job_.refuse(
          "the network draws random numbers, which trainings at once would share: put it into "
          "eval mode, or train one at a time");
  }
  total_loss();  // refuses what does not fit
  changed_.clear();
  for (size_t k = 0; k < buffers_.size(); ++k) {
    if (buffers_[k].is_floating_point() && !buffers_[k].equal(first_buffers_[k]))
      changed_.push_back(k);
    buffers_[k].copy_(first_buffers_[k]);
  }
  return result;
}

}  // namespace descent::many
