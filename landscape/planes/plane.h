#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <descent/base/fields.h>
#include <descent/grid/grid.h>
#include <descent/landscape/network/network.h>

namespace descent {

/// A plane through the weights of a network: the points center + alpha * u + beta * v. Without v it
/// is a line.
///
/// The k-th tensor of each list belongs to the k-th distinct parameter of the network, in the order
/// in which it registers them; a parameter that is registered under two names (tied weights)
/// appears once. All tensors are detached copies, so training the network further does not move its
/// plane.
struct Plane {
  std::vector<std::string> names;  ///< of the parameters
  std::vector<at::Tensor> center;  ///< theta*
  std::vector<at::Tensor> u;       ///< direction of alpha (columns of the grid)
  std::vector<at::Tensor> v;       ///< direction of beta (rows of the grid); empty: a line
  std::string how;                 ///< how the directions were made, for captions
  std::optional<uint64_t> seed;    ///< of random directions

  /// The same of the network's buffers of floating types, where they move along (BatchNorm::
  /// Interpolate): planes between models, and random ones that were asked for. Else empty.
  struct Buffers {
    std::vector<std::string> names;
    std::vector<at::Tensor> center, u, v;
  };
  Buffers buffers{};

  /// Share of a trajectory's variance along u and v (pca_plane), or the Hessian's eigenvalues along
  /// them (hessian_plane). Else empty.
  std::vector<double> explained{};
  std::vector<double> eigenvalues{};

  /// Models that the plane was laid through, and where they lie.
  struct Mark {
    std::string label;
    double alpha, beta;
  };
  std::vector<Mark> marks{};

  bool is_line() const { return v.empty(); }
  /// The line along u, with the models that lie on it.
  Plane line() const;
  /// Cosine of the angle between u and v; 0 of a line.
  double cosine() const;
  /// Fingerprint of all directions (FNV-1a over shapes, types and values): equal planes have equal
  /// hashes on every machine of the same byte order.
  uint64_t hash() const;
};

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

/// The plane through the network's present parameters along given directions, one tensor for each
/// distinct parameter, in the order of registration; without `v` a line. Throws
/// std::invalid_argument that names the first parameter whose tensor differs in shape, type or
/// device, or is not finite, and for a direction of zeros.
Plane given_plane(const Network& network, const std::vector<at::Tensor>& u,
                  const std::vector<at::Tensor>& v = {});

/// The same through any point; the parameters are then named by their position, "0", "1", ...
Plane given_plane(const std::vector<at::Tensor>& center, const std::vector<at::Tensor>& u,
                  const std::vector<at::Tensor>& v = {});

/// The line from `a` (alpha = 0) to `b` (alpha = 1), two networks of one architecture; buffers go
/// along. Throws std::invalid_argument that names the first parameter in which they differ, and if
/// all weights are equal.
Plane line_between(const Network& a, const Network& b);

/// The plane through three networks of one architecture (Garipov et al. 2018, arXiv:1802.10026,
/// appendix A.1): u from a to b, v from a to c less its part along u, both of length 1, so that
/// alpha and beta are distances between weights. marks says where a, b and c lie. Throws as
/// line_between() does, and if the three lie on one line.
Plane plane_between(const Network& a, const Network& b, const Network& c);

/// ||center + alpha * u + beta * v||^2 over all parameters: what weight decay adds to the loss, to
/// be multiplied by half its factor and drawn apart. Exact: it is a quadratic of six numbers.
Grid squared_norm(const Plane& plane, const Axis& x, const Axis& y);

}  // namespace descent
