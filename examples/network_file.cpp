// Trains a network that is written in TorchScript to tell two spirals apart, to follow a sine, or to fit
// noise, and writes the files that the program `descent` reads:
//
//   network_file --out out/spirals
//   cd out/spirals
//   descent landscape --model net.pt --data data.pt --loss cross_entropy --plane pca:snapshots
//
//   network_file --problem sine --out out/sine
//   descent tune --model out/sine/start.pt --data out/sine/data.pt --out out/tune
//
//   network_file --problem noise --out out/noise
//   descent map --model out/noise/start.pt --data out/noise/data.pt
//       --axes w1.lr=log:1:300,w2.lr=log:0.05:1 --out out/map
//
// net.pt is the trained network, start.pt the untrained one, data.pt the samples, snapshots/ the
// weights of every tenth step.
#include <cmath>
#include <iostream>
#include <map>
#include <numbers>
#include <string>
#include <vector>

#include <ATen/ops/cat.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <CLI/CLI.hpp>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include <descent/base/atomic_file.h>
#include <descent/landscape/data/data.h>
#include <descent/landscape/data/metric.h>
#include <descent/landscape/network/script.h>
#include <descent/landscape/trajectory/recorder.h>
#include <descent/optim/adam.h>
#include <descent/optim/optimizer/drop_in.h>

namespace {

/// A network, and what it learns.
struct Problem {
  std::vector<int64_t> widths;  ///< of the inputs, the hidden layers and the outputs
  bool bias;
  const char* activation;
  descent::Data (*data)();
  descent::Metric loss;
};

torch::jit::Module untrained(const Problem& problem) {
  torch::jit::Module net("Net");
  const auto add = [&](const std::string& name, at::IntArrayRef sizes) {
    const double scale = sizes.size() < 2 ? 0 : 1 / std::sqrt(static_cast<double>(sizes[1]));
    net.register_parameter(name, (at::randn(sizes) * scale).requires_grad_(), /*is_buffer=*/false);
  };
  std::string forward = "def forward(self, x):\n";
  for (size_t k = 1; k < problem.widths.size(); ++k) {
    const std::string layer = std::to_string(k);
    add("w" + layer, {problem.widths[k], problem.widths[k - 1]});
    if (problem.bias) add("b" + layer, {problem.widths[k]});
    forward += "    x = torch.linear(x, self.w" + layer +
               (problem.bias ? ", self.b" + layer + ")\n" : ")\n");
    if (k + 1 < problem.widths.size())
      forward += "    x = torch." + std::string(problem.activation) + "(x)\n";
  }
  net.define(forward + "    return x\n");
  return net;
}

/// Two spirals, one turn long.
descent::Data spirals() {
  constexpr int64_t points = 150;  // of each
  const at::Tensor angle = at::linspace(0.5, 6.5, points);
  const at::Tensor arm = at::stack({angle.cos(), angle.sin()}, 1) * (angle / 6.5).unsqueeze(1);
  const at::Tensor noise = 0.03 * at::randn({2 * points, 2});
  const at::Tensor first = at::zeros({points}, at::kLong);
  return {at::cat({arm, -arm}) + noise, at::cat({first, first + 1})};
}

descent::Data sine() {
  const at::Tensor x = at::linspace(-std::numbers::pi, std::numbers::pi, 100).view({-1, 1});
  return {x, x.sin()};
}

/// Random numbers, as many samples as inputs.
descent::Data noise() { return {at::randn({16, 16}), at::randn({16, 1})}; }

void train(const Problem& problem, int64_t steps, const std::filesystem::path& out) {
  std::filesystem::create_directories(out);
  at::manual_seed(0);
  torch::jit::Module net = untrained(problem);
  const descent::Data data = problem.data();
  net.save((out / "start.pt").string());

  std::vector<at::Tensor> parameters;
  for (const at::Tensor& parameter : net.parameters()) parameters.push_back(parameter);
  descent::AdamW opt(parameters, {.lr = 0.01});
  descent::Recorder recorder(descent::network_of(net), {.every = 10, .folder = out / "snapshots"});
  for (int64_t step = 0; step < steps; ++step) {
    opt.zero_grad();
    problem.loss.value(net.forward({data.input}).toTensor(), data.target).backward();
    opt.step();
    recorder.step();
  }
  const at::Tensor prediction = net.forward({data.input}).toTensor();
  std::cout << "trained for " << steps << " steps, loss "
            << problem.loss.value(prediction, data.target).item<double>();
  if (!data.target.is_floating_point())
    std::cout << ", accuracy " << descent::accuracy(prediction, data.target).item<double>();
  std::cout << '\n';

  net.save((out / "net.pt").string());
  const auto bytes = torch::jit::pickle_save(c10::ivalue::Tuple::create({data.input, data.target}));
  descent::write_atomically(out / "data.pt", {bytes.data(), bytes.size()});
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A trained network in the files that `descent landscape` reads.");
  const std::map<std::string, Problem> problems = {
      {"spirals", {{2, 24, 24, 2}, true, "tanh", spirals, descent::cross_entropy}},
      {"sine", {{1, 64, 64, 1}, true, "relu", sine, descent::mse}},
      {"noise", {{16, 16, 1}, false, "tanh", noise, descent::mse}}};
  std::string problem = "spirals";
  int64_t steps = 1000;
  std::filesystem::path out = "out/spirals";
  app.add_option("--problem", problem, "spirals, sine or noise")
      ->check(CLI::IsMember({"spirals", "sine", "noise"}))
      ->capture_default_str();
  app.add_option("--steps", steps, "of training")->check(CLI::PositiveNumber);
  app.add_option("--out", out, "folder, made if missing")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    train(problems.at(problem), steps, out);
    return 0;
  } catch (const c10::Error& error) {
    std::cerr << "network_file: " << error.what_without_backtrace() << '\n';
  } catch (const std::exception& error) {
    std::cerr << "network_file: " << error.what() << '\n';
  }
  return 1;
}
