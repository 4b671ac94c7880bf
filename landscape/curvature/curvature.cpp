#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <random>
#include <sstream>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <torch/version.h>

#include <descent/base/random.h>
#include <descent/landscape/curvature/curvature.h>
#include <descent/landscape/curvature/hessian.h>
#include <descent/landscape/curvature/lanczos.h>
#include <descent/landscape/evaluate/refuse.h>

namespace descent {
namespace {

using at::Tensor;
using landscape::Hessian;
using landscape::Krylov;
using landscape::refuse;
using landscape::Ritz;

constexpr int64_t kFewestProbes = 8;

void check_at_least(const char* who, const char* field, int64_t value, int64_t least) {
  if (value < least) refuse(who, ": ", field, " = ", value, ", must be at least ", least);
}

void check_not_negative(const char* who, const char* field, double value) {
  if (!(value >= 0) || std::isinf(value)) {
    refuse(who, ": ", field, " = ", value, ", must be finite and not negative");
  }
}

/// Vectors of random entries that are the same on every machine.
class Draws {
 public:
  Draws(uint64_t seed, const Hessian& hessian) : generator_(seed), hessian_(hessian) {}

  /// Uniform in [-1, 1).
  Tensor uniform() {
    return vector([this] { return symmetric(generator_); });
  }
  /// 1 or -1.
  Tensor signs() {
    return vector([this] { return generator_() >> 63 ? 1. : -1.; });
  }

 private:
  template <class Draw>
  Tensor vector(const Draw& draw) {
    const Tensor result = at::empty({hessian_.size()}, at::kDouble);
    std::generate_n(result.mutable_data_ptr<double>(), hessian_.size(), draw);
    return result.to(hessian_.vectors());
  }

  std::mt19937_64 generator_;
  const Hessian& hessian_;
};

/// A basis of up to `wanted` vectors, in double if they fit into the memory, else in the type of the
/// parameters, and not more than fit. At least `least` must.
Krylov basis_of(const Hessian& hessian, int64_t memory, int64_t wanted, int64_t least) {
  const int64_t n = hessian.size();
  wanted = std::min(wanted, n);
  least = std::min(least, n);
  const auto bytes = [n](const at::TensorOptions& options) {
    return n * static_cast<int64_t>(options.dtype().itemsize());
  };
  const auto fit = [&](const at::TensorOptions& options) {
    return std::max<int64_t>(memory, 0) / bytes(options);
  };
  at::TensorOptions options = hessian.vectors().dtype(at::kDouble);
  if (wanted > fit(options)) options = hessian.vectors();
  const int64_t capacity = std::min(wanted, fit(options));
  if (capacity < least) {
    refuse(hessian.who(), ": memory = ", memory, " bytes, but ", least, " vectors of ",
           bytes(options), " bytes are needed");
  }
  return Krylov(capacity, n, options);
}

void check_eigen(const Hessian& hessian, const CurvatureOptions& options) {
  const char* const who = hessian.who();
  check_at_least(who, "eigenvalues", options.eigenvalues, 1);
  if (options.eigenvalues > hessian.size()) {
    refuse(who, ": eigenvalues = ", options.eigenvalues, ", but there are only ", hessian.size(),
           " parameters");
  }
  check_at_least(who, "max_products", options.max_products, options.eigenvalues);
  check_not_negative(who, "tolerance", options.tolerance);
}

/// The positions of the first `count` of the ascending values, from `end`.
std::vector<int64_t> first_of(const Tensor& values, End end, int64_t count) {
  std::vector<int64_t> order(static_cast<size_t>(values.numel()));
  std::iota(order.begin(), order.end(), 0);
  const double* const value = values.const_data_ptr<double>();
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    switch (end) {
      case End::Smallest:
        return value[a] < value[b];
      case End::Magnitude:
        return std::abs(value[a]) > std::abs(value[b]);
      default:
        return value[a] > value[b];
    }
  });
  order.resize(std::min(order.size(), static_cast<size_t>(count)));
  return order;
}

