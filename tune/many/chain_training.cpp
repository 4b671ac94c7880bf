#include <algorithm>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <c10/util/Exception.h>

#include <descent/landscape/paths/fused/aligned.h>
#include <descent/landscape/paths/fused/fitting.h>
#include <descent/landscape/paths/fused/packing.h>
#include <descent/tune/many/fast_training.h>
#include <descent/tune/many/kernel.h>
#include <descent/tune/many/rule_steps.h>

namespace descent::many {
namespace {

using landscape::Aligned;
using landscape::Blocks;
using landscape::ChainLayer;
using landscape::rounded_up;

/// Of up to so many inputs, or outputs, their weights' gradients are sums along the lanes.
constexpr int64_t kFew = 4;
/// Steps between two pulses.
constexpr int64_t kPulse = 64;

template <class T>
Turn turn_of(const ChainLayer& layer) {
  if (layer.in <= kFew) return Turn::DotsOfInputs;
  if (layer.out <= kFew) return Turn::DotsOfOutputs;
  const int64_t by_input = layer.out * rounded_up(layer.in, kRow<T>);
  const int64_t by_output = layer.in * rounded_up(layer.out, kRow<T>);
  return by_input <= by_output ? Turn::ByInput : Turn::ByOutput;
}

/// The kernels of an instruction set.
template <class T>
const TrainKernels<T>* kernels_of(engine::Isa isa) {
  return isa == engine::Isa::V4   ? train_kernels_v4<T>()
         : isa == engine::Isa::V3 ? train_kernels_v3<T>()
                                  : train_kernels_baseline<T>();
}

template <class T>
class ChainTraining : public FastTraining {
 public:
  ChainTraining(const Job& job, const std::vector<ChainLayer>& chain) : job_(job) {
    for (size_t k = 0; k < job.parameters.tensors.size(); ++k) {
      const at::Tensor& tensor = job.parameters.tensors[k];
      places_.push_back({parameters_, tensor.numel(), tensor.dim(), job.group_of()[k]});
      parameters_ += tensor.numel();
    }
    plan_.has_classes = job.loss.traits.kernel == MetricTraits::Kernel::Entropies;
    plan_.outputs = chain.back().out;
    size_t panel = 0;  // the last one so far; 0 stands for the batch's input
    for (const ChainLayer& layer : chain) {
      widest_ = std::max({widest_, layer.in, layer.out});
      TrainLayer planned{{layer.in,
                          layer.out,
                          places_[layer.weight].first,
                          layer.bias ? places_[*layer.bias].first : -1,
                          {}},
                         turn_of<T>(layer),
                         panel,
                         ++panels_,
                         !layer.activations.empty() && layer.activations[0] == Activation::ReLU,
                         {},
                         0};
      panel = planned.to;
      for (size_t a = planned.rectifies ? 1 : 0; a < layer.activations.size(); ++a) {
        const Activation activation = layer.activations[a];
        // A result takes the place of an argument that nothing asks for again.
        const bool in_place = a == 0 && is_of_result(activation);
        planned.activations.push_back({activation, panel, in_place ? panel : ++panels_});
        panel = planned.activations.back().to;
      }
      planned.last = panel;
      plan_.layers.push_back(std::move(planned));
    }
    for (const Data& batch : job.data) add_batch(batch);
  }

  Path path() const override { return Path::Fused; }
  std::string description() const override {
    return "a chain of " + std::to_string(plan_.layers.size()) + " Linear under " + job_.loss.name;
  }
  std::string kernel() const override { return kernels_->name; }

  void prepare(int workers) override {
    while (workers_.size() < static_cast<size_t>(workers))
      workers_.push_back(std::make_unique<Worker>(*this));
  }

  int64_t at_once() const override { return 1; }
  std::vector<Trained> train(int worker, std::span<const Candidate> candidates, int64_t steps,
                             const tensors::Pulse& pulse) override {
    std::vector<Trained> result;
    for (const Candidate& candidate : candidates)
      result.push_back(train(*workers_[static_cast<size_t>(worker)], candidate, steps, pulse));
    return result;
  }

