#include <descent/tune/many/fast_training.h>

#ifndef DESCENT_HAS_VMAP

namespace descent::many {

std::unique_ptr<FastTraining> batched_training(const Job&, Single&, int64_t, std::string* why_not) {
  *why_not = "this build of descent is without it (DESCENT_BATCHED)";
  return nullptr;
}

}  // namespace descent::many

#else

#include <algorithm>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <c10/util/Exception.h>

#include <descent/landscape/paths/batched/batching_rules.h>
#include <descent/tensors/memory.h>
#include <descent/tune/many/rule_steps.h>

namespace descent::many {
namespace {

using at::Tensor;
using landscape::NoWarnings;
using landscape::Substitution;
using landscape::VmapLevel;

/// Copies at once: as many as work on this much memory together. With fewer, the cost of calling
/// operations shows, with more, that of memory.
constexpr int64_t kWorkingSet = int64_t{16} << 20;
constexpr int64_t kMost = 256;
/// So many pieces at least, so that several threads can work.
constexpr int64_t kPieces = 8;
/// Below this the loop is as fast.
constexpr int64_t kFewest = 16;

/// What of a network a training changes.
struct Moving {
  std::vector<size_t> parameters;  ///< that are trained, by their number
  std::vector<int64_t> sizes;      ///< of each, in numbers
  std::vector<size_t> buffers;     ///< that forward() changes
  int64_t numbers = 0;             ///< of all these parameters
};

template <class T>
class BatchedTraining : public FastTraining {
 public:
  BatchedTraining(const Job& job, Moving moving, int64_t at_once)
      : job_(job), moving_(std::move(moving)), at_once_(at_once) {
    int64_t first = 0;
    for (const size_t k : moving_.parameters) {
      const Tensor& tensor = job.parameters.tensors[k];
      places_.push_back({first, tensor.numel(), tensor.dim(), job.group_of()[k]});
      first += tensor.numel();
    }
    for (const Data& batch : job.data) weights_.push_back(job.weight_of(batch));
  }

  Path path() const override { return Path::Batched; }
  std::string description() const override {
    return std::to_string(at_once_) + " copies of " + job_.model.type() + " at once";
  }

  void prepare(int workers) override {
    while (workers_.size() < static_cast<size_t>(workers))
      workers_.push_back(std::make_unique<Worker>(*this));
  }

  int64_t at_once() const override { return at_once_; }

  std::vector<Trained> train(int worker, std::span<const Candidate> candidates, int64_t steps,
                             const tensors::Pulse& pulse) override {
    const NoWarnings no_warnings;
    Worker& w = *workers_[static_cast<size_t>(worker)];
    std::vector<Copy> copies;
    copies.reserve(candidates.size());
    Stack stack = stacked(w, candidates);
    for (size_t k = 0; k < candidates.size(); ++k) {
      copies.emplace_back(*this, candidates[k]);
      copies[k].steps.begin(copies[k].options, stack.row(k));
    }
    std::vector<Trained> result(candidates.size(), unmade());
    std::vector<size_t> rows(candidates.size());  // of which copy each row is
    for (size_t k = 0; k < rows.size(); ++k) rows[k] = k;
    const auto end = [&](size_t row, double loss) {
      result[rows[row]] = copies[rows[row]].course.end(loss);
      if (job_.options.keep_weights)
        result[rows[row]].weights =
            weights_of(candidates[rows[row]], stack.weights[static_cast<int64_t>(row)]);
    };
    for (int64_t step = 0; step < steps && !rows.empty(); ++step) {
      if (pulse) pulse(static_cast<double>(step) / static_cast<double>(steps));
      const auto [losses, gradient] =
          step_of(w, stack, job_.data[static_cast<size_t>(step) % job_.data.size()]);
      const T* const slopes = gradient.template const_data_ptr<T>();
      std::vector<int64_t> left;
      for (size_t row = 0; row < rows.size(); ++row) {
        Copy& copy = copies[rows[row]];
        const bool goes_on = copy.course.add(losses[row]);
        copy.steps.step(stack.row(row), slopes + static_cast<int64_t>(row) * moving_.numbers);
        if (goes_on)
          left.push_back(static_cast<int64_t>(row));
        else
          end(row, kInfinity);
      }
      if (left.size() < rows.size()) {
        stack.keep(left);
        std::vector<size_t> kept;
        for (const int64_t row : left) kept.push_back(rows[static_cast<size_t>(row)]);
        rows = std::move(kept);
      }
    }
    if (!rows.empty()) {
      const std::vector<double> finals = total_losses(w, stack);
      for (size_t row = 0; row < rows.size(); ++row) end(row, finals[row]);
    }
    return result;
  }

