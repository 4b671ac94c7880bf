#pragma once
#include <cstdint>
#include <vector>

#include <descent/base/fields.h>
#include <descent/landscape/network/network.h>
#include <descent/landscape/planes/plane.h>

namespace descent {

enum class Draw {
  Initialiser,  ///< a fresh draw of the model's own initialiser, biases included
  Gaussian,     ///< N(0, 1) for every entry of every parameter
};

/// How a direction d is scaled to the weights w that it starts from (Li et al. 2018,
/// arXiv:1712.09913, section 4; the names are those of their program).
///   None
///   Filter   of each slice j along the first dimension: d_j ||w_j|| / (||d_j|| + 1e-10)
///   Layer    d ||w|| / ||d||
///   Weight   d * w, entry by entry
///   DFilter  d_j / (||d_j|| + 1e-10)
///   DLayer   d / ||d||
DESCENT_ENUM(Norm, None, Filter, Layer, Weight, DFilter, DLayer)

struct PlaneOptions {
  uint64_t seed = 0;
  Draw draw = Draw::Initialiser;
  Norm norm = Norm::None;
  /// Under a norm other than None, tensors of one dimension or none (biases, scale and shift of
  /// normalisation layers) do not move; if false, their direction is a copy of the weights.
  bool ignore_bias_bn = true;
  bool buffers = false;  ///< also Gaussian directions for floating buffers, under the same norm
  /// Whether parameters that are frozen (requires_grad is false) move as well. Where all of them
  /// are, as in a network that was loaded for inference, all move.
  bool frozen = false;
};

/// The plane through the network's present parameters along two random directions, reproducible
/// from the seed. Neither the network nor the state of LibTorch's global generator is changed.
///
/// Draw::Initialiser takes what reset() of each module in the model puts into the module's own
/// parameters, so it works for LibTorch's modules and for every type derived from
/// torch::nn::Cloneable. Initialisation that happens elsewhere (in a constructor after reset(), or
/// in a parent that rewrites its children's parameters) is out of reach: build two fresh models and
/// hand their parameters to given_plane(). TorchScript has no initialiser either: take
/// Draw::Gaussian.
///
/// Throws std::invalid_argument if the network has no parameters, one that is not of a floating
/// type or not finite, a direction comes out as zero, or (Draw::Initialiser) a module cannot be
/// cloned.
Plane random_plane(const Network& network, const PlaneOptions& options = {});

/// A direction scaled to the weights: one tensor of `d` after the other by the rule of `norm`.
std::vector<at::Tensor> normalised(const std::vector<at::Tensor>& d,
                                   const std::vector<at::Tensor>& weights, Norm norm,
                                   bool ignore_bias_bn = true);

}  // namespace descent
