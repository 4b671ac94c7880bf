#include <algorithm>
#include <cmath>

#include <torch/optim/schedulers/step_lr.h>

#include <descent/optim/schedules/classic.h>
#include <descent/optim/schedules/wave.h>

namespace descent {
namespace {

std::string lambda_problem(const char* name, const Lambdas& lambdas, size_t groups) {
  if (lambdas.size() != 1 && lambdas.size() != groups)
    return std::string(name) + ": lr_lambda = " + std::to_string(lambdas.size()) +
           " functions, must be one, or one for each group, of which there are " +
           std::to_string(groups);
  for (const auto& lambda : lambdas)
    if (!lambda) return std::string(name) + ": lr_lambda = empty, must be a function";
  return "";
}

double call(const Lambdas& lambdas, size_t group, int64_t n) {
  return (lambdas.size() == 1 ? lambdas.front() : lambdas.at(group))(n);
}

}  // namespace

double TimeBased::at(double base, int64_t n) const {
  if (mode == TimeBasedMode::Hyperbolic) return base / (1 + d * static_cast<double>(n));
  for (int64_t k = 1; k <= n && base != 0; ++k) base = step(base, base, k);
  return base;
}
double TimeBased::step(double base, double previous, int64_t n) const {
  if (mode == TimeBasedMode::Hyperbolic) return at(base, n);
  return previous / (1 + d * static_cast<double>(n - 1));
}
double TimeBased::next(double base, double present, int64_t n) const {
  if (n == 0) return present;
  if (mode == TimeBasedMode::Hyperbolic) return present * (at(1, n) / at(1, n - 1));
  return step(base, present, n);
}

double StepBased::scale(int64_t n) const { return std::pow(d, static_cast<double>((1 + n) / r)); }

double ExponentialE::scale(int64_t n) const { return std::exp(-d * static_cast<double>(n)); }

double StepLR::scale(int64_t n) const {
  return std::pow(gamma, static_cast<double>(n / step_size));
}

StepLR::operator torch::optim::LRScheduler&() {
  TORCH_CHECK(
      libtorch.optimizer != nullptr,
      "StepLR: has no optimizer, must be made as StepLR(optimizer, step_size, gamma), or be "
      "given to a Scheduler, whose step() drives it");
  if (libtorch.scheduler == nullptr) {
    const std::string problem = fields::problem(*this);
    TORCH_CHECK(problem.empty(), name, ": ", problem);
    libtorch.scheduler = std::make_shared<torch::optim::StepLR>(
        *libtorch.optimizer, static_cast<unsigned>(step_size), gamma);
  }
  return *libtorch.scheduler;
}

void StepLR::step() { static_cast<torch::optim::LRScheduler&>(*this).step(); }

double MultiStepLR::scale(int64_t n) const {
  const auto passed = std::count_if(milestones.begin(), milestones.end(),
                                    [n](int64_t milestone) { return milestone <= n; });
  return std::pow(gamma, static_cast<double>(passed));
}

double ExponentialLR::scale(int64_t n) const { return std::pow(gamma, static_cast<double>(n)); }

double LinearLR::scale(int64_t n) const {
  return start_factor + (end_factor - start_factor) * part(std::min(n, total_iters), total_iters);
}

std::optional<double> PolynomialLR::scale(int64_t n) const {
  if (end_lr != 0) return {};
  return at(1, n);
}
double PolynomialLR::at(double base, int64_t n) const {
  return end_lr +
         (base - end_lr) * std::pow(1 - part(std::min(n, total_iters), total_iters), power);
}
double PolynomialLR::next(double, double present, int64_t n) const {
  if (n == 0 || n > total_iters) return present;
  const double shrunk = (1 - part(n, total_iters)) / (1 - part(n - 1, total_iters));
  return end_lr + (present - end_lr) * std::pow(shrunk, power);
}

double CosineAnnealingLR::at(double base, int64_t n) const {
  if (clamp && n > T_max) n = T_max;
  return eta_min + (base - eta_min) * half_wave(part(n, T_max));
}
double CosineAnnealingLR::next(double base, double present, int64_t n) const {
  if (n == 0 || (clamp && n > T_max)) return present;
  // The wave was 0 at n - 1, so that no factor leads up from there.
  if ((n - 1 - T_max) % (2 * T_max) == 0)
    return present + (base - eta_min) * half_wave(part(T_max - 1, T_max));
  return eta_min +
         (present - eta_min) * (half_wave(part(n, T_max)) / half_wave(part(n - 1, T_max)));
}

double WSD::scale(int64_t n) const {
  double f = 0;
  if (n < W) {
    const double p = part(n, W);
    f = warm == WsdShape::Linear   ? p
        : warm == WsdShape::Cosine ? 1 - half_wave(p)
                                   : 1 - std::sqrt(1 - p);
  } else if (n < W + S) {
    f = 1;
  } else if (n < W + S + D) {
    const double p = part(n - W - S, D);
    f = decay == WsdShape::Linear   ? 1 - p
        : decay == WsdShape::Cosine ? half_wave(p)
                                    : 1 - std::sqrt(p);
  }
  return f * (1 - min) + min;
}

double InverseSqrt::scale(int64_t n) const {
  if (n < W) return part(n, W);
  const double time_scale = s.value_or(static_cast<double>(W));
  return 1 / std::sqrt((static_cast<double>(n - W) + time_scale) / time_scale);
}

/// How much of swa_lr there is at n.
double SWALR::weight(int64_t n) const {
  const double p = std::min(1.0, part(n, std::max<int64_t>(anneal_epochs, 1)));
  return anneal_strategy == AnnealStrategy::Cos ? 1 - half_wave(p) : p;
}
double SWALR::at(const BaseRate& base, int64_t n) const { return next(base, base.lr, n, 0); }
double SWALR::next(const BaseRate& base, double present, int64_t n) const {
  return next(base, present, n, std::max<int64_t>(n - 1, 0));
}
/// The rate of n, where `present` is that of `before`.
double SWALR::next(const BaseRate& base, double present, int64_t n, int64_t before) const {
  const double end = swa_lr.of(base.group), gone = weight(before);
  const double now = weight(anneal_epochs == 0 ? std::max<int64_t>(n, 1) : n);
  const double start = gone == 1 ? end : (present - gone * end) / (1 - gone);
  return now * end + (1 - now) * start;
}

std::string LambdaLR::problem(size_t groups) const {
  return lambda_problem(name, lr_lambda, groups);
}
double LambdaLR::at(const BaseRate& base, int64_t n) const {
  return base.lr * call(lr_lambda, base.group, n);
}

std::string MultiplicativeLR::problem(size_t groups) const {
  return lambda_problem(name, lr_lambda, groups);
}
double MultiplicativeLR::at(const BaseRate& base, int64_t n) const {
  double rate = base.lr;
  for (int64_t k = 1; k <= n; ++k) rate = step(base, rate, k);
  return rate;
}
double MultiplicativeLR::step(const BaseRate& base, double previous, int64_t n) const {
  return previous * call(lr_lambda, base.group, n);
}
double MultiplicativeLR::next(const BaseRate& base, double present, int64_t n) const {
  return n == 0 ? present : step(base, present, n);
}
double MultiplicativeLR::resume(const BaseRate& base, double present) const {
  return step(base, present, 0);
}

}  // namespace descent
