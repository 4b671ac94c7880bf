#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <torch/nn/module.h>

namespace descent {

/// A plane through the weights of a model: the points center + alpha * u + beta * v.
///
/// The k-th tensor of each list belongs to the k-th distinct parameter of the model, in the order
/// of named_parameters(); a parameter that is registered under two names (tied weights) appears
/// once. All tensors are detached copies, so training the model further does not move its plane.
struct Plane {
  std::vector<std::string> names;     ///< of the parameters
  std::vector<torch::Tensor> center;  ///< theta*
  std::vector<torch::Tensor> u;       ///< direction of alpha (columns of the grid)
  std::vector<torch::Tensor> v;       ///< direction of beta (rows of the grid)
  std::string how;                    ///< how the directions were made, for captions
  std::optional<uint64_t> seed;       ///< of random directions

  /// Fingerprint of both directions (FNV-1a over shapes, types and values): equal planes have equal
  /// hashes on every machine of the same byte order.
  uint64_t hash() const;
};

enum class Draw {
  Initialiser,  ///< a fresh draw of the model's own initialiser, biases included
  Gaussian,     ///< N(0, 1) for every entry of every parameter
};

struct PlaneOptions {
  uint64_t seed = 0;
  Draw draw = Draw::Initialiser;
};

/// The plane through the model's present parameters along two random directions, reproducible from
/// the seed. Neither the model nor the state of LibTorch's global generator is changed.
///
/// Draw::Initialiser takes what reset() of each module in the model puts into the module's own
/// parameters, so it works for LibTorch's modules and for every type derived from
/// torch::nn::Cloneable. Initialisation that happens elsewhere (in a constructor after reset(), or
/// in a parent that rewrites its children's parameters) is out of reach: build two fresh models and
/// hand their parameters to given_plane().
///
/// Throws std::invalid_argument if the model has no parameters, one that is not of a floating type
/// or not finite, or (Draw::Initialiser) a module that cannot be cloned.
Plane random_plane(const torch::nn::Module& module, const PlaneOptions& options = {});

/// The plane through the model's present parameters along given directions, one tensor for each
/// distinct parameter, in the order of named_parameters(). Throws std::invalid_argument that names
/// the first parameter whose tensor differs in shape, type or device, or is not finite.
Plane given_plane(const torch::nn::Module& module, const std::vector<torch::Tensor>& u,
                  const std::vector<torch::Tensor>& v);

/// The same through any point; the parameters are then named by their position, "0", "1", ...
Plane given_plane(const std::vector<torch::Tensor>& center, const std::vector<torch::Tensor>& u,
                  const std::vector<torch::Tensor>& v);

}  // namespace descent
