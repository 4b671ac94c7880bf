#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace bench {

/// The shapes of a model's parameters.
struct Profile {
  std::string name;
  std::vector<std::vector<int64_t>> shapes;

  int64_t numel() const;
};

/// sine-mlp (1-64-64-1), 1000x64, 20x16384, resnet50-like (the trunk), 64M (one tensor).
const std::vector<Profile>& profiles();

/// Normally distributed numbers of these shapes times `scale`, float32, the same for the same seed.
std::vector<at::Tensor> draw(const Profile& profile, double scale, uint64_t seed);

}  // namespace bench