/// With the sign that makes the entry of largest magnitude positive.
Tensor signed_by_largest(const Tensor& vector) {
  return vector[vector.abs().argmax().item<int64_t>()].item<double>() < 0 ? -vector : vector;
}

Eigenpairs eigenpairs(Hessian& hessian, const CurvatureOptions& options) {
  const int64_t k = options.eigenvalues, n = hessian.size();
  const int64_t most = std::min(options.max_products, n) + k;  // vectors, without a restart
  Krylov krylov = basis_of(hessian, options.memory, most, std::min(most, 4 * k));
  Draws draws(options.seed, hessian);
  while (krylov.size() < k) krylov.add(draws.uniform());

  Eigenpairs result;
  Ritz ritz;
  std::vector<int64_t> first;
  for (int64_t next_look = k;;) {
    if (krylov.full()) {
      ritz = krylov.ritz();
      krylov.restart(ritz,
                     first_of(ritz.values, options.end, std::max(k, krylov.multiplied() / 2 - k)));
    }
    // Where the products span a subspace of their own, look beyond it.
    while (!krylov.waiting()) krylov.add(draws.uniform());
    krylov.expand([&](const Tensor& v) { return hessian.times(v); });
    ++result.products;
    const bool last =
        result.products == options.max_products || krylov.multiplied() == n || hessian.stopped();
    if (!last && result.products < next_look) continue;

    ritz = krylov.ritz();
    const double lowest = ritz.values[0].item<double>(), highest = ritz.values[-1].item<double>();
    result.lowest = std::fmin(result.lowest, lowest);
    result.highest = std::fmax(result.highest, highest);
    first = first_of(ritz.values, options.end, k);
    const double scale = std::max(-result.lowest, result.highest);
    result.converged = static_cast<int64_t>(first.size()) == k &&
                       std::all_of(first.begin(), first.end(), [&](int64_t i) {
                         return ritz.residuals[i].item<double>() <= options.tolerance * scale;
                       });
    if (last || result.converged) break;
    next_look = result.products + std::max(k, result.products / 8);
  }
  for (const int64_t i : first) {
    result.values.push_back(ritz.values[i].item<double>());
    result.residuals.push_back(ritz.residuals[i].item<double>());
    result.vectors.push_back(hessian.split(signed_by_largest(krylov.vector(ritz, i))));
  }
  return result;
}

void check_trace(const Hessian& hessian, const CurvatureOptions& options) {
  check_at_least(hessian.who(), "trace_probes", options.trace_probes, 1);
  check_not_negative(hessian.who(), "trace_tolerance", options.trace_tolerance);
}

HessianTrace trace_of(Hessian& hessian, const CurvatureOptions& options) {
  HessianTrace result;
  Draws draws(options.seed, hessian);
  double mean = 0, squares = 0;  // of the deviations (Welford 1962)
  while (result.probes < options.trace_probes && !hessian.stopped()) {
    const Tensor z = draws.signs();
    const double sample = (z * hessian.times(z)).sum(at::kDouble).item<double>();
    const auto count = static_cast<double>(++result.probes);
    const double change = sample - mean;
    mean += change / count;
    squares += change * (sample - mean);
    result.value = mean;
    if (result.probes > 1) result.error = std::sqrt(squares / (count - 1) / count);
    if (result.probes >= kFewestProbes &&
        result.error <= options.trace_tolerance * std::abs(mean)) {
      break;
    }
  }
  return result;
}

void check_density(const Hessian& hessian, const CurvatureOptions& options) {
  check_at_least(hessian.who(), "density_probes", options.density_probes, 1);
  check_at_least(hessian.who(), "density_steps", options.density_steps, 1);
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  if (options.density_probes > kMost / options.density_steps) {
    refuse(hessian.who(), ": density_probes = ", options.density_probes,
           " times density_steps = ", options.density_steps, ", must be at most ", kMost);
  }
}

