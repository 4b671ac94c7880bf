#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <descent/grid/grid.h>
#include <descent/landscape/data/data.h>
#include <descent/landscape/data/metric.h>
#include <descent/landscape/network/batch_norm.h>
#include <descent/landscape/network/network.h>
#include <descent/landscape/planes/plane.h>

/// The curvature of a loss at the network's present weights theta. H is the Hessian of the loss
/// over all batches (see Metric) with respect to the distinct parameters, and is never formed:
/// everything is computed from products H v, each of them exact up to rounding (Pearlmutter 1994,
/// by differentiating <gradient, v>). They work on a clone: the network is never changed and gets
/// no gradients, also when an exception passes. Where the loss has kinks (ReLU), H is that of the
/// smooth piece around theta. Parameters that are frozen do not count, see
/// CurvatureOptions::frozen.
///
/// Everything here throws std::invalid_argument for a network without parameters or that cannot be
/// cloned, one that `only` names where there is none, options out of range, data that is
/// empty, a metric of more than one element, a loss that has no gradient with respect to the
/// parameters or cannot be differentiated twice (with LibTorch's words), and a loss or a product
/// that is not finite. Everything is computed on the calling thread, so the same call gives the
/// same bits whatever the number of LibTorch's threads.
namespace descent {

/// Which eigenvalues of H.
///   Largest    the largest ones: the steepest valleys
///   Smallest   the smallest ones: negative curvature
///   Magnitude  the largest absolute values, as power iteration finds them (PyHessian)
DESCENT_ENUM(End, Largest, Smallest, Magnitude)

/// Each function uses the first five and those that bear its name.
struct CurvatureOptions {
  /// The parameters whose name begins so ("layer4."), or fits the pattern if there is a "*" in it
  /// ("*lora*", "head.*"); empty: all of them.
  std::string only{};
  /// Whether parameters that are frozen (requires_grad is false) count as well. Where all of them
  /// are, as in a network that was loaded for inference, all count.
  bool frozen = false;
  BatchNorm batch_norm = BatchNorm::Keep;  ///< Keep (which is Auto as well) or Batch
  uint64_t seed = 0;                       ///< of the vectors that are drawn
  /// Called after each product with the finished fraction of the most that there can be; false
  /// stops the work, and what is known by then is returned.
  std::function<bool(double)> on_progress{};

  int64_t eigenvalues = 5;  ///< how many, at most the number of parameters (of hessian_plane: 2)
  End end = End::Largest;   ///< which
  double tolerance = 1e-4;  ///< of the residuals, relative to the largest absolute eigenvalue
  int64_t max_products = 1000;  ///< no more are computed for the eigenvalues
  /// Bytes for the vectors of the eigenvalues and of the density, which are kept in double where
  /// that fits. Fewer vectors take more products, and the density fewer steps.
  int64_t memory = int64_t{1} << 30;

  int64_t trace_probes = 100;     ///< at most
  double trace_tolerance = 0.01;  ///< enough if the standard error is this part of the trace

  int64_t density_probes = 4;
  int64_t density_steps = 64;  ///< of Lanczos for each probe

  double rho = 0.05;  ///< radius of the sharpness
};

/// Eigenvalues of H, the first one the largest (End::Largest), the smallest or the largest absolute
/// value.
struct Eigenpairs {
  std::vector<double> values{};
  std::vector<std::vector<at::Tensor>> vectors{};  ///< of length 1, each as Plane::center
  std::vector<double> residuals{};  ///< ||H v - lambda v||: an eigenvalue lies as near as that
  double lowest = std::numeric_limits<double>::quiet_NaN();   ///< H has one as small as this, and
  double highest = std::numeric_limits<double>::quiet_NaN();  ///< one as large as this
  int64_t products = 0;
  bool converged = false;  ///< every residual is within the tolerance
};

/// Eigenvalues with their vectors by block Lanczos with full reorthogonalisation and thick restarts
/// (Golub and Underwood 1977; Wu and Simon 2000). The blocks are as wide as eigenvalues are asked
/// for, so that multiple ones are found as often as they occur. Of a vector's two signs it has the
/// one that makes its entry of largest magnitude positive.
Eigenpairs top_eigenvalues(const Network& network, const Metric& loss, const Batches& data,
                           const CurvatureOptions& options = {});

/// The trace of H by probing it with random signs z, E <z, H z> = trace H (Hutchinson 1990). At
/// least 8 probes where options.trace_probes allows; the error is NaN of a single one.
struct HessianTrace {
  double value = std::numeric_limits<double>::quiet_NaN();
  double error = std::numeric_limits<double>::quiet_NaN();  ///< standard error of the mean
  int64_t probes = 0;
};
HessianTrace hessian_trace(const Network& network, const Metric& loss, const Batches& data,
                           const CurvatureOptions& options = {});

/// How the eigenvalues of H are distributed: the share weights[i] of them lies about nodes[i].
struct SpectralDensity {
  std::vector<double> nodes{};    ///< ascending
  std::vector<double> weights{};  ///< their sum is 1
  int64_t parameters = 0;         ///< the number of all eigenvalues
  int64_t products = 0;

  /// The density as a curve of `points` points: each node a Gaussian of standard deviation `width`;
  /// 0: a hundredth of the range of the nodes. Its integral is 1. Most of it lies at zero: draw
  /// .log(), for which it is nowhere less than a hundredth of a single eigenvalue's peak. Throws
  /// std::invalid_argument without nodes and for arguments out of range.
  Grid grid(int64_t points = 512, double width = 0) const;
};

/// The spectral density by stochastic Lanczos quadrature: Gauss's rule for each of several random
/// probes (Ghorbani, Krishnan and Xiao 2019, arXiv:1901.10159; the quadrature is Golub and
/// Welsch's).
SpectralDensity spectral_density(const Network& network, const Metric& loss, const Batches& data,
                                 const CurvatureOptions& options = {});

/// How much the loss grows at the distance rho along the gradient g:
/// L(theta + rho g / ||g||) - L(theta) (Foret et al. 2021, arXiv:2010.01412). 0 where g is.
double sharpness(const Network& network, const Metric& loss, const Batches& data,
                 const CurvatureOptions& options = {});

/// H v, `v` and the result as Plane::center. With options.only both are zero elsewhere, and what
/// `v` has there is not read.
std::vector<at::Tensor> hessian_vector_product(const Network& network, const Metric& loss,
                                               const Batches& data,
                                               const std::vector<at::Tensor>& v,
                                               const CurvatureOptions& options = {});

/// The plane through the network's present parameters along the first two eigenvectors of H, of
/// length 1; of a network with a single parameter the line.
Plane hessian_plane(const Network& network, const Metric& loss, const Batches& data,
                    const CurvatureOptions& options = {});

/// All of it.
struct Curvature {
  double loss = std::numeric_limits<double>::quiet_NaN();
  double gradient_norm = std::numeric_limits<double>::quiet_NaN();
  double sharpness = std::numeric_limits<double>::quiet_NaN();
  Eigenpairs eigen{};
  HessianTrace trace{};
  SpectralDensity density{};
  std::map<std::string, std::string> notes{};  ///< provenance: seed, parameters, versions

  /// Writes all but the eigenvectors as .json, laid out as landscape/curvature/curvature_json.cpp
  /// says. The file is complete or absent. std::invalid_argument: another extension;
  /// std::runtime_error: the file cannot be written.
  void save(const std::filesystem::path& path) const;
};

Curvature curvature(const Network& network, const Metric& loss, const Batches& data,
                    const CurvatureOptions& options = {});

}  // namespace descent
