#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <descent/grid/grid.h>
#include <descent/landscape/network/network.h>

namespace descent {

/// Further names of tied weights, by the position of the tensor's first name.
using Aliases = std::vector<std::pair<size_t, std::string>>;

/// A plane through the weights of a network: the points center + alpha * u + beta * v. Without v it
/// is a line.
///
/// The k-th tensor of each list belongs to the k-th distinct parameter of the network, in the order
/// in which it registers them; a parameter that is registered under two names (tied weights)
/// appears once. All tensors are detached copies, so training the network further does not move its
/// plane.
struct Plane {
  std::vector<std::string> names;  ///< of the parameters
  Aliases aliases;
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

/// The plane through the network's present parameters along given directions, one tensor for each
/// distinct parameter, in the order of registration; without `v` a line. Throws
/// std::invalid_argument that names the first parameter whose tensor differs in shape, type or
/// device, or is not finite, and for a direction of zeros.
Plane given_plane(const Network& network, const std::vector<at::Tensor>& u,
                  const std::vector<at::Tensor>& v = {});

/// The same through any point; the parameters are then named by their position, "0", "1", ...
Plane given_plane(const std::vector<at::Tensor>& center, const std::vector<at::Tensor>& u,
                  const std::vector<at::Tensor>& v = {});

/// ||center + alpha * u + beta * v||^2 over all parameters: what weight decay adds to the loss, to
/// be multiplied by half its factor and drawn apart. Exact: it is a quadratic of six numbers.
Grid squared_norm(const Plane& plane, const Axis& x, const Axis& y);

}  // namespace descent
