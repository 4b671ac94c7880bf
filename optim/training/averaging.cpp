#include <algorithm>
#include <optional>

#include <ATen/core/grad_mode.h>
#include <torch/nn/module.h>

#include <descent/optim/training/averaging.h>
#include <descent/tensors/batch_norm.h>
#include <descent/tensors/fit.h>
#include <descent/tensors/record.h>

namespace descent {
namespace {

std::vector<at::Tensor> weights_of(const torch::nn::Module& module) {
  std::vector<at::Tensor> weights = module.parameters();
  const std::vector<at::Tensor> buffers = module.buffers();
  weights.insert(weights.end(), buffers.begin(), buffers.end());
  return weights;
}

template <class Options>
const Options& checked(const char* name, const Options& options) {
  const std::string problem = fields::problem(options);
  TORCH_CHECK(problem.empty(), name, ": ", problem);
  return options;
}

}  // namespace

WeightAverage::WeightAverage(const char* name, torch::nn::Module& module, bool use_buffers)
    : WeightAverage(name, weights_of(module), false) {
  params_ = module.parameters().size();
  use_buffers_ = use_buffers;
}

WeightAverage::WeightAverage(const char* name, std::vector<at::Tensor> params, bool use_buffers)
    : name_(name),
      weights_(std::move(params)),
      params_(weights_.size()),
      use_buffers_(use_buffers) {
  TORCH_CHECK(!use_buffers, name, ": use_buffers = true, must be false for a list of parameters");
  TORCH_CHECK(!weights_.empty(), name, ": there are no parameters, must be some");
  for (size_t i = 0; i < weights_.size(); ++i) {
    TORCH_CHECK(weights_[i].defined(), name, ": params[", i, "] is undefined, must be a tensor");
    averages_.push_back(average_of(weights_[i]));
  }
}

at::Tensor WeightAverage::average_of(const at::Tensor& weights) {
  const bool narrow = at::isReducedFloatingType(weights.scalar_type());
  return weights.detach().to(narrow ? at::kFloat : weights.scalar_type(), /*non_blocking=*/false,
                             /*copy=*/true);
}

/// Whether a tensor is averaged, or else copied.
bool WeightAverage::averaged(size_t i) const {
  const at::Tensor& x = averages_[i];
  return (i < params_ || use_buffers_) && (x.is_floating_point() || x.is_complex());
}

/// Refuses weights that no longer have the sizes of their averages, or cannot be written.
void WeightAverage::check() const {
  for (size_t i = 0; i < weights_.size(); ++i) {
    TORCH_CHECK(weights_[i].sizes() == averages_[i].sizes(), name_, ": weights[", i, "] has sizes ",
                weights_[i].sizes(), ", must have ", averages_[i].sizes(),
                "; replace_param(p, p, map) brings the average to new sizes");
    const std::string problem = tensors::misfit(weights_[i], averages_[i].sizes());
    TORCH_CHECK(problem.empty(), name_, ": weights[", i, "] ", problem);
  }
}

void WeightAverage::update() {
  const at::NoGradGuard no_grad;
  TORCH_CHECK(!applied_, name_,
              ": update() came while the averages stand in the weights, must come afterwards");
  check();
  const double share = updates_ == 0 ? 1 : weight(updates_);
  for (size_t i = 0; i < weights_.size(); ++i) {
    at::Tensor& average = averages_[i];
    if (updates_ == 0 || !averaged(i))
      average.copy_(weights_[i]);
    else
      average.lerp_(weights_[i].to(average.options()), share);
  }
  ++updates_;
}

void WeightAverage::copy_to() {
  const at::NoGradGuard no_grad;
  check();
  for (size_t i = 0; i < weights_.size(); ++i) weights_[i].copy_(averages_[i]);
}

void WeightAverage::copy_to(torch::nn::Module& module) const {
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> weights =
      params_ == weights_.size() ? module.parameters() : weights_of(module);
  TORCH_CHECK(weights.size() == averages_.size(), name_, ": the module has ", weights.size(),
              " parameters and buffers, must have ", averages_.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    const std::string problem = tensors::misfit(weights[i], averages_[i].sizes());
    TORCH_CHECK(problem.empty(), name_, ": the module's weights[", i, "] ", problem);
  }
  for (size_t i = 0; i < weights.size(); ++i) weights[i].copy_(averages_[i]);
}

WeightAverage::Scope::Scope(WeightAverage& average) : average_(average) {
  TORCH_CHECK(!average.applied_, average.name_, ": the averages stand in the weights already");
  average.check();
  for (const auto& x : average.weights_) weights_.keep(x);
  average.copy_to();
  average.applied_ = true;
}

void WeightAverage::replace_param(const at::Tensor& from, const at::Tensor& to,
                                  const std::function<at::Tensor(const at::Tensor&)>& map) {
  const at::NoGradGuard no_grad;
  TORCH_CHECK(!applied_, name_,
              ": replace_param() came while the averages stand in the weights, must come "
              "afterwards");
  const auto found = std::find_if(weights_.begin(), weights_.end(),
                                  [&](const at::Tensor& x) { return x.is_same(from); });
  TORCH_CHECK(found != weights_.end(), name_, ": `from` is not a parameter of this average");
  at::Tensor& average = averages_[static_cast<size_t>(found - weights_.begin())];
  const at::Tensor mapped = map ? map(average) : average;
  TORCH_CHECK(mapped.defined() && mapped.sizes() == to.sizes(), name_, ": replace_param's map ",
              map ? "" : "is missing, ", "must return a tensor of sizes ", to.sizes());
  average = mapped.detach().to(average.options()).clone();
  *found = to;
}

void WeightAverage::save(torch::serialize::OutputArchive& archive) const {
  check();
  tensors::RecordWriter record(archive);
  record.write("average", std::string(name_));
  record.write("updates", updates_);
  record.write("averages", averages_);
  record.close();
}

void WeightAverage::load(torch::serialize::InputArchive& archive) {
  const at::NoGradGuard no_grad;
  const tensors::RecordReader record(archive, name_);
  record.expect("average", name_);
  const int64_t updates = record.count("updates");
  const auto saved = record.read<std::vector<at::Tensor>>("averages");
  TORCH_CHECK(saved.size() == averages_.size(), name_, ": the archive has ", saved.size(),
              " averages, must have ", averages_.size());
  std::vector<at::Tensor> loaded;
  for (size_t i = 0; i < saved.size(); ++i) {
    TORCH_CHECK(saved[i].sizes() == averages_[i].sizes(), name_, ": the archive's averages[", i,
                "] has sizes ", saved[i].sizes(), ", must have ", averages_[i].sizes());
    loaded.push_back(saved[i].to(averages_[i].options()).clone());
  }
  averages_ = std::move(loaded);
  updates_ = updates;
}

ExponentialMovingAverage::ExponentialMovingAverage(torch::nn::Module& module,
                                                   const Options& options)
    : WeightAverage("ExponentialMovingAverage", module, options.use_buffers),
      options_(checked("ExponentialMovingAverage", options)) {}
ExponentialMovingAverage::ExponentialMovingAverage(std::vector<at::Tensor> params,
                                                   const Options& options)
    : WeightAverage("ExponentialMovingAverage", std::move(params), options.use_buffers),
      options_(checked("ExponentialMovingAverage", options)) {}

double ExponentialMovingAverage::weight(int64_t updates) const {
  const auto t = static_cast<double>(updates);
  return 1 - (options_.warmup ? std::min(options_.decay, (1 + t) / (10 + t)) : options_.decay);
}

StochasticWeightAverage::StochasticWeightAverage(torch::nn::Module& module, const Options& options)
    : WeightAverage("StochasticWeightAverage", module, options.use_buffers), options_(options) {}
StochasticWeightAverage::StochasticWeightAverage(std::vector<at::Tensor> params,
                                                 const Options& options)
    : WeightAverage("StochasticWeightAverage", std::move(params), options.use_buffers),
      options_(options) {}

double StochasticWeightAverage::weight(int64_t updates) const {
  return 1 / (static_cast<double>(updates) + 1);
}

namespace {

/// What update_bn changes of a batch normalisation for a while.
struct Normalisation {
  std::function<void(std::optional<double>)> set_momentum;
  std::optional<double> momentum;
};

}  // namespace

void update_bn(torch::nn::Module& module, const std::function<void()>& pass) {
  const at::NoGradGuard no_grad;
  tensors::KeptValues statistics;
  std::vector<Normalisation> norms;
  std::vector<std::pair<torch::nn::Module*, bool>> modes;
  module.apply([&](torch::nn::Module& m) { modes.emplace_back(&m, m.is_training()); });
  tensors::for_each_batch_norm(module, [&](auto& norm) {
    for (const auto& x : {norm.running_mean, norm.running_var, norm.num_batches_tracked})
      if (x.defined()) statistics.keep(x);
    norms.push_back({[&norm](std::optional<double> momentum) { norm.options.momentum(momentum); },
                     norm.options.momentum()});
    norm.options.momentum(std::nullopt);
    norm.reset_running_stats();
  });
  if (norms.empty()) return;
  const auto back = [&] {
    for (const auto& norm : norms) norm.set_momentum(norm.momentum);
    for (const auto& [m, mode] : modes) m->train(mode);  // parents first: train() goes downwards
  };
  try {
    module.train();
    pass();
  } catch (...) {
    back();
    throw;
  }
  back();
  statistics.forget();
}

}  // namespace descent
