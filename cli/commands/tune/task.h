#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <descent/optim/optimizer/registry.h>

#include "inputs.h"

namespace CLI {
class App;
}

namespace descent {
struct Training;
class Trial;
}  // namespace descent

/// What an optimizer is tried on, for `descent tune` and `descent range-test`: a surface, or a
/// network with its data.
namespace descent::cli {

/// One optimizer at work, from the start.
class Training {
 public:
  virtual ~Training() = default;

  OptimizerBase& optimizer() { return *optimizer_; }
  /// The loss on the batch whose turn it is; the gradients become the parameters'.
  virtual at::Tensor evaluate() = 0;
  virtual void next_batch() {}
  /// A step on that batch, after which it is the next one's turn. Returns the loss ahead of it.
  double step();
  /// The loss now, on all data, at the weights that the optimizer would be evaluated at.
  double loss();
  /// What a step changes beside the parameters.
  virtual std::vector<at::Tensor> buffers() const { return {}; }
  /// Writes the network, with the weights that the optimizer would be evaluated at, and in the mode
  /// of its file. A surface has none.
  void save(const std::filesystem::path& file);

 protected:
  virtual double final_loss() = 0;
  virtual void save_network(const std::filesystem::path& /*file*/) {}

  MadeOptimizer optimizer_;
};

class Task {
 public:
  /// Of an optimizer by its name, with options that all trainings have.
  Task(std::string optimizer, OptionValues options)
      : optimizer_(std::move(optimizer)), options_(std::move(options)) {}
  virtual ~Task() = default;

  const std::string& optimizer() const { return optimizer_; }
  const OptionValues& options() const { return options_; }

  /// A training with these options beside those that all have. May be called by several threads.
  virtual std::unique_ptr<Training> begin(const OptionValues& options) const = 0;
  /// What it is, in words: "Adam on rosenbrock".
  virtual std::string about() const = 0;
  /// The same, with what tells it from tasks of the same names.
  virtual std::string identity() const { return about(); }
  /// What there is to say beside; "" if nothing.
  virtual std::string note() const { return ""; }
  /// The same trainings as tune() makes them at once; null where it cannot.
  virtual std::unique_ptr<descent::Training> at_once(int64_t steps) const;
  virtual int64_t usual_steps() const = 0;
  virtual std::string usual_space() const = 0;

 protected:
  MadeOptimizer made(std::vector<at::Tensor> parameters, const OptionValues& options) const;

 private:
  std::string optimizer_;
  OptionValues options_;
};

/// What the command line says of a task.
struct TaskOptions {
  std::string surface{};  ///< empty: a network
  std::string optimizer = "adamw";
  Inputs inputs{};
};
void add_task(CLI::App& command, TaskOptions& options);

/// Reads files, and tries one evaluation, which refuses what is wrong.
std::unique_ptr<Task> make_task(TaskOptions& options);

/// Makes a trial of a study: so many steps with its options, each of which is reported. Returns the
/// loss on all data, or the first one that is not finite. `alone`: no other trial runs at once, so
/// that each step may draw its own numbers from LibTorch's generator, whatever was drawn before.
double train(const Task& task, int64_t steps, Trial& trial, bool alone);

/// "adamw:lr=0.01,weight_decay=0.1", as --optimizer takes it.
std::string optimizer_text(const std::string& optimizer, const OptionValues& options);

}  // namespace descent::cli
