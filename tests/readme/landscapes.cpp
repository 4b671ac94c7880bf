// The C++ of docs/landscapes.md runs: on a small network that has been trained for a few steps.
#include <torch/torch.h>

#include <descent/landscape.h>
#include <descent/optim.h>
#include <descent/pictures.h>

namespace {

struct Samples : torch::data::datasets::Dataset<Samples> {
  torch::data::Example<> get(size_t k) override {
    const auto x =
        torch::tensor({std::sin(static_cast<float>(k)), std::cos(static_cast<float>(k))});
    return {x, (x[0] > 0).to(torch::kLong)};
  }
  std::optional<size_t> size() const override { return 40; }
};

}  // namespace

int main() {
  torch::manual_seed(1);
  torch::nn::Sequential net(torch::nn::Linear(2, 8), torch::nn::ReLU(), torch::nn::Linear(8, 2));
  auto loader = torch::data::make_data_loader(Samples().map(torch::data::transforms::Stack<>()),
                                              /*batch_size=*/10);
  descent::AdamW opt(net->parameters());
  for (auto& batch : *loader) {
    opt.zero_grad();
    torch::cross_entropy_loss(net->forward(batch.data), batch.target).backward();
    opt.step();
  }
#include "landscapes.inc"
}