SpectralDensity density_of(Hessian& hessian, const CurvatureOptions& options) {
  SpectralDensity result;
  result.parameters = hessian.size();
  Draws draws(options.seed, hessian);
  std::vector<std::pair<double, double>> nodes;
  int64_t probes = 0;
  while (probes < options.density_probes && !hessian.stopped()) {
    Krylov krylov = basis_of(hessian, options.memory, options.density_steps, 1);
    krylov.add(draws.signs());
    while (krylov.multiplied() < options.density_steps && krylov.waiting() && !hessian.stopped()) {
      krylov.expand([&](const Tensor& v) { return hessian.times(v); });
      ++result.products;
    }
    const Ritz ritz = krylov.ritz();
    for (int64_t i = 0; i < ritz.values.numel(); ++i) {
      const double root = ritz.coefficients[0][i].item<double>();
      nodes.emplace_back(ritz.values[i].item<double>(), root * root);
    }
    ++probes;
  }
  std::sort(nodes.begin(), nodes.end());
  for (const auto& [node, weight] : nodes) {
    result.nodes.push_back(node);
    result.weights.push_back(weight / static_cast<double>(probes));
  }
  return result;
}

double sharpness_of(Hessian& hessian, double rho) {
  check_not_negative(hessian.who(), "rho", rho);
  const double norm = hessian.gradient().norm().item<double>();
  if (norm == 0) return 0;
  return hessian.loss_at(hessian.gradient() * (rho / norm)) - hessian.loss();
}

std::string shortened(double number) {
  std::ostringstream text;
  text.precision(3);
  text << number;
  return text.str();
}

}  // namespace

Eigenpairs top_eigenvalues(const Network& network, const Metric& loss, const Batches& data,
                           const CurvatureOptions& options) {
  Hessian hessian("top_eigenvalues", network, loss, data, options);
  check_eigen(hessian, options);
  hessian.plan({std::min(options.max_products, hessian.size())});
  return eigenpairs(hessian, options);
}

HessianTrace hessian_trace(const Network& network, const Metric& loss, const Batches& data,
                           const CurvatureOptions& options) {
  Hessian hessian("hessian_trace", network, loss, data, options);
  check_trace(hessian, options);
  hessian.plan({options.trace_probes});
  return trace_of(hessian, options);
}

SpectralDensity spectral_density(const Network& network, const Metric& loss, const Batches& data,
                                 const CurvatureOptions& options) {
  Hessian hessian("spectral_density", network, loss, data, options);
  check_density(hessian, options);
  hessian.plan({options.density_probes * options.density_steps});
  return density_of(hessian, options);
}

double sharpness(const Network& network, const Metric& loss, const Batches& data,
                 const CurvatureOptions& options) {
  Hessian hessian("sharpness", network, loss, data, options);
  return sharpness_of(hessian, options.rho);
}

std::vector<at::Tensor> hessian_vector_product(const Network& network, const Metric& loss,
                                               const Batches& data,
                                               const std::vector<at::Tensor>& v,
                                               const CurvatureOptions& options) {
  Hessian hessian("hessian_vector_product", network, loss, data, options);
  hessian.plan({1});
  return hessian.split(hessian.times(hessian.joined(v)));
}

