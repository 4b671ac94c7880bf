// Networks out of files, on one thread: how long they take to load, to run and to train, beside the
// same networks of TorchScript, and what an operation costs beyond the call by hand. The files are
// those of bench/peers/networks_torch.py, which measures Python. Prints a JSON object a line: the
// best of the rounds, in which all alternate, in microseconds of work.
#include <algorithm>
#include <ctime>
#include <filesystem>
#include <functional>
#include <iostream>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <torch/script.h>

#include <descent/networks.h>

namespace {

namespace fs = std::filesystem;
using at::Tensor;

using Contender = std::pair<std::string, std::function<void()>>;

/// Microseconds that this thread has worked: steadier than the clock where others use the machine, and
/// the same where nobody does.
double now() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return 1e6 * static_cast<double>(time.tv_sec) + 1e-3 * static_cast<double>(time.tv_nsec);
}

/// The best time of each, which take turns.
nlohmann::json race(const std::vector<Contender>& contenders, int rounds) {
  std::vector<double> best(contenders.size(), std::numeric_limits<double>::infinity());
  for (int round = 0; round < rounds; ++round) {
    for (size_t k = 0; k < contenders.size(); ++k) {
      const double begin = now();
      contenders[k].second();
      best[k] = std::min(best[k], now() - begin);
    }
  }
  nlohmann::json times;
  for (size_t k = 0; k < contenders.size(); ++k) times[contenders[k].first] = best[k];
  return times;
}

void print(const std::string& network, const std::string& what, nlohmann::json times) {
  std::cout << nlohmann::json{{"network", network}, {"what", what}, {"us", std::move(times)}}.dump()
            << std::endl;
}

std::vector<Tensor> parameters_of(const torch::jit::Module& module) {
  std::vector<Tensor> all;
  for (const Tensor& parameter : module.parameters()) all.push_back(parameter);
  return all;
}

/// A step without an optimizer: forward, mean of squares, backward.
template <class Forward>
void step(const Forward& forward, const std::vector<Tensor>& parameters) {
  for (const Tensor& parameter : parameters) parameter.mutable_grad().reset();
  forward().square().mean().backward();
}

void measure(const fs::path& folder, const std::string& name, int rounds) {
  const fs::path exported = folder / (name + ".pt2"), scripted = folder / (name + ".pt");
  print(name, "load",
        race({{"pt2", [&] { descent::load_network(exported); }},
              {"torchscript", [&] { torch::jit::load(scripted.string()); }}},
             std::max(3, rounds / 10)));
  const auto network = descent::load_network(exported);
  torch::jit::Module script = torch::jit::load(scripted.string());
  const Tensor x = torch::jit::load((folder / (name + ".input.pt")).string()).attr("x").toTensor();
  network->train();
  script.train();
  const auto forward = [&] { return network->forward(x); };
  const auto script_forward = [&] { return script.forward({x}).toTensor(); };
  for (int k = 0; k < 3; ++k) script_forward();  // TorchScript makes its code now
  {
    const torch::NoGradGuard no_grad;
    print(name, "forward",
          race({{"pt2", [&] { forward(); }}, {"torchscript", [&] { script_forward(); }}}, rounds));
  }
  const auto parameters = network->parameters(), script_parameters = parameters_of(script);
  print(name, "step",
        race({{"pt2", [&] { step(forward, parameters); }},
              {"torchscript", [&] { step(script_forward, script_parameters); }}},
             rounds));
}

/// A chain of operations on a tensor of one number, and the same by hand.
void measure_operations(const fs::path& folder, int rounds) {
  constexpr int kOperations = 1000;
  const auto network = descent::load_network(folder / "chain.pt2");
  const Tensor x = torch::zeros({1});
  const torch::NoGradGuard no_grad;
  const auto by_hand = [&] {
    Tensor y = x;
    for (int k = 0; k < kOperations / 2; ++k) y = torch::tanh(y).add(1);
  };
  auto times = race({{"pt2", [&] { network->forward(x); }}, {"by hand", by_hand}}, rounds);
  for (auto& [name, time] : times.items()) time = time.get<double>() / kOperations;
  print("chain", "an operation", times);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Networks out of files"};
  fs::path folder = "out/networks";
  int rounds = 100;
  app.add_option("--folder", folder, "what networks_torch.py wrote")->capture_default_str();
  app.add_option("--rounds", rounds)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  at::set_num_threads(1);
  if (!fs::exists(folder / "chain.pt2")) {
    std::cout << "bench_networks: " << folder.string()
              << " has no networks; run networks_torch.py\n";
    return 0;
  }
  measure_operations(folder, rounds);
  for (const char* name : {"mlp", "resnet18"})
    measure(folder, name, name[0] == 'm' ? 10 * rounds : rounds / 5);
}
