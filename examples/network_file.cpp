// Trains a network that is written in TorchScript to tell two spirals apart, and writes the files
// that the program `descent landscape` reads:
//
//   network_file --out out/spirals
//   cd out/spirals
//   descent landscape --model net.pt --data data.pt --loss cross_entropy --plane pca:snapshots
//
// net.pt is the trained network, start.pt the untrained one, data.pt the samples, snapshots/ the
// weights of every tenth step.
#include <cmath>
#include <iostream>

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

constexpr int64_t kHidden = 24;

torch::jit::Module untrained() {
  torch::jit::Module net("Net");
  const auto add = [&](const char* name, at::IntArrayRef sizes) {
    const double scale = sizes.size() < 2 ? 0 : 1 / std::sqrt(static_cast<double>(sizes[1]));
    net.register_parameter(name, (at::randn(sizes) * scale).requires_grad_(), /*is_buffer=*/false);
  };
  add("w1", {kHidden, 2});
  add("b1", {kHidden});
  add("w2", {kHidden, kHidden});
  add("b2", {kHidden});
  add("w3", {2, kHidden});
  add("b3", {2});
  net.define(R"(
def forward(self, x):
    x = torch.tanh(torch.linear(x, self.w1, self.b1))
    x = torch.tanh(torch.linear(x, self.w2, self.b2))
    return torch.linear(x, self.w3, self.b3)
)");
  return net;
}

/// Two spirals of so many points each, one turn long.
descent::Data spirals(int64_t points) {
  const at::Tensor angle = at::linspace(0.5, 6.5, points);
  const at::Tensor arm = at::stack({angle.cos(), angle.sin()}, 1) * (angle / 6.5).unsqueeze(1);
  const at::Tensor noise = 0.03 * at::randn({2 * points, 2});
  const at::Tensor first = at::zeros({points}, at::kLong);
  return {at::cat({arm, -arm}) + noise, at::cat({first, first + 1})};
}

void train(int64_t steps, const std::filesystem::path& out) {
  std::filesystem::create_directories(out);
  at::manual_seed(0);
  torch::jit::Module net = untrained();
  const descent::Data data = spirals(150);
  net.save((out / "start.pt").string());

  std::vector<at::Tensor> parameters;
  for (const at::Tensor& parameter : net.parameters()) parameters.push_back(parameter);
  descent::AdamW opt(parameters, {.lr = 0.01});
  descent::Recorder recorder(descent::network_of(net), {.every = 10, .folder = out / "snapshots"});
  for (int64_t step = 0; step < steps; ++step) {
    opt.zero_grad();
    descent::cross_entropy(net.forward({data.input}).toTensor(), data.target).backward();
    opt.step();
    recorder.step();
  }
  const at::Tensor prediction = net.forward({data.input}).toTensor();
  std::cout << "trained for " << steps << " steps, loss "
            << descent::cross_entropy(prediction, data.target).item<double>() << ", accuracy "
            << descent::accuracy(prediction, data.target).item<double>() << '\n';

  net.save((out / "net.pt").string());
  const auto bytes = torch::jit::pickle_save(c10::ivalue::Tuple::create({data.input, data.target}));
  descent::write_atomically(out / "data.pt", {bytes.data(), bytes.size()});
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A trained network in the files that `descent landscape` reads.");
  int64_t steps = 1000;
  std::filesystem::path out = "out/spirals";
  app.add_option("--steps", steps, "of training")->check(CLI::PositiveNumber);
  app.add_option("--out", out, "folder, made if missing")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    train(steps, out);
    return 0;
  } catch (const c10::Error& error) {
    std::cerr << "network_file: " << error.what_without_backtrace() << '\n';
  } catch (const std::exception& error) {
    std::cerr << "network_file: " << error.what() << '\n';
  }
  return 1;
}
