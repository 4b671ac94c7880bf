#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <span>
#include <sstream>

#include <ATen/TensorOperators.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/zeros_like.h>

#include <descent/base/random.h>
#include <descent/tune/many/self_check.h>

namespace descent::many {
namespace {

constexpr size_t kChecked = 3;
constexpr int64_t kSteps = 100;
/// How many times what one rounding of the weights changes may be changed by all of those in a step.
constexpr double kRoundings = 200;
/// A change of the loss, in parts of it, from which on rounding decides.
constexpr double kChaos = 0.01;

/// Weights that differ by about one rounding each.
Tensors nudged(const Tensors& weights) {
  std::mt19937_64 bits(2024);
  Tensors result;
  for (const at::Tensor& weight : weights) {
    const double eps = weight.scalar_type() == at::kDouble ? 0x1p-52 : 0x1p-23;
    at::Tensor factors = at::zeros_like(weight, at::kDouble).contiguous();
    auto* const numbers = factors.mutable_data_ptr<double>();
    for (int64_t i = 0; i < factors.numel(); ++i) numbers[i] = 1 + (bits() & 1 ? eps : -eps);
    result.push_back((weight.to(at::kDouble) * factors).to(weight.scalar_type()));
  }
  return result;
}

double norm(const Tensors& x, const Tensors* minus = nullptr) {
  double sum = 0;
  for (size_t k = 0; k < x.size(); ++k) {
    if (!x[k].defined()) continue;
    at::Tensor difference = x[k].to(at::kDouble);
    if (minus) difference = difference - (*minus)[k].to(at::kDouble);
    sum += difference.square().sum().item<double>();
  }
  return std::sqrt(sum);
}

std::string differs(const FastTraining& path, const std::string& who, const std::string& what,
                    double fast, double sure) {
  std::ostringstream text;
  text.precision(9);
  text << "the " << to_text(fields::value_of(path.path())) << " path failed its self-check at "
       << who << ": " << what << " is " << fast << " instead of " << sure;
  return text.str();
}

}  // namespace

std::string self_check(const Job& job, FastTraining& fast, Single& single,
                       std::string* description) {
  const bool squares = job.loss.traits.squares;
  const double rounding = job.parameters.tensors[0].scalar_type() == at::kDouble ? 1e-11 : 1e-5;
  const int64_t steps = std::min(kSteps, job.options.steps);
  std::mt19937_64 bits(2018);
  std::vector<size_t> chosen;
  std::vector<Candidate> candidates;
  for (size_t k = 0; k < kChecked; ++k) {
    chosen.push_back(static_cast<size_t>(bits() % job.candidates.size()));
    candidates.push_back(job.candidates[chosen.back()]);
  }
  std::vector<Trained> all;
  for (size_t k = 0; k < kChecked; k = all.size()) {
    const auto together = std::min(kChecked - k, static_cast<size_t>(fast.at_once()));
    for (Trained& trained : fast.train(0, std::span(candidates).subspan(k, together), steps))
      all.push_back(std::move(trained));
  }
  double worst = 0;
  int64_t compared = 0, gradients = 0;
  for (size_t k = 0; k < kChecked; ++k) {
    const Candidate& candidate = job.candidates[chosen[k]];
    const std::string who = job.name_of(candidate);
    const Tensors initial = job.initial(candidate), other = nudged(initial);

    const auto [own_loss, own] = fast.gradient(0, candidate);
    const auto [sure_loss, sure] = single.gradient(initial);
    const auto [other_loss, moved] = single.gradient(other);
    const double size = norm(sure), gap = norm(own, &sure);
    if (std::isfinite(size) && std::isfinite(sure_loss)) {
      ++gradients;
      if (!(gap <= rounding * size + kRoundings * norm(moved, &sure)))
        return differs(fast, who, "the length of the first gradient's error", gap, 0);
      if (size > 0) worst = std::max(worst, gap / size);
    }

    const Trained& tried = all[k];
    const Trained right = single.train(candidate, initial, steps);
    const Trained beside = single.train(candidate, other, steps);
    double amplified = 0;
    const size_t shared = std::min(right.losses.size(), beside.losses.size());
    for (size_t t = 0; t < shared; ++t) {
      const double a = right.losses[t], b = beside.losses[t];
      // Near a minimum the mean of squares amplifies rounding without bound, its root does not.
      const auto measured = [&](double x) { return squares ? std::sqrt(x) : x; };
      const double scale = squares ? std::sqrt(a) + std::sqrt(right.first) : std::abs(a) + 1;
      if (!std::isfinite(a) || !std::isfinite(b)) break;
      amplified = std::max(amplified, std::abs(measured(a) - measured(b)) / scale);
      if (kRoundings * amplified > kChaos) break;
      const double found = t < tried.losses.size()
                               ? std::abs(measured(tried.losses[t]) - measured(a)) / scale
                               : kInfinity;
      if (!(found <= rounding + kRoundings * amplified))
        return differs(fast, who, "the loss of step " + std::to_string(t),
                       t < tried.losses.size() ? tried.losses[t] : kInfinity, a);
      worst = std::max(worst, found);
      ++compared;
    }
  }
  if (gradients == 0 || compared == 0)
    return "the " + to_text(fields::value_of(fast.path())) +
           " path cannot be checked: no gradient that was tried is finite";
  char text[120];
  std::snprintf(text, sizeof text, "%zu trainings equal single ones within %.1e over %lld losses",
                kChecked, worst, static_cast<long long>(compared));
  *description = text;
  return "";
}

}  // namespace descent::many
