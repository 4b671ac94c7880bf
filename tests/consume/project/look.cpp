#include <cmath>
#include <iostream>

#include <torch/nn/modules/linear.h>

#include <descent/grid/grid.h>
#include <descent/landscape.h>

int main() {
  torch::nn::Linear net(3, 1);
  const descent::Data data{torch::rand({64, 3}), torch::rand({64, 1})};
  const auto plane = descent::random_plane(*net, {.seed = 1});
  const descent::Grid grid =
      descent::evaluate(*net, descent::mse, data, plane, {-1, 1, 3}, {-1, 1, 3});
  const auto loss = torch::mse_loss(net->forward(data.input), data.target).item<double>();
  std::cout << "loss of the network: " << loss << ", at the plane's centre: " << grid.at(1, 1)
            << "\n";
  return std::abs(grid.at(1, 1) - loss) < 1e-6 ? 0 : 1;
}
