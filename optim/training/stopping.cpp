#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <descent/optim/training/stopping.h>
#include <descent/tensors/fit.h>
#include <descent/tensors/record.h>

namespace descent {
namespace {

constexpr const char* kEarlyStopping = "EarlyStopping";

/// Whether no |element| is above `tol`; false for NaN.
bool within(const at::Tensor& values, double tol) {
  return values.numel() == 0 || values.abs().max().item<double>() <= tol;
}

std::vector<at::Tensor> copies(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> list;
  for (const at::Tensor& x : tensors) list.push_back(x.detach().clone());
  return list;
}

}  // namespace

Convergence::Convergence(std::vector<at::Tensor> params, std::vector<ConvergenceTest> tests)
    : params_(std::move(params)), tests_(std::move(tests)) {
  TORCH_CHECK(!params_.empty(), "Convergence: params is empty, must hold a tensor");
  for (size_t i = 0; i < params_.size(); ++i)
    TORCH_CHECK(params_[i].defined(), "Convergence: params[", i,
                "] is undefined, must be a tensor");
  TORCH_CHECK(!tests_.empty(), "Convergence: tests is empty, must hold a test");
  for (const auto& test : tests_)
    std::visit(
        [](const auto& one) {
          const std::string problem = fields::problem(one);
          TORCH_CHECK(problem.empty(), one.name, ": ", problem);
        },
        test);
  for (const auto& test : tests_)
    if (std::holds_alternative<StepTest>(test) && before_.empty()) before_ = copies(params_);
}

bool Convergence::check() {
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < before_.size(); ++i)
    TORCH_CHECK(params_[i].sizes() == before_[i].sizes(), "Convergence: params[", i, "] has sizes ",
                params_[i].sizes(), ", must have ", before_[i].sizes(), " as before");
  ++n_;
  reason_.clear();
  for (const auto& test : tests_)
    std::visit(
        [this](const auto& one) {
          if (reason_.empty() && holds(one)) reason_ = one.name;
        },
        test);
  for (size_t i = 0; i < before_.size(); ++i) before_[i].copy_(params_[i]);
  return !reason_.empty();
}

bool Convergence::holds(const GradientTest& test) const {
  bool any = false;
  for (const at::Tensor& p : params_) {
    const at::Tensor& g = p.grad();
    if (!g.defined()) continue;
    any = true;
    if (!within(g.is_sparse() ? g.coalesce().values() : g, test.tol)) return false;
  }
  return any;
}

bool Convergence::holds(const StepTest& test) const {
  for (size_t i = 0; i < params_.size(); ++i)
    if (!within(params_[i] - before_[i], test.tol)) return false;
  return true;
}

EarlyStopping::EarlyStopping(const Options& options, std::vector<at::Tensor> weights)
    : options_(options), weights_(std::move(weights)) {
  const std::string problem = fields::problem(options_);
  TORCH_CHECK(problem.empty(), kEarlyStopping, ": ", problem);
  TORCH_CHECK(!options_.restore_best || !weights_.empty(), kEarlyStopping,
              ": restore_best = true, must be false without weights");
  for (size_t i = 0; i < weights_.size(); ++i)
    TORCH_CHECK(weights_[i].defined(), kEarlyStopping, ": weights[", i,
                "] is undefined, must be a tensor");
}

bool EarlyStopping::improves(double metric, const std::optional<double>& on) const {
  if (std::isnan(metric)) return false;
  if (!on) return true;
  const double delta = std::abs(options_.min_delta);
  return options_.mode == MetricMode::Min ? metric + delta < *on : metric - delta > *on;
}

void EarlyStopping::remember() {
  if (options_.restore_best) best_weights_ = copies(weights_);
}

bool EarlyStopping::check(double metric) {
  check_weights();
  const int64_t e = n_++;
  if (e < options_.start_from) return false;
  // A first metric that is NaN is no best, but there is nothing better to go back to.
  if (best_weights_.empty()) remember();
  ++wait_;
  if (improves(metric, best_)) {
    best_ = metric;
    best_check_ = e;
    remember();
    if (!options_.baseline || improves(metric, options_.baseline)) wait_ = 0;
    return false;
  }
  if (wait_ < options_.patience || e == 0) return false;
  restore();
  return true;
}

/// Refuses weights that no longer have the sizes of the best ones.
void EarlyStopping::check_weights() const {
  for (size_t i = 0; i < best_weights_.size(); ++i) {
    const std::string problem = tensors::misfit(weights_[i], best_weights_[i].sizes());
    TORCH_CHECK(problem.empty(), kEarlyStopping, ": weights[", i, "] ", problem,
                " to take the best weights back");
  }
}

void EarlyStopping::restore() {
  const at::NoGradGuard no_grad;
  check_weights();
  for (size_t i = 0; i < best_weights_.size(); ++i) {
    at::Tensor weights = weights_[i];
    weights.copy_(best_weights_[i]);
  }
}

void EarlyStopping::save(torch::serialize::OutputArchive& archive) const {
  tensors::RecordWriter record(archive);
  record.write("early_stopping", fields::text_of(kEarlyStopping, options_));
  record.write("n", n_);
  record.write("wait", wait_);
  record.write("best_check", best_check_);
  if (best_) record.write("best", *best_);
  record.write("best_weights", best_weights_);
  record.close();
}

void EarlyStopping::load(torch::serialize::InputArchive& archive) {
  const tensors::RecordReader record(archive, kEarlyStopping);
  record.expect("early_stopping", fields::text_of(kEarlyStopping, options_));
  const int64_t n = record.count("n"), wait = record.count("wait"),
                best_check = record.count("best_check");
  std::optional<double> best;
  if (record.has("best")) best = record.read<double>("best");
  auto loaded = record.read<std::vector<at::Tensor>>("best_weights");
  TORCH_CHECK(loaded.empty() || (options_.restore_best && loaded.size() == weights_.size()),
              kEarlyStopping, ": the archive has ", loaded.size(), " weights, must have ",
              weights_.size());
  for (size_t i = 0; i < loaded.size(); ++i) {
    TORCH_CHECK(loaded[i].sizes() == weights_[i].sizes(), kEarlyStopping,
                ": the archive's weights ", i, " have sizes ", loaded[i].sizes(), ", must have ",
                weights_[i].sizes());
    loaded[i] = loaded[i].to(weights_[i].options().requires_grad(false), false, true);
  }
  n_ = n;
  wait_ = wait;
  best_check_ = best_check;
  best_ = best;
  best_weights_ = std::move(loaded);
}

}  // namespace descent
