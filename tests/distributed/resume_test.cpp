// Trainings that are interrupted at any moment and go on.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <signal.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <unistd.h>

#include <descent/base/atomic_file.h>
#include <descent/base/text.h>
#include <descent/distributed.h>
#include <descent/optim.h>
#include <descent/tune.h>

#include "../processes.h"

namespace resume_test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using descent::World;
using descent::WorldError;
using processes::Arguments;
using processes::Ended;
using processes::Folder;
using processes::Role;
using processes::Running;
using processes::say;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr int64_t kSteps = 40;

/// Trains to the end, with a checkpoint after every second step. Arguments: the folder, for how many
/// seconds the ranks wait for each other, and "sharded" or "whole".
const Role goes_on("goes on", [](const Arguments& arguments) {
  auto world =
      World::from_environment({.timeout = std::chrono::seconds(std::stoi(arguments.at(1)))});
  torch::manual_seed(0);
  torch::nn::Sequential net(torch::nn::Linear(4, 16), torch::nn::Tanh(), torch::nn::BatchNorm1d(16),
                            torch::nn::Linear(16, 1));
  net->eval();  // the statistics of a batch would be those of a shard
  descent::AdamW opt(net->parameters(), {.lr = 0.01});
  std::unique_ptr<descent::Sharded> sharded;
  if (arguments.at(2) == "sharded") sharded = std::make_unique<descent::Sharded>(opt, world);
  torch::optim::Optimizer& spread = sharded ? *sharded : static_cast<torch::optim::Optimizer&>(opt);
  descent::Scheduler schedule(spread, descent::CosineAnnealingLR{.T_max = kSteps});
  const at::Tensor data = at::randn({80, 4}, at::make_generator<at::CPUGeneratorImpl>(1));
  descent::ShuffledSampler sampler(data.size(0), /*seed=*/3);
  int64_t step = descent::resume(arguments.at(0), world, *net, spread, schedule, sampler);
  descent::DataParallel parallel(*net, world, {.shards = 4});
  while (step < kSteps) {
    // All ranks draw the same batch, and each takes its shards of it. Every third one has 16 samples.
    auto batch = sampler.next(32);
    if (!batch) {
      sampler.reset();
      batch = sampler.next(32);
    }
    const std::vector<int64_t> indices(batch->begin(), batch->end());
    const auto parts = data.index_select(0, at::tensor(indices)).chunk(4);
    for (const int64_t shard : parallel.shards())
      parallel.backward((net->forward(parts[shard]) - parts[shard].sum(1, true)).square().mean());
    parallel.finish();
    spread.step();
    spread.zero_grad();
    schedule.step();
    ++step;
    if (step % 2 == 0)
      descent::checkpoint(arguments.at(0), step, world, *net, spread, schedule, sampler);
    say("step " + std::to_string(step) + ".");
  }
});

std::string last_file(const fs::path& folder) {
  return descent::read_file(folder / ("step-" + std::to_string(kSteps) + ".pt"));
}

TEST(Resume, LosesNothingHoweverOftenRanksAreKilled) {
  const Folder folder;
  const auto whole = processes::world("goes on", 1, {folder / "whole", "30", "whole"});
  ASSERT_EQ(whole[0].code, 0) << whole[0].said;

  // DESCENT_KILLS rounds, or a few: a random rank dies at a random moment.
  const char* const number = std::getenv("DESCENT_KILLS");
  const int rounds = number != nullptr ? std::atoi(number) : 10;
  std::mt19937 random(rounds);
  const auto draw = [&](int n) { return static_cast<int>(random() % n); };
  const fs::path path = folder / "parts";
  int64_t reached = 0;
  for (int round = 0; round < rounds; ++round) {
    Running running;
    const int size = 1 << draw(3), port = processes::free_port();
    const int64_t at = reached + 1 + draw(4);
    // A rank that dies before all have met is waited for in vain, for as long as the time-out says.
    const bool any_moment = round % 4 == 3 || at >= kSteps;
    for (int rank = 0; rank < size; ++rank)
      running.start("goes on",
                    {path, any_moment ? "4" : "30", round % 2 == 0 ? "sharded" : "whole"},
                    processes::place(rank, size, port));
    if (any_moment) {
      std::this_thread::sleep_for(std::chrono::milliseconds(draw(1500)));
    } else {
      running.await(0, "step " + std::to_string(at) + ".");
      reached = at / 2 * 2;
    }
    const int killed = draw(size);
    running.signal(killed, SIGKILL);
    for (int rank = 0; rank < size; ++rank) {
      const Ended ended = running.end(rank);
      EXPECT_TRUE(rank == killed || ended.signal == 0) << ended.signal;
      EXPECT_LT(ended.seconds, 120);
    }
    if (!fs::exists(path)) continue;
    for (const auto& entry : fs::directory_iterator(path))
      if (entry.path().extension() == ".pt")
        reached = std::max<int64_t>(reached, std::stoll(entry.path().stem().string().substr(5)));
  }
  for (const Ended& ended : processes::world("goes on", 2, {path, "30", "sharded"}))
    EXPECT_EQ(ended.code, 0) << ended.said;
  EXPECT_EQ(last_file(path), last_file(folder / "whole"));
}

