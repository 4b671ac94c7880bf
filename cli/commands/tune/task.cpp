#include "commands/tune/task.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <CLI/CLI.hpp>
#include <c10/util/Exception.h>

#include <descent/base/text.h>
#include <descent/landscape/network/parameters.h>
#include <descent/surfaces/surface.h>
#include <descent/tensors/fingerprint.h>
#include <descent/tensors/seeded.h>
#include <descent/tune/training.h>
#include <descent/tune/tune.h>

namespace descent::cli {
namespace {

at::Tensor two_numbers(double x, double y) {
  at::Tensor p = at::empty({2}, at::kDouble);
  p.mutable_data_ptr<double>()[0] = x;
  p.mutable_data_ptr<double>()[1] = y;
  return p;
}

class SurfaceTraining : public Training {
 public:
  SurfaceTraining(const Surface& surface, at::Tensor at, MadeOptimizer optimizer)
      : surface_(surface), at_(std::move(at)) {
    optimizer_ = std::move(optimizer);
  }

  at::Tensor evaluate() override {
    const Dual here = value();
    at_.mutable_grad() = two_numbers(here.dx, here.dy);
    at::Tensor loss = at::empty({}, at::kDouble);
    *loss.mutable_data_ptr<double>() = here.value;
    return loss;
  }
  double final_loss() override { return value().value; }

 private:
  Dual value() const {
    const double x = at_.const_data_ptr<double>()[0], y = at_.const_data_ptr<double>()[1];
    if (std::isfinite(x) && std::isfinite(y)) return surface_.gradient(x, y);
    return {std::numeric_limits<double>::quiet_NaN(), 0, 0};
  }

  const Surface& surface_;
  at::Tensor at_;
};

class SurfaceTask : public Task {
 public:
  SurfaceTask(Surface surface, std::string optimizer, OptionValues options)
      : Task(std::move(optimizer), std::move(options)), surface_(std::move(surface)) {}

  std::unique_ptr<Training> begin(const OptionValues& options) const override {
    at::Tensor at = two_numbers(surface_.start.x, surface_.start.y).requires_grad_();
    MadeOptimizer optimizer = made({at}, options);
    return std::make_unique<SurfaceTraining>(surface_, std::move(at), std::move(optimizer));
  }
  std::string about() const override {
    return optimizer_text(optimizer(), this->options()) + " on " + surface_.name;
  }
  int64_t usual_steps() const override { return 100; }
  std::string usual_space() const override { return "lr=log:1e-6:100"; }

 private:
  Surface surface_;
};

class NetworkTraining : public Training {
 public:
  NetworkTraining(std::shared_ptr<SavedNetwork> network, const Inputs& inputs,
                  MadeOptimizer optimizer)
      : network_(std::move(network)), inputs_(inputs) {
    optimizer_ = std::move(optimizer);
  }

  at::Tensor evaluate() override {
    for (const at::Tensor& p : network_->parameters()) p.mutable_grad() = at::Tensor();
    at::Tensor loss = loss_of(inputs_.data[batch_]);
    loss.backward();
    return loss.detach();
  }
  void next_batch() override { batch_ = (batch_ + 1) % inputs_.data.size(); }
  /// In eval mode, where the network has both.
  double final_loss() override {
    const at::AutoGradMode without_grad(false);
    const bool training = network_->is_training() && switch_mode(*network_, false);
    double sum = 0, count = 0;
    for (const Data& batch : inputs_.data) {
      const double targets = inputs_.metrics[0].count(batch.target);
      if (targets == 0) continue;
      sum += targets * loss_of(batch).item().toDouble();
      count += targets;
    }
    if (training) network_->train();
    return sum / count;
  }
  std::vector<at::Tensor> buffers() const override {
    std::vector<at::Tensor> list;
    for (const auto& [name, buffer] : network_->named_buffers()) list.push_back(buffer);
    return list;
  }

  void save_network(const std::filesystem::path& file) override { network_->save(file); }

 private:
  at::Tensor loss_of(const Data& batch) {
    const at::Tensor prediction = landscape::prediction_of(*network_, batch, "training");
    return landscape::metric_value(inputs_.metrics[0], prediction, batch.target);
  }

  std::shared_ptr<SavedNetwork> network_;
  const Inputs& inputs_;
  size_t batch_ = 0;
};

class NetworkTask : public Task {
 public:
  NetworkTask(const Inputs& inputs, std::string optimizer, OptionValues options)
      : Task(std::move(optimizer), std::move(options)), inputs_(inputs) {
    const std::vector<at::Tensor> parameters = inputs.model->parameters();
    for (const at::Tensor& p : parameters) moves_.push_back(p.requires_grad());
    // None: it was saved for inference.
    if (std::find(moves_.begin(), moves_.end(), true) == moves_.end())
      moves_.assign(parameters.size(), true);
  }

