// Trainings that are killed between their checkpoints, their reports and their ends.
#include <torch/optim/optimizer.h>
#include <torch/serialize.h>
#include <torch/types.h>

#include <descent/optim.h>
#include <descent/tune.h>

#include "killed.h"

namespace interrupted_training_test {
namespace {

constexpr int64_t kSteps = 9, kSamples = 24, kBatch = 10;

/// A network with dropout, whose batches, masks and first weights are random.
struct Training {
  at::Generator generator;
  std::vector<at::Tensor> weights;
  std::unique_ptr<torch::optim::Optimizer> optimizer;
  descent::ShuffledSampler sampler;
  at::Tensor x = at::linspace(-1, 1, kSamples, at::kDouble).unsqueeze(1), y = at::sin(3 * x);

  explicit Training(const descent::Trial& trial)
      : generator(at::make_generator<at::CPUGeneratorImpl>(trial.seed())),
        sampler(kSamples, trial.seed()) {
    for (const auto& [rows, columns] : {std::pair{1, 8}, {8, 1}})
      weights.push_back(at::randn({rows, columns}, generator, at::kDouble).requires_grad_());
    optimizer = descent::make_optimizer("adamw", weights, trial.options());
  }

  double step() {
    auto batch = sampler.next(kBatch);
    if (!batch) {
      sampler.reset();
      batch = sampler.next(kBatch);
    }
    const std::vector<int64_t> indices(batch->begin(), batch->end());
    const at::Tensor chosen = at::tensor(indices);
    const at::Tensor hidden = at::tanh(x.index_select(0, chosen).mm(weights[0]));
    const at::Tensor mask = at::rand(hidden.sizes(), generator, at::kDouble) > 0.2;
    const at::Tensor loss = at::mse_loss((hidden * mask).mm(weights[1]), y.index_select(0, chosen));
    optimizer->zero_grad();
    loss.backward();
    optimizer->step();
    return loss.item<double>();
  }

  void save(const std::filesystem::path& folder) const {
    descent::save(*optimizer, folder / "optimizer.pt");
    descent::save(sampler, folder / "sampler.pt");
    torch::save({weights[0], weights[1], generator.get_state()}, folder / "tensors.pt");
  }
  void load(const std::filesystem::path& folder) {
    descent::load(*optimizer, folder / "optimizer.pt");
    descent::load(sampler, folder / "sampler.pt");
    std::vector<at::Tensor> tensors;
    torch::load(tensors, folder / "tensors.pt");
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < 2; ++i) weights[i].copy_(tensors[i]);
    generator.set_state(tensors[2]);
  }
};

double train(descent::Trial& trial, const killed::Event& event) {
  Training training(trial);
  int64_t step = trial.restore([&](const auto& folder) { training.load(folder); });
  for (; step < kSteps; ++step) {
    const double loss = training.step();
    event();
    trial.keep(step, loss, [&](const auto& folder) {
      training.save(folder);
      event();
    });
    event();
    if (!trial.report(step, loss)) break;
    event();
  }
  // All that was trained, so that no number of it may be another.
  double sum = trial.last_loss();
  for (const at::Tensor& w : training.weights) sum += w.detach().square().sum().item<double>();
  return sum;
}

TEST(ATrainingWhoseProcessIsKilled, GoesOnBitForBit) {
  const auto folder = std::filesystem::path(testing::TempDir());
  const descent::Space space{{"lr", descent::LogRange{1e-3, 1}}};
  for (const auto& [method, threads] :
       std::vector<std::pair<descent::Method, int64_t>>{{descent::Halving{.resource = kSteps}, 1},
                                                        {descent::Halving{.resource = kSteps}, 2},
                                                        {descent::Asha{.eta = 3}, 2}})
    killed::expect_the_same_trials(space,
                                   {.method = method,
                                    .trials = 9,
                                    .threads = threads,
                                    .journal = folder / "trained.jsonl",
                                    .checkpoints = folder / "trained"},
                                   train);
}

}  // namespace
}  // namespace interrupted_training_test