  std::pair<double, Tensors> gradient(int worker, const Candidate& candidate) override {
    const NoWarnings no_warnings;
    Worker& w = *workers_[static_cast<size_t>(worker)];
    const Stack stack = stacked(w, {&candidate, 1});
    const auto [losses, gradient] = step_of(w, stack, job_.data[0]);
    Tensors result(job_.parameters.tensors.size());
    for (size_t k = 0; k < places_.size(); ++k)
      result[moving_.parameters[k]] = part(gradient[0], k);
    return {losses[0], std::move(result)};
  }

 private:
  /// One training of several.
  struct Copy {
    Copy(const BatchedTraining& all, const Candidate& candidate)
        : options(all.job_.options_of(candidate)),
          steps(all.job_.rule, *engine::current_isa(), all.places_, all.job_.options.schedule),
          course(all.job_.options) {}
    std::vector<std::unique_ptr<torch::optim::OptimizerOptions> > options;
    RuleSteps<T> steps;
    Course course;
  };

  /// The weights of copies, those of one in a row, and their buffers.
  struct Stack {
    Tensor weights;
    Tensors buffers;

    T* row(size_t k) const {
      return weights.template mutable_data_ptr<T>() + static_cast<int64_t>(k) * weights.size(1);
    }
    void keep(const std::vector<int64_t>& rows) {
      const Tensor which = at::tensor(rows, at::kLong);
      weights = weights.index_select(0, which);
      for (Tensor& buffer : buffers) buffer = buffer.index_select(0, which);
    }
  };

  struct Worker {
    /// Its own values are NaN: what reads them past the dispatcher shows.
    explicit Worker(const BatchedTraining& all) : model(all.job_.model.clone("train_many")) {
      const auto parameters = landscape::parameters_of(*model);
      for (const Tensor& parameter : parameters.tensors) parameter.requires_grad_(false);
      for (const size_t k : all.moving_.parameters) {
        own.push_back(parameters.tensors[k]);
        own.back().fill_(std::numeric_limits<double>::quiet_NaN());
      }
      for (const auto& [name, buffer] : model->buffers()) {
        buffers.push_back(buffer);
        first_buffers.push_back(buffer.detach().clone());
      }
    }
    std::unique_ptr<landscape::Model> model;
    Tensors own, buffers, first_buffers;
  };

  Stack stacked(Worker& w, std::span<const Candidate> candidates) const {
    const at::NoGradGuard no_grad;
    const auto copies = static_cast<int64_t>(candidates.size());
    Stack stack{at::empty({copies, moving_.numbers}, c10::CppTypeToScalarType<T>::value), {}};
    for (int64_t c = 0; c < copies; ++c) {
      const Tensors initial = job_.initial(candidates[static_cast<size_t>(c)]);
      for (size_t k = 0; k < places_.size(); ++k)
        part(stack.weights[c], k).copy_(initial[moving_.parameters[k]]);
    }
    for (size_t k = 0; k < w.buffers.size(); ++k) w.buffers[k].copy_(w.first_buffers[k]);
    for (const size_t k : moving_.buffers) {
      auto sizes = w.buffers[k].sizes().vec();
      sizes.insert(sizes.begin(), copies);
      stack.buffers.push_back(w.buffers[k].expand(sizes).clone());
    }
    return stack;
  }

  /// A parameter in a row.
  Tensor part(const Tensor& row, size_t k) const {
    return row.narrow(0, places_[k].first, places_[k].n)
        .view(job_.parameters.tensors[moving_.parameters[k]].sizes());
  }

  Tensors weights_of(const Candidate& candidate, const Tensor& row) const {
    Tensors result = job_.initial(candidate);
    for (size_t k = 0; k < places_.size(); ++k)
      result[moving_.parameters[k]] = part(row, k).detach().clone();
    return result;
  }

  /// The loss of a batch, of each copy; with gradients where `weights` wants some.
  Tensor losses_of(Worker& w, const Tensor& weights, const Tensors& buffers,
                   const Data& batch) const {
    const int64_t copies = weights.size(0);
    const Tensors parts = weights.split_with_sizes(moving_.sizes, 1);
    const VmapLevel level(copies);
    Substitution::Map stand_ins;
    for (size_t k = 0; k < parts.size(); ++k) {
      auto sizes = w.own[k].sizes().vec();
      sizes.insert(sizes.begin(), copies);
      stand_ins.emplace(w.own[k].unsafeGetTensorImpl(), level.enter(parts[k].view(sizes)));
    }
    for (size_t k = 0; k < buffers.size(); ++k)
      stand_ins.emplace(w.buffers[moving_.buffers[k]].unsafeGetTensorImpl(),
                        level.enter(buffers[k]));
    const Substitution substitution(stand_ins, level, landscape::batching_rule);
    const Tensor prediction = landscape::run(*w.model, batch);
    return level.leave(landscape::metric_value(job_.loss, prediction, batch.target))
        .reshape({copies});
  }