Plane hessian_plane(const Network& network, const Metric& loss, const Batches& data,
                    const CurvatureOptions& options) {
  Hessian hessian("hessian_plane", network, loss, data, options);
  CurvatureOptions of_two = options;
  of_two.eigenvalues = std::min<int64_t>(2, hessian.size());
  check_eigen(hessian, of_two);
  hessian.plan({std::min(options.max_products, hessian.size())});
  Eigenpairs eigen = eigenpairs(hessian, of_two);

  Plane plane;
  plane.names = hessian.all().names;
  plane.aliases = hessian.all().aliases;
  for (const Tensor& tensor : hessian.all().tensors)
    plane.center.push_back(tensor.detach().clone());
  plane.u = std::move(eigen.vectors.at(0));
  plane.how = "Hessian eigenvector, eigenvalue " + shortened(eigen.values[0]);
  if (eigen.vectors.size() == 2) {
    plane.v = std::move(eigen.vectors[1]);
    const char* const which = options.end == End::Largest    ? "top two"
                              : options.end == End::Smallest ? "lowest two"
                                                             : "two largest";
    plane.how = std::string(which) + " Hessian eigenvectors, eigenvalues " +
                shortened(eigen.values[0]) + " and " + shortened(eigen.values[1]);
  }
  plane.how += landscape::described(hessian.frozen());
  if (!eigen.converged) {
    plane.how += ", not converged: residuals up to " +
                 shortened(*std::max_element(eigen.residuals.begin(), eigen.residuals.end()));
  }
  plane.seed = options.seed;
  plane.eigenvalues = std::move(eigen.values);
  return plane;
}

Curvature curvature(const Network& network, const Metric& loss, const Batches& data,
                    const CurvatureOptions& options) {
  Hessian hessian("curvature", network, loss, data, options);
  check_eigen(hessian, options);
  check_trace(hessian, options);
  check_density(hessian, options);
  check_not_negative(hessian.who(), "rho", options.rho);
  hessian.plan({std::min(options.max_products, hessian.size()), options.trace_probes,
                options.density_probes * options.density_steps});
  Curvature result;
  result.loss = hessian.loss();
  result.gradient_norm = hessian.gradient().norm().item<double>();
  result.sharpness = sharpness_of(hessian, options.rho);
  result.eigen = eigenpairs(hessian, options);
  hessian.next_part();
  result.trace = trace_of(hessian, options);
  hessian.next_part();
  result.density = density_of(hessian, options);

  result.notes["metric"] = loss.name;
  result.notes["network"] = network.model().type();
  result.notes["parameters"] = std::to_string(hessian.size());
  if (!options.only.empty()) result.notes["only"] = options.only;
  result.notes["batch_norm"] = to_text(fields::value_of(
      options.batch_norm == BatchNorm::Batch ? BatchNorm::Batch : BatchNorm::Keep));
  const auto frozen = std::count(hessian.frozen().begin(), hessian.frozen().end(), true);
  if (frozen > 0) result.notes["frozen"] = std::to_string(frozen);
  result.notes["rho"] = shortened(options.rho);
  result.notes["seed"] = std::to_string(options.seed);
  result.notes["torch"] = TORCH_VERSION;
  if (hessian.stopped()) result.notes["stopped"] = "on_progress returned false";
  return result;
}

Grid SpectralDensity::grid(int64_t points, double width) const {
  const char* const who = "SpectralDensity::grid";
  if (nodes.empty()) refuse(who, ": there are no nodes");
  check_at_least(who, "points", points, 2);
  check_not_negative(who, "width", width);
  const double range = nodes.back() - nodes.front();
  if (width == 0) width = 0.01 * (range > 0 ? range : std::max(1., std::abs(nodes.front())));
  Grid grid;
  grid.x = {nodes.front() - 5 * width, nodes.back() + 5 * width, points};
  grid.y = {0, 0, 1};
  grid.x_name = "eigenvalue";
  grid.y_name = "";
  grid.value_name = "density";
  grid.notes["width"] = shortened(width);
  const double one = 1 / (width * std::sqrt(2 * std::numbers::pi));  // the peak of all of them
  const double least = 0.01 * one / static_cast<double>(std::max<int64_t>(parameters, 1));
  for (int64_t j = 0; j < points; ++j) {
    double density = 0;
    for (size_t i = 0; i < nodes.size(); ++i) {
      const double away = (grid.x.at(j) - nodes[i]) / width;
      density += weights[i] * std::exp(-0.5 * away * away);
    }
    grid.values.push_back(std::max(density * one, least));
  }
  return grid;
}

}  // namespace descent