  std::unique_ptr<Training> begin(const OptionValues& options) const override {
    std::shared_ptr<SavedNetwork> network = inputs_.model->clone();
    std::vector<at::Tensor> parameters;
    size_t i = 0;
    for (const at::Tensor& p : network->parameters()) {
      p.set_requires_grad(moves_[i]);
      if (moves_[i++]) parameters.push_back(p);
    }
    return std::make_unique<NetworkTraining>(network, inputs_,
                                             made(std::move(parameters), options));
  }
  std::string about() const override {
    return optimizer_text(optimizer(), this->options()) + " on " +
           inputs_.model_file.filename().string() + " with " +
           inputs_.data_file.filename().string() + ", " + inputs_.metrics[0].name;
  }
  std::string identity() const override {
    tensors::Fingerprint print;
    for (const auto& [name, tensor] : inputs_.model->state_dict()) print.add(tensor);
    for (const bool moves : moves_) print.add(static_cast<int64_t>(moves));
    for (const Data& batch : inputs_.data) {
      print.add(batch.input);
      for (const auto& [name, tensor] : batch.named) print.add(tensor);
      print.add(batch.target);
    }
    return about() + ", fingerprint " + tensors::hexadecimal(print.value());
  }
  std::string note() const override { return inputs_.note; }
  std::unique_ptr<descent::Training> at_once(int64_t steps) const override {
    std::shared_ptr<SavedNetwork> network = inputs_.model->clone();
    // Without a limit: as in train(), only what is not finite has diverged.
    return std::make_unique<descent::Training>(
        descent::Training{.network = network,
                          .loss = inputs_.metrics[0],
                          .data = inputs_.data,
                          .optimizer = optimizer(),
                          .steps = steps,
                          .options = options(),
                          .limit = std::numeric_limits<double>::infinity(),
                          .path = Path::Fused});
  }
  int64_t usual_steps() const override { return 500; }
  std::string usual_space() const override { return "lr=log:1e-5:1"; }

 private:
  const Inputs& inputs_;
  std::vector<bool> moves_;  ///< of each parameter
};

}  // namespace

std::string optimizer_text(const std::string& optimizer, const OptionValues& options) {
  std::string text = optimizer;
  for (const auto& [name, value] : options)
    text += (text.size() == optimizer.size() ? ":" : ",") + name + "=" + descent::to_text(value);
  return text;
}

double Training::loss() {
  optimizer_->eval();
  const double loss = final_loss();
  optimizer_->train();
  return loss;
}

void Training::save(const std::filesystem::path& file) {
  optimizer_->eval();
  save_network(file);
  optimizer_->train();
}

double Training::step() {
  const double loss = optimizer_->step([this] { return evaluate(); }).item().toDouble();
  next_batch();
  return loss;
}

std::unique_ptr<descent::Training> Task::at_once(int64_t /*steps*/) const { return nullptr; }

MadeOptimizer Task::made(std::vector<at::Tensor> parameters, const OptionValues& options) const {
  OptionValues all = options_;
  all.insert(all.end(), options.begin(), options.end());
  try {
    return make_optimizer(optimizer_, std::move(parameters), all);
  } catch (const c10::Error& error) {
    throw std::invalid_argument(error.what_without_backtrace());
  }
}

double train(const Task& task, int64_t steps, Trial& trial, bool alone) {
  const std::unique_ptr<Training> training = task.begin(trial.options());
  std::optional<tensors::KeptGenerator> generator;
  if (alone) generator.emplace();
  for (int64_t step = 0; step < steps; ++step) {
    if (generator) generator->seed(trial.seed() + static_cast<uint64_t>(step));
    const double loss = training->step();
    if (!std::isfinite(loss)) return loss;
    if (!trial.report(step, loss)) break;
  }
  return training->loss();
}

void add_task(CLI::App& command, TaskOptions& options) {
  auto* const surface =
      command.add_option("--surface", options.surface, "see `descent surfaces`; or a network:");
  add_inputs(command, options.inputs, "only these are trained");
  surface->excludes(command.get_option("--model"));
  describe_usual_loss(command);
  command
      .add_option("--optimizer", options.optimizer,
                  "with options that do not change, as adamw:weight_decay=0.1 (see `descent "
                  "optimizers`)")
      ->capture_default_str();
}

std::unique_ptr<Task> make_task(TaskOptions& options) {
  const size_t colon = std::min(options.optimizer.find(':'), options.optimizer.size());
  const std::string name = options.optimizer.substr(0, colon);
  const OptionValues fixed =
      parse_options(options.optimizer.substr(std::min(colon + 1, options.optimizer.size())));
  find_rule(name);
  std::unique_ptr<Task> task;
  if (!options.surface.empty()) {
    task = std::make_unique<SurfaceTask>(find_surface(options.surface), name, fixed);
  } else {
    Inputs& inputs = options.inputs;
    if (inputs.model_file.empty())
      throw std::invalid_argument("a --surface or a --model is required (see --help)");
    load_training_inputs(inputs);
    task = std::make_unique<NetworkTask>(inputs, name, fixed);
  }
  task->begin({})->evaluate();
  return task;
}

}  // namespace descent::cli