  std::pair<double, Tensors> gradient(int worker, const Candidate& candidate) override {
    Worker& w = *workers_[static_cast<size_t>(worker)];
    pack(job_.initial(candidate), w.weights.data());
    const double loss = kernels_->gradient(plan_, batches_[0]->batch, w.scratch, w.weights.data(),
                                           w.gradient.data());
    return {loss, unpacked(w.gradient.data())};
  }

 private:
  /// A batch as the kernels take it.
  struct Batch {
    TrainBatch<T> batch{};
    Blocks<T> input, target;
    Aligned<T> rows;
    std::vector<int64_t> classes;
    double weight = 0;  ///< its share in a mean over all
  };

  struct Worker {
    explicit Worker(const ChainTraining& training)
        : weights(training.parameters_),
          gradient(training.parameters_),
          slopes{Aligned<T>(training.widest_ * kBlock<T>),
                 Aligned<T>(training.widest_ * kBlock<T>)},
          turned(kBlock<T> * rounded_up(training.widest_, kRow<T>)),
          sums(rounded_up(training.widest_, kRow<T>) * kRow<T>),
          steps(training.job_.rule, training.isa_, training.places_,
                training.job_.options.schedule) {
      scratch.panels.push_back(nullptr);
      for (size_t k = 0; k < training.panels_; ++k)
        scratch.panels.push_back(panels.emplace_back(training.widest_ * kBlock<T>).data());
      scratch.slopes[0] = slopes[0].data();
      scratch.slopes[1] = slopes[1].data();
      scratch.turned = turned.data();
      scratch.sums = sums.data();
    }
    Aligned<T> weights, gradient, slopes[2], turned, sums;
    std::vector<Aligned<T>> panels;
    TrainScratch<T> scratch{};
    RuleSteps<T> steps;
  };

  Trained train(Worker& w, const Candidate& candidate, int64_t steps, const tensors::Pulse& pulse) {
    T* const weights = w.weights.data();
    pack(job_.initial(candidate), weights);
    const auto options = job_.options_of(candidate);
    w.steps.begin(options, weights);
    Course course(job_.options);
    bool goes_on = true;
    for (int64_t step = 0; step < steps && goes_on; ++step) {
      if (pulse && step % kPulse == 0)
        pulse(static_cast<double>(step) / static_cast<double>(steps));
      const auto& batch = *batches_[static_cast<size_t>(step) % batches_.size()];
      goes_on =
          course.add(kernels_->gradient(plan_, batch.batch, w.scratch, weights, w.gradient.data()));
      w.steps.step(weights, w.gradient.data());
    }
    Trained trained = course.end(goes_on ? total_loss(w) : kInfinity);
    if (job_.options.keep_weights) trained.weights = unpacked(weights);
    return trained;
  }

  void add_batch(const Data& data) {
    auto made = std::make_unique<Batch>();
    const int64_t inputs = plan_.layers.front().linear.in;
    const Batches alone{data};
    const bool ignores = plan_.has_classes && landscape::ignores_any(alone);
    const int64_t all = data.input.numel() / inputs;
    const auto each_row = [&](at::Tensor Data::*part, int64_t units, const auto& visit) {
      landscape::for_rows(alone, part, units, all, ignores, visit);
    };
    TrainBatch<T>& batch = made->batch;
    batch.samples = ignores ? static_cast<int64_t>(job_.loss.count(data.target)) : all;
    made->weight = job_.loss.count(data.target);
    if (batch.samples > 0) {
      made->input = Blocks<T>(batch.samples, inputs);
      each_row(&Data::input, inputs, [&](const at::Tensor& rows) { made->input.append(rows); });
      batch.input = made->input.data();
      turn_inputs(*made);
      if (plan_.has_classes) {
        each_row(&Data::target, 1, [&](const at::Tensor& rows) {
          const at::Tensor dense = rows.contiguous();
          const auto* from = dense.const_data_ptr<int64_t>();
          made->classes.insert(made->classes.end(), from, from + dense.numel());
        });
        batch.classes = made->classes.data();
      } else {
        made->target = Blocks<T>(batch.samples, plan_.outputs);
        each_row(&Data::target, plan_.outputs,
                 [&](const at::Tensor& rows) { made->target.append(rows); });
        batch.target = made->target.data();
      }
    }
    batches_.push_back(std::move(made));
  }

