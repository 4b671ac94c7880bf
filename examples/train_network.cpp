// Trains a network that was exported from Python, as examples/resnet20.py writes one:
//
//   python3 examples/resnet20.py out/resnet20
//   train_network --folder out/resnet20
//   descent landscape --model out/resnet20/trained.pt2 --data out/resnet20/data.pt
//     --loss cross_entropy --plane pca:out/resnet20/snapshots
//
// It reads net.pt2 and train.pt, and writes trained.pt2 and snapshots/, the weights along the way.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <torch/serialize.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <descent/landscape.h>
#include <descent/networks.h>
#include <descent/optim.h>

namespace {

namespace fs = std::filesystem;

descent::Data read(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw std::runtime_error(file.string() + " cannot be read");
  const std::vector<char> bytes{std::istreambuf_iterator<char>(stream), {}};
  const auto data = torch::pickle_load(bytes).toGenericDict();
  return {data.at("input").toTensor(), data.at("target").toTensor()};
}

void train(const fs::path& folder, int64_t epochs, int64_t batch) {
  descent::keep_freed_memory();
  torch::manual_seed(0);
  const auto net = descent::load_network(folder / "net.pt2");
  const descent::Data data = read(folder / "train.pt");
  const int64_t samples = data.input.size(0), steps = epochs * (samples / batch);
  descent::AdamW opt(net->parameters(), {.lr = 3e-3, .weight_decay = 1e-2});
  descent::Scheduler schedule(opt, descent::OneCycleLR{.max_lr = 3e-3, .total_steps = steps});
  fs::remove_all(folder / "snapshots");  // of a training before
  descent::Recorder recorder(
      net, {.every = std::max<int64_t>(1, steps / 40), .folder = folder / "snapshots"});
  net->train();
  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    const at::Tensor order = torch::randperm(samples);
    double loss_sum = 0, right = 0;
    for (int64_t k = 0; k < samples / batch; ++k) {
      const at::Tensor rows = order.narrow(0, k * batch, batch);
      const at::Tensor target = data.target.index_select(0, rows);
      const at::Tensor prediction = net->forward(data.input.index_select(0, rows));
      const at::Tensor loss = torch::cross_entropy_loss(prediction, target);
      opt.zero_grad();
      loss.backward();
      opt.step();
      schedule.step();
      recorder.step();
      loss_sum += loss.item<double>();
      right += descent::accuracy(prediction.detach(), target).item<double>();
    }
    const auto batches = static_cast<double>(samples / batch);
    std::cout << "epoch " << epoch + 1 << ": loss " << loss_sum / batches << ", accuracy "
              << right / batches << std::endl;
  }
  net->eval();
  net->save(folder / "trained.pt2");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Trains a network of Python"};
  fs::path folder = "out/resnet20";
  int64_t epochs = 8, batch = 64;
  app.add_option("--folder", folder)->capture_default_str();
  app.add_option("--epochs", epochs)->capture_default_str();
  app.add_option("--batch", batch)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    train(folder, epochs, batch);
    return 0;
  } catch (const c10::Error& error) {
    std::cerr << "train_network: " << error.what_without_backtrace() << '\n';
  } catch (const std::exception& error) {
    std::cerr << "train_network: " << error.what() << '\n';
  }
  return 1;
}