/// A net and its optimizer that have made a few steps.
struct Training {
  torch::nn::Linear net{3, 2};
  descent::Adam opt{net->parameters()};
  void step() {
    opt.zero_grad();
    net->forward(at::ones({1, 3})).sum().backward();
    opt.step();
  }
};

TEST(Resume, FindsTheNewestThatIsWhole) {
  const Folder folder;
  auto world = World::from_environment();
  Training training;
  const fs::path path = folder / "run";
  EXPECT_EQ(descent::resume(path, world, *training.net, training.opt), 0);
  std::vector<at::Tensor> weights;
  for (int64_t step = 1; step <= 4; ++step) {
    training.step();
    weights.push_back(training.net->weight.detach().clone());
    descent::checkpoint(path, step, world, *training.net, training.opt);
  }
  EXPECT_FALSE(fs::exists(path / "step-2.pt"));
  EXPECT_TRUE(fs::exists(path / "step-3.pt"));

  Training other;
  EXPECT_EQ(descent::resume(path, world, *other.net, other.opt), 4);
  EXPECT_TRUE(other.net->weight.equal(weights[3]));
  EXPECT_EQ(other.opt.state_of(other.net->weight)->step(), 4);
  // One byte in the middle of the newest is another one: the one before counts.
  std::fstream(path / "step-4.pt", std::ios::in | std::ios::out | std::ios::binary)
      .seekp(900)
      .put('?');
  EXPECT_EQ(descent::resume(path, world, *other.net, other.opt), 3);
  EXPECT_TRUE(other.net->weight.equal(weights[2]));
  std::ofstream(path / "step-3.pt") << "nothing";
  EXPECT_THAT(
      [&] { descent::resume(path, world, *other.net, other.opt); },
      ThrowsMessage<WorldError>(HasSubstr("resume: " + (path / "step-3.pt").string() + ": ")));
}

TEST(Resume, IsOfOneTrainingAFolder) {
  const Folder folder;
  auto world = World::from_environment();
  Training training;
  const fs::path path = folder / "run";
  for (const int64_t step : {900, 1000})
    descent::checkpoint(path, step, world, *training.net, training.opt);
  // One that has begun anew, where it would be taken for older than what it is not.
  EXPECT_THAT([&] { descent::checkpoint(path, 100, world, *training.net, training.opt); },
              ThrowsMessage<WorldError>(AllOf(
                  HasSubstr("checkpoint: step = 100, but " + (path / "step-1000.pt").string()),
                  HasSubstr("which another training has left"))));
  EXPECT_FALSE(fs::exists(path / "step-100.pt"));
  descent::checkpoint(path, 1000, world, *training.net, training.opt);
  // A file that is damaged is passed over, and what is newest else stays.
  std::ofstream(path / "step-1000.pt") << "nothing";
  for (const int64_t step : {910, 920, 930})
    descent::checkpoint(path, step, world, *training.net, training.opt);
  EXPECT_EQ(descent::resume(path, world, *training.net, training.opt), 930);
  EXPECT_TRUE(fs::exists(path / "step-920.pt"));
  EXPECT_FALSE(fs::exists(path / "step-910.pt"));
}

TEST(Resume, RefusesWhatIsThereAndCannotBeRead) {
  const Folder folder;
  auto world = World::from_environment();
  Training training;
  std::ofstream(folder / "file") << "a file";
  fs::create_symlink("loop", folder / "loop");
  for (const fs::path& path : {folder / "file", folder / "loop"})
    EXPECT_THAT([&] { descent::resume(path, world, *training.net); },
                ThrowsMessage<WorldError>(AllOf(HasSubstr("resume: "), HasSubstr(path.string()))));
}

TEST(Resume, GoesOnWithTheSamplesThatAreLeft) {
  const Folder folder;
  auto world = World::from_environment();
  descent::ShuffledSampler sampler(20, 7), whole(20, 7), other(20, 8);
  for (int i = 0; i < 3; ++i) {
    whole.next(4);
    sampler.next(4);
  }
  descent::checkpoint(folder / "run", 3, world, sampler);
  sampler.next(8);
  descent::ShuffledSampler again(20, 7);
  EXPECT_EQ(descent::resume(folder / "run", world, again), 3);
  EXPECT_EQ(again.next(5), whole.next(5));
  Training training;
  training.step();
  descent::checkpoint(folder / "two", 1, world, training.opt, sampler);
  const auto place = other.place();
  Training fresh;
  EXPECT_THAT([&] { descent::resume(folder / "two", world, fresh.opt, other); },
              ThrowsMessage<WorldError>(HasSubstr("of another sampler: seed = 7, not 8")));
  EXPECT_EQ(other.place(), place);
  EXPECT_EQ(fresh.opt.state_of(fresh.net->weight), nullptr);
}