  void turn_inputs(Batch& made) {
    const TrainLayer& first = plan_.layers.front();
    if (first.turn != Turn::ByInput) return;
    const int64_t inputs = first.linear.in, stride = rounded_up(inputs, kRow<T>);
    const int64_t blocks = rounded_up(made.batch.samples, kBlock<T>) / kBlock<T>;
    made.rows = Aligned<T>(blocks * kBlock<T> * stride);
    for (int64_t block = 0; block < blocks; ++block)
      kernels_->turn(made.input.data() + block * inputs * kBlock<T>, inputs, kBlock<T>,
                     made.rows.data() + block * kBlock<T> * stride, stride);
    made.batch.rows = made.rows.data();
  }

  void pack(const Tensors& tensors, T* to) const {
    for (size_t k = 0; k < tensors.size(); ++k) {
      const at::Tensor dense = tensors[k].contiguous();
      std::copy_n(dense.const_data_ptr<T>(), dense.numel(), to + places_[k].first);
    }
  }
  Tensors unpacked(const T* from) const {
    Tensors result;
    for (size_t k = 0; k < places_.size(); ++k) {
      result.push_back(
          at::empty_like(job_.parameters.tensors[k].detach(), at::MemoryFormat::Contiguous));
      std::copy_n(from + places_[k].first, places_[k].n,
                  result.back().template mutable_data_ptr<T>());
    }
    return result;
  }

  double total_loss(const Worker& w) const {
    double sum = 0, weight = 0;
    for (const auto& batch : batches_) {
      if (batch->weight == 0) continue;
      sum += batch->weight * kernels_->loss(plan_, batch->batch, w.scratch, w.weights.data());
      weight += batch->weight;
    }
    return sum / weight;
  }

  const Job& job_;
  const engine::Isa isa_ = *engine::current_isa();
  const TrainKernels<T>* const kernels_ = kernels_of<T>(isa_);
  TrainJob<T> plan_{};
  std::vector<Place> places_;
  int64_t parameters_ = 0, widest_ = 0;
  size_t panels_ = 0;
  std::vector<std::unique_ptr<Batch>> batches_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace

std::unique_ptr<FastTraining> chain_training(const Job& job, const Tensors& predictions,
                                             std::string* why_not) {
  *why_not = why_not_stepped(job);
  if (!why_not->empty()) return nullptr;
  const auto chain = landscape::fitting_chain(job.model, {job.loss}, job.parameters.tensors,
                                              job.data, predictions, why_not);
  if (!chain) return nullptr;
  if (job.loss.traits.kernel == MetricTraits::Kernel::Choices) {
    *why_not = "the metric '" + job.loss.name + "' is not computed there";
    return nullptr;
  }
  // Others have no gradient, and the optimizers leave them alone.
  size_t used = 0;
  for (const ChainLayer& layer : *chain) used += layer.bias ? 2 : 1;
  if (used != job.parameters.tensors.size()) {
    *why_not = "the network has parameters that are not of its chain";
    return nullptr;
  }
  if (std::find(job.frozen.begin(), job.frozen.end(), true) != job.frozen.end()) {
    *why_not = "some parameters are frozen";
    return nullptr;
  }
  if (job.parameters.tensors[0].scalar_type() == at::kFloat)
    return std::make_unique<ChainTraining<float>>(job, *chain);
  return std::make_unique<ChainTraining<double>>(job, *chain);
}

}  // namespace descent::many
