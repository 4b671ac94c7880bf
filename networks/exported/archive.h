#pragma once
#include <filesystem>
#include <ostream>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace descent::networks {

/// A tensor that a file of torch.export holds.
struct Held {
  at::Tensor tensor{};
  bool is_parameter = false;
  std::string refusal{};  ///< why there is no tensor, or ""

  /// Asks for a gradient, if the tensor's type can have one.
  void want_gradient() {
    if (tensor.is_floating_point() || tensor.is_complex()) tensor.requires_grad_(true);
  }
};

/// By the names of the network's state_dict; names of one tensor (tied weights) share it.
using HeldByName = std::unordered_map<std::string, Held>;

/// A file of torch.export, whichever PyTorch laid it out: since 2.9 with raw weights, in 2.8 with
/// pickled ones in the same folders, up to 2.7 as records without a folder.
struct Archive {
  std::string name, program;  ///< of the network, and its JSON
  HeldByName weights{}, constants{};
  std::vector<std::pair<std::string, std::string>> others{};  ///< records that are kept as they are
};

/// Throws std::invalid_argument with what is wrong, without the path.
Archive read_archive(const std::filesystem::path& file);

/// Writes the layout of PyTorch 2.9 and later.
void write_archive(const Archive& archive, std::ostream& out);

}  // namespace descent::networks