TEST(Resume, ChangesNothingWhereThingsDoNotFit) {
  const Folder folder;
  auto world = World::from_environment();
  Training training;
  training.step();
  descent::checkpoint(folder / "run", 1, world, *training.net, training.opt);

  torch::nn::Linear net(3, 2);
  descent::Lion lion(net->parameters());
  const at::Tensor before = net->weight.detach().clone();
  EXPECT_THAT([&] { descent::resume(folder / "run", world, *net, lion); },
              ThrowsMessage<WorldError>(AllOf(HasSubstr("step-1.pt: "), HasSubstr("Lion"))));
  EXPECT_TRUE(net->weight.equal(before));
  EXPECT_THAT([&] { descent::resume(folder / "run", world, *net); },
              ThrowsMessage<WorldError>(HasSubstr("it holds 2 things, must hold 1")));
  EXPECT_THAT([&] { descent::checkpoint(folder / "run", 0, world, *net); },
              ThrowsMessage<c10::Error>(HasSubstr("checkpoint: step = 0, must be > 0")));
  std::ofstream(folder / "file") << "a file";
  EXPECT_THAT([&] { descent::checkpoint(folder / "file", 1, world, *net); },
              ThrowsMessage<WorldError>(HasSubstr((folder / "file").string())));
}

/// A member whose loss is a function of its hyperparameter and of what it was before.
struct Toy : descent::PopulationMember {
  double weight = 1, h = 0;
  double train(int64_t /*first*/, int64_t steps) override {
    for (int64_t i = 0; i < steps; ++i) weight -= 0.1 * h * weight;
    return weight;
  }
  void set(const descent::OptionValues& values) override { h = std::get<double>(values[0].second); }
  void copy(const PopulationMember& other) override {
    weight = dynamic_cast<const Toy&>(other).weight;
  }
  void save(const fs::path& folder) const override {
    descent::write_atomically(folder / "weight", descent::digits(weight));
  }
  void load(const fs::path& folder) override {
    weight = std::stod(descent::read_file(folder / "weight"));
  }
};

/// shares FOLDER [the rank that dies]: pieces and a population over the store of a world.
const Role shares("shares in a world", [](const Arguments& arguments) {
  const fs::path folder = arguments.at(0);
  auto world = World::from_environment({.timeout = 60s});
  const bool dies = arguments.size() > 1 && arguments.at(1) == std::to_string(world.rank());
  int64_t mine = 0;
  descent::share(world.store(), "pieces", 10000, [&](int64_t i) {
    if (dies && ++mine == 20) ::kill(::getpid(), SIGKILL);
    if (i % 100 == 0)
      descent::write_atomically(folder / ("piece-" + std::to_string(i)), std::to_string(i));
  });
  descent::PopulationOptions options{.interval = 3, .seed = 2};
  options.store = world.store().part("population");
  options.folder = folder / "members";
  descent::Population members(
      {{"h", descent::Range{0, 1}}}, 6, [](int64_t) { return std::make_unique<Toy>(); }, options);
  members.run(12);
  std::string text;
  for (const double loss : members.losses()) text += descent::digits(loss) + " ";
  say(text);
  if (arguments.size() == 1) {
    world.barrier();
  } else {
    // The store ends with rank 0, who cannot wait for one who is dead by barrier().
    auto store = world.store();
    store.add("gone", 1);
    while (world.rank() == 0 && store.add("gone", 0) < world.size() - 1)
      std::this_thread::sleep_for(5ms);
  }
});

TEST(AWorldsStore, SharesPiecesAndAPopulation) {
  descent::Population alone({{"h", descent::Range{0, 1}}}, 6,
                            [](int64_t) { return std::make_unique<Toy>(); },
                            {.interval = 3, .seed = 2});
  alone.run(12);
  std::string text;
  for (const double loss : alone.losses()) text += descent::digits(loss) + " ";
  for (const bool dies : {false, true}) {
    const Folder folder;
    Arguments arguments{folder / ""};
    if (dies) arguments.push_back("3");
    const auto all = processes::world("shares in a world", 4, arguments);
    for (size_t rank = 0; rank < 4; ++rank) {
      if (dies && rank == 3) {
        EXPECT_EQ(all[rank].signal, SIGKILL);
        continue;
      }
      EXPECT_EQ(all[rank].code, 0);
      EXPECT_EQ(all[rank].said, text + "\n");
    }
    for (int64_t i = 0; i < 10000; i += 100)
      EXPECT_EQ(descent::read_file(folder / ("piece-" + std::to_string(i))), std::to_string(i));
  }
}

}  // namespace
}  // namespace resume_test
