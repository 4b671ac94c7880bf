#include "profile.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randn.h>

namespace bench {
namespace {

using Shapes = std::vector<std::vector<int64_t>>;

/// The parameters of torchvision's resnet50 in their order, without the last layer.
Shapes resnet50_trunk() {
  Shapes shapes;
  const auto conv_and_norm = [&](int64_t out, int64_t in, int64_t size) {
    shapes.push_back({out, in, size, size});
    shapes.push_back({out});
    shapes.push_back({out});
  };
  conv_and_norm(64, 3, 7);
  int64_t in = 64, planes = 64;
  for (const int blocks : {3, 4, 6, 3}) {
    for (int block = 0; block < blocks; ++block) {
      conv_and_norm(planes, in, 1);
      conv_and_norm(planes, planes, 3);
      conv_and_norm(4 * planes, planes, 1);
      if (block == 0) conv_and_norm(4 * planes, in, 1);
      in = 4 * planes;
    }
    planes *= 2;
  }
  return shapes;
}

int64_t product(const std::vector<int64_t>& shape) {
  int64_t n = 1;
  for (const int64_t size : shape) n *= size;
  return n;
}

}  // namespace

int64_t Profile::numel() const {
  int64_t n = 0;
  for (const auto& shape : shapes) n += product(shape);
  return n;
}

const std::vector<Profile>& profiles() {
  static const std::vector<Profile> all{
      {"sine-mlp", {{64, 1}, {64}, {64, 64}, {64}, {1, 64}, {1}}},
      {"1000x64", Shapes(1000, {64})},
      {"20x16384", Shapes(20, {16384})},
      {"resnet50-like", resnet50_trunk()},
      {"64M", {{64 * 1024 * 1024}}},
  };
  return all;
}

std::vector<at::Tensor> draw(const Profile& profile, double scale, uint64_t seed) {
  const auto generator = at::detail::createCPUGenerator(seed);
  std::vector<at::Tensor> tensors;
  for (const auto& shape : profile.shapes)
    tensors.push_back(at::randn(shape, generator).mul_(scale));
  return tensors;
}

}  // namespace bench