  static std::vector<double> numbers_of(const Tensor& losses) {
    const Tensor dense = losses.detach().to(at::kDouble).contiguous();
    const auto* const first = dense.const_data_ptr<double>();
    return {first, first + dense.numel()};
  }

  std::pair<std::vector<double>, Tensor> step_of(Worker& w, const Stack& stack,
                                                 const Data& batch) const {
    const at::AutoGradMode with_gradients(true);
    const Tensor weights = stack.weights.detach().requires_grad_(true);
    const Tensor losses = losses_of(w, weights, stack.buffers, batch);
    losses.sum().backward();
    return {numbers_of(losses), weights.grad().contiguous()};
  }

  std::vector<double> total_losses(Worker& w, const Stack& stack) const {
    const at::NoGradGuard no_grad;
    std::vector<double> sums(static_cast<size_t>(stack.weights.size(0)));
    double weight = 0;
    for (size_t b = 0; b < job_.data.size(); ++b) {
      if (weights_[b] == 0) continue;
      const auto losses = numbers_of(losses_of(w, stack.weights, stack.buffers, job_.data[b]));
      for (size_t k = 0; k < sums.size(); ++k) sums[k] += weights_[b] * losses[k];
      weight += weights_[b];
    }
    for (double& sum : sums) sum /= weight;
    return sums;
  }

  const Job& job_;
  const Moving moving_;
  const int64_t at_once_;
  std::vector<Place> places_;
  std::vector<double> weights_;  ///< of the batches, in a mean over all
  std::vector<std::unique_ptr<Worker> > workers_;
};

std::unique_ptr<FastTraining> made(const Job& job, const Moving& moving, int64_t at_once) {
  if (job.parameters.tensors[0].scalar_type() == at::kFloat)
    return std::make_unique<BatchedTraining<float> >(job, moving, at_once);
  return std::make_unique<BatchedTraining<double> >(job, moving, at_once);
}

}  // namespace

std::unique_ptr<FastTraining> batched_training(const Job& job, Single& single, int64_t trainings,
                                               std::string* why_not) {
  *why_not = why_not_stepped(job);
  if (why_not->empty())
    *why_not =
        landscape::why_not_stacked("parameter", job.parameters.names, job.parameters.tensors);
  const at::Device device = job.parameters.tensors[0].device();
  if (why_not->empty() && !device.is_cpu()) *why_not = "the parameters are on " + device.str();
  if (!why_not->empty()) return nullptr;

  Moving moving;
  Tensors gradients;
  int64_t bytes = tensors::peak_bytes(
      [&] { gradients = single.gradient(job.initial(job.candidates[0])).second; });
  for (size_t k = 0; k < gradients.size(); ++k) {
    if (!gradients[k].defined()) continue;
    if (gradients[k].layout() != at::kStrided) {
      *why_not = "the gradient of '" + job.parameters.names[k] + "' is sparse";
      return nullptr;
    }
    moving.parameters.push_back(k);
    moving.sizes.push_back(gradients[k].numel());
    moving.numbers += gradients[k].numel();
  }
  if (moving.parameters.empty()) {
    *why_not = "no parameter has a gradient";
    return nullptr;
  }
  moving.buffers = single.changed_buffers();
  bytes = std::max<int64_t>(bytes, 1);
  int64_t at_once = std::min({kWorkingSet / bytes, kMost, trainings / kPieces});
  if (job.options.path == Path::Auto && at_once < kFewest) {
    *why_not = trainings / kPieces < kFewest ? "so few trainings gain nothing"
                                             : "a step of one takes " + std::to_string(bytes) +
                                                   " bytes, so several at once gain nothing";
    return nullptr;
  }
  at_once = std::max(at_once, kFewest);
  try {
    Substitution::install();
  } catch (const c10::Error& error) {
    *why_not = std::string("LibTorch's dispatcher refuses: ") + error.what_without_backtrace();
    return nullptr;
  }
  return made(job, moving, at_once);
}

}  // namespace descent::many

#endif
