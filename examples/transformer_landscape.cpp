// Teaches a small transformer to say which digit of a sequence comes up most often, and draws its
// loss over the plane of the two steepest directions at the trained weights: the top eigenvectors of
// the Hessian.
//
//   transformer_landscape out/transformer 150 51 --device cpu     all but the folder may be left out
//
// The folder gets loss.png, loss.html, spectrum.png and curvature.json.
#include <iostream>
#include <string>

#include <ATen/Parallel.h>
#include <ATen/ops/one_hot.h>
#include <ATen/ops/randint.h>
#include <CLI/CLI.hpp>
#include <torch/nn/cloneable.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/transformercoder.h>
#include <torch/nn/modules/transformerlayer.h>

#include <descent/landscape.h>
#include <descent/optim/adam.h>
#include <descent/optim/optimizer/drop_in.h>
#include <descent/pictures.h>

namespace {

namespace nn = torch::nn;
constexpr int64_t kDigits = 4, kLength = 9, kWidth = 16;

class CounterImpl : public nn::Cloneable<CounterImpl> {
 public:
  CounterImpl() { reset(); }
  void reset() override {
    digits_ = register_module("digits", nn::Embedding(kDigits, kWidth));
    const auto layer = nn::TransformerEncoderLayerOptions(kWidth, 2).dim_feedforward(32);
    encoder_ = register_module("encoder", nn::TransformerEncoder(nn::TransformerEncoderOptions(
                                              nn::TransformerEncoderLayer(layer), 2)));
    answer_ = register_module("answer", nn::Linear(kWidth, kDigits));
  }
  /// (n, kLength) digits to (n, kDigits) logits.
  at::Tensor forward(const at::Tensor& sequences) {
    return answer_(encoder_(digits_(sequences.t())).mean(0));
  }

 private:
  nn::Embedding digits_{nullptr};
  nn::TransformerEncoder encoder_{nullptr};
  nn::Linear answer_{nullptr};
};
TORCH_MODULE(Counter);

descent::Data sequences(int64_t n, at::Device device) {
  const at::Tensor digits = at::randint(kDigits, {n, kLength}, at::kLong).to(device);
  return {digits, at::one_hot(digits, kDigits).sum(1).argmax(1)};
}

Counter trained(const descent::Data& data, int steps) {
  Counter net;
  net->to(data.input.device());
  const int threads = at::get_num_threads();
  at::set_num_threads(1);  // more only get in each other's way on a network this small
  descent::AdamW opt(net->parameters(), {.lr = 3e-3});
  for (int step = 0; step < steps; ++step) {
    opt.zero_grad();
    descent::cross_entropy(net->forward(data.input), data.target).backward();
    opt.step();
  }
  at::set_num_threads(threads);
  net->eval();
  return net;
}

/// The same samples in batches of `n`: a network and its activations stay small enough for many
/// networks at once to be worth it.
descent::Batches in_batches(const descent::Data& data, int64_t n) {
  const auto inputs = data.input.split(n), targets = data.target.split(n);
  std::vector<descent::Data> batches;
  for (size_t k = 0; k < inputs.size(); ++k) batches.push_back({inputs[k], targets[k]});
  return batches;
}

void run(const std::filesystem::path& folder, int steps, int64_t points, at::Device device) {
  at::manual_seed(1);
  const descent::Data data = sequences(128, device);
  auto net = trained(data, steps);

  const descent::CurvatureOptions options{
      .eigenvalues = 2, .trace_probes = 16, .density_probes = 2};
  const auto report = descent::curvature(*net, descent::cross_entropy, data, options);
  std::cout << "loss " << report.loss << ", largest eigenvalues of the Hessian "
            << report.eigen.values[0] << " and " << report.eigen.values[1] << ", smallest at most "
            << report.eigen.lowest << ", trace " << report.trace.value << " +- "
            << report.trace.error << ", sharpness " << report.sharpness << '\n';

  const auto plane = descent::hessian_plane(*net, descent::cross_entropy, data);
  const descent::Axis axis{-0.5, 0.5, points};
  const auto grid =
      descent::evaluate(*net, descent::cross_entropy, in_batches(data, 32), plane, axis, axis);
  for (const auto& [name, note] : grid.notes) std::cout << "  " << name << ": " << note << '\n';

  std::filesystem::create_directories(folder);
  for (const char* const name : {"loss.png", "loss.html"}) {
    descent::draw(grid, folder / name,
                  {.title = "Loss of a transformer along its steepest directions",
                   .caption = plane.how,
                   .log = true});
  }
  descent::draw(report.density.grid(), folder / "spectrum.png",
                {.title = "Eigenvalues of the transformer's Hessian",
                 .caption = std::to_string(report.density.parameters) + " parameters",
                 .log = true,
                 .mark_minima = false});
  report.save(folder / "curvature.json");
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder = "transformer_landscape", device = "cpu";
  int steps = 150;
  int64_t points = 51;
  CLI::App app("Draws the loss of a transformer along its steepest directions.");
  app.add_option("folder", folder, "of the pictures, made if missing");
  app.add_option("steps", steps, "of training")->check(CLI::PositiveNumber);
  app.add_option("points", points, "along an axis")->check(CLI::PositiveNumber);
  app.add_option("--device", device, "cpu, cuda or cuda:N");
  CLI11_PARSE(app, argc, argv);
  try {
    run(folder, steps, points, at::Device(device));
    return 0;
  } catch (const c10::Error& error) {
    std::cerr << "transformer_landscape: " << error.what_without_backtrace() << '\n';
  } catch (const std::exception& error) {
    std::cerr << "transformer_landscape: " << error.what() << '\n';
  }
  return 1;
}
