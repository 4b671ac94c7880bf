#include <algorithm>
#include <limits>
#include <optional>
#include <sstream>
#include <stdexcept>

#include <ATen/Version.h>
#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/isfinite.h>

#include <descent/landscape/evaluate/refuse.h>
#include <descent/landscape/network/batch_size.h>
#include <descent/landscape/network/bfloat16.h>
#include <descent/landscape/paths/loop/batching.h>
#include <descent/landscape/paths/loop/loop.h>
#include <descent/tensors/fingerprint.h>
#include <descent/tensors/memory.h>
#include <descent/tensors/numbers.h>
#include <descent/tensors/one_thread.h>
#include <descent/tensors/seeded.h>

namespace descent::landscape {
namespace {

using at::Tensor;
using Tensors = std::vector<Tensor>;

/// Samples at once: as many as are computed fastest. Fewer, but not fewer than the second number, so
/// that two threads can work.
constexpr int64_t kSamples = 32, kFewSamples = 8;

/// Batches of which a network makes no more bytes than this stay in the cache as they are. Larger parts
/// than this are worth while only where the weights that they read are larger still.
constexpr int64_t kCached = int64_t{8} << 20;

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;

/// Weights of convolutions, and images.
bool has_channels(const Tensor& tensor) {
  return tensor.dim() == 4 && tensor.layout() == at::kStrided && tensor.is_floating_point();
}

/// Whether oneDNN multiplies faster with channels last. For AVX-512 it has better code of the other
/// kind for wide convolutions (ResNet-18, VGG: 1.15 to 1.25 times as fast), but not for narrow ones and
/// for those of one pixel (ResNet-20, DenseNet, MobileNet: 0.7 to 0.9).
bool is_for_channels_last(const Tensors& weights) {
  if (at::get_cpu_capability() != "AVX512") return true;
  int64_t wide = 0, all = 0;
  for (const Tensor& weight : weights) {
    if (!has_channels(weight)) continue;
    all += weight.numel();
    if (weight.size(1) >= 128 && weight.size(2) * weight.size(3) > 1) wide += weight.numel();
  }
  return 2 * wide <= all;
}

Tensors at_least_float(const Tensors& tensors) {
  Tensors result;
  for (const auto& tensor : tensors) {
    result.push_back(tensor.element_size() < 4 ? tensor.to(at::kFloat) : tensor);
  }
  return result;
}

/// work(), an error of LibTorch being refused with a sentence in front.
template <class Work, class... Parts>
auto translated(const Work& work, const Parts&... parts) {
  try {
    return work();
  } catch (const c10::Error& error) {
    refuse("evaluate: ", parts..., ". LibTorch says: ", error.what_without_backtrace());
  }
}

uint64_t hash_of(const Tensor& tensor) {
  tensors::Fingerprint hash;
  hash.add(tensor);
  return hash.value();
}

/// A number that another one replaces when the tensor is changed in place.
uint64_t state_of(const Tensor& tensor) {
  return tensor.is_inference() ? hash_of(tensor) : tensor._version();
}

Tensors tensors_of(const Named& named) {
  Tensors tensors;
  for (const auto& [name, tensor] : named) tensors.push_back(tensor);
  return tensors;
}

std::vector<uint64_t> states_of(const Tensors& tensors) {
  std::vector<uint64_t> states;
  for (const Tensor& tensor : tensors) states.push_back(state_of(tensor));
  return states;
}

/// The batch with all images as they are taken.
Data laid_out(const Data& batch, bool channels_last) {
  Data result = batch;
  if (!channels_last) return result;
  const auto turn = [](Tensor& tensor) {
    if (has_channels(tensor)) tensor = tensor.contiguous(kChannelsLast);
  };
  turn(result.input);
  for (auto& [name, tensor] : result.named) turn(tensor);
  return result;
}

/// A tensor of the same type, device and sizes that takes next to no memory.
Tensor outline(const Tensor& tensor) {
  return tensor.layout() == at::kStrided ? at::empty({}, tensor.options()).expand(tensor.sizes())
                                         : at::empty(tensor.sizes(), tensor.options());
}

}  // namespace

struct Loop::MovingTensors {
  MovingTensors(const Named& named, const Moving& moving, bool channels_last) : moving_(moving) {
    for (const auto& item : named) tensors_.push_back(item.second);
    if (moving.flat.entries > 0) {
      base_.push_back(at::empty_like(moving.flat.center));
      row_ = at::empty_like(moving.flat.center);
      for (size_t k = 0; k < tensors_.size(); ++k) {
        if (moving.slot[k] != kNoSlot) tensors_[k].set_data(moving.flat.view(row_, moving.slot[k]));
      }
      return;
    }
    for (const auto& tensor : moving.center) {
      base_.push_back(channels_last && has_channels(tensor) ? at::empty_like(tensor, kChannelsLast)
                                                            : at::empty_like(tensor));
    }
  }

  void row(double beta) {
    if (moving_.flat.entries > 0) {
      at::add_out(base_[0], moving_.flat.center, moving_.flat.v, beta);
      return;
    }
    for (size_t k = 0; k < base_.size(); ++k) {
      at::add_out(base_[k], moving_.center[k], moving_.v[k], beta);
    }
  }

  void column(double alpha) {
    if (moving_.flat.entries > 0) {
      at::add_out(row_, base_[0], moving_.flat.u, alpha);
      return;
    }
    for (size_t k = 0; k < tensors_.size(); ++k) {
      const size_t slot = moving_.slot[k];
      if (slot == kNoSlot) continue;
      if (tensors_[k].scalar_type() == base_[slot].scalar_type()) {
        at::add_out(tensors_[k], base_[slot], moving_.u[slot], alpha);
      } else {  // the network's type is narrower
        tensors_[k].copy_(at::add(base_[slot], moving_.u[slot], alpha));
      }
    }
  }

  void take(const Tensors& values) {
    for (size_t k = 0; k < tensors_.size(); ++k) {
      if (moving_.slot[k] != kNoSlot) tensors_[k].copy_(values[moving_.slot[k]]);
    }
  }

 private:
  const Moving& moving_;
  Tensors tensors_;  // of the clone, as it registers them
  Tensors base_;     // center + beta * v
  Tensor row_;       // what the clone's tensors are views of, where they move together
};

struct Loop::Worker {
  Worker(const Loop& loop, std::unique_ptr<Model> clone)
      : model(std::move(clone)),
        parameters(model->parameters(), loop.parameters_, loop.channels_last_),
        buffers(loop.buffers_.slot.empty() ? Named{} : model->buffers(), loop.buffers_, false) {
    if (!loop.channels_last_) return;
    for (const auto& [name, parameter] : model->parameters()) {
      if (has_channels(parameter)) parameter.set_data(parameter.contiguous(kChannelsLast));
    }
  }

  std::unique_ptr<Model> model;
  MovingTensors parameters, buffers;
  std::optional<double> beta{};  // of the row that was prepared
};

Loop::Loop(const Problem& problem)
    : problem_(problem), data_(problem.data), weights_(problem.batch_weights) {
  const Plane& plane = problem.plane;
  parameters_ = {at_least_float(plane.center), at_least_float(plane.u), at_least_float(plane.v),
                 parameters_of(problem.model).slot};
  if (problem.moves_buffers) {
    buffers_ = {at_least_float(plane.buffers.center), at_least_float(plane.buffers.u),
                at_least_float(plane.buffers.v), floating_buffers_of(problem.model).slot};
  }
  if (plane.center[0].is_cpu()) return;
  const auto lie_together = [](Moving& moving, const std::vector<std::string>& names,
                               const Tensors& own) {
    if (moving.center.empty() || !why_not_stacked("", names, own).empty()) return;
    moving.flat = Flat(moving.center, moving.u, moving.v);
  };
  lie_together(parameters_, plane.names, plane.center);
  lie_together(buffers_, plane.buffers.names, plane.buffers.center);
}

Loop::~Loop() = default;

void Loop::prepare(int workers) {
  while (workers_.size() < static_cast<size_t>(workers)) {
    auto clone = problem_.model.clone("evaluate");
    if (is_narrow_) clone = in_bfloat16(std::move(clone));
    clone->eval(problem_.batch_norm == BatchNorm::Batch);
    workers_.push_back(std::make_unique<Worker>(*this, std::move(clone)));
  }
}

int64_t Loop::bytes() const {
  // The clone's own, and the base.
  return activations_ + tensors::bytes_of(problem_.plane.center) +
         tensors::bytes_of(parameters_.center) + 2 * tensors::bytes_of(buffers_.center);
}

int64_t Loop::shared_bytes() const {
  int64_t bytes =
      3 * (parameters_.flat.bytes() + buffers_.flat.bytes());  // and what is not the plane's own
  const Plane& plane = problem_.plane;
  for (const auto& [own, planes] : {std::pair{&parameters_.center, &plane.center},
                                    {&parameters_.u, &plane.u},
                                    {&parameters_.v, &plane.v}}) {
    for (size_t k = 0; k < own->size(); ++k) {
      if (!(*own)[k].is_same((*planes)[k])) bytes += static_cast<int64_t>((*own)[k].nbytes());
    }
  }
  return bytes;
}

int64_t Loop::room(int64_t workers) const {
  return (problem_.memory - shared_bytes()) / workers - (bytes() - activations_);
}

Tensor Loop::result(const Metric& metric, const Tensor& prediction, const Tensor& target) const {
  const Tensor result = metric_value(metric, prediction, target);
  if (!result.defined())
    refuse("evaluate: the metric '", metric.name, "' returned an undefined tensor");
  if (result.numel() != 1) {
    refuse("evaluate: the metric '", metric.name,
           "' must be a tensor with one element, it is of shape ", result.sizes());
  }
  return result;
}

int64_t Loop::peak_bytes(const std::function<void()>& work) const {
  return tensors::peak_bytes(work, problem_.plane.center[0].device());
}

Data Loop::copied(const Data& batch) const {
  Data copy{batch.input.clone(), batch.target.clone()};
  for (const auto& [name, tensor] : batch.named) copy.named.emplace_back(name, tensor.clone());
  return laid_out(copy, channels_last_);
}

Tensor Loop::predict(Worker& worker, const Data& batch) const {
  return run(*worker.model, laid_out(batch, channels_last_));
}

/// The means of the first batches.
void Loop::divide(size_t batches, double* values) const {
  if (batches < data_.size()) return;  // sums are as good, where the batches are not all
  for (size_t m = 0; m < problem_.metrics.size(); ++m) values[m] /= weights_.total(m);
}

void Loop::metrics(Worker& worker, size_t batches, double* values,
                   const tensors::Pulse& pulse) const {
  const double passes = problem_.batch_norm == BatchNorm::Recompute ? 2 : 1;
  double done = 0;
  const auto next = [&] {  // no pulse at the end, which who waits sees
    if (++done < passes * static_cast<double>(batches) && pulse)
      pulse(done / (passes * static_cast<double>(batches)));
  };
  if (problem_.batch_norm == BatchNorm::Recompute) {
    worker.model->reset_statistics("evaluate");
    worker.model->eval(true);
    for (const Data& batch : data_) {
      translated([&] { return predict(worker, batch); },
                 "options.batch_norm is Recompute, but the network of type ", problem_.model.type(),
                 " does not take data.input of shape ", batch.input.sizes(),
                 " with batch normalisation in training mode; a batch of one sample, for one, has "
                 "no statistics");
      next();
    }
    worker.model->eval(false);
  }
  std::vector<size_t> measured;
  std::vector<double> weights;
  tensors::Numbers numbers;
  for (size_t b = 0; b < batches; ++b) {
    const Tensor prediction = predict(worker, data_[b]);
    for (size_t m = 0; m < problem_.metrics.size(); ++m) {
      const double weight = weights_.of(b, m);
      if (weight == 0) continue;  // its mean is not a number
      measured.push_back(m);
      weights.push_back(weight);
      numbers.add(result(problem_.metrics[m], prediction, data_[b].target));
    }
    next();
  }
  const std::vector<double>& read = numbers.read();
  std::vector<double> sums(problem_.metrics.size());  // `values` stay as they are until all is done
  for (size_t k = 0; k < read.size(); ++k) sums[measured[k]] += weights[k] * read[k];
  divide(batches, sums.data());
  std::copy(sums.begin(), sums.end(), values);
}

void Loop::know(const Point& point, const double* values) {
  known_.emplace_back(point, std::vector(values, values + problem_.metrics.size()));
}

const double* Loop::known(const Point& point) const {
  for (const auto& [at, values] : known_) {
    if (at.x == point.x && at.y == point.y) return values.data();
  }
  return nullptr;
}

Loop::Worker& Loop::renewed() {
  workers_.clear();
  prepare(1);
  Worker& worker = *workers_[0];
  worker.parameters.take(problem_.plane.center);
  if (!buffers_.slot.empty()) worker.buffers.take(problem_.plane.buffers.center);
  return worker;
}

/// Channels last, if that gives the same numbers: code that asks for another layout fails, and
/// nobody knows what a network does with strides.
void Loop::choose_layout(const Data& batch) {
  const auto any = [](const auto& tensors) {
    return std::any_of(tensors.begin(), tensors.end(), has_channels);
  };
  bool images = has_channels(batch.input);
  for (const auto& [name, tensor] : batch.named) images = images || has_channels(tensor);
  if (!images || !any(problem_.plane.center) || !problem_.plane.center[0].is_cpu()) return;
  if (!is_for_channels_last(problem_.plane.center)) return;
  const auto same = [&](const Data& some) {
    channels_last_ = false;
    const Tensor plain = predict(renewed(), copied(some));
    channels_last_ = true;
    return agree(predict(renewed(), copied(some)), plain);
  };
  const int64_t samples = samples_of(batch);
  const auto try_some = [&](int64_t count) -> std::optional<bool> {
    try {
      return same(part_of(batch, 0, count));
    } catch (const std::exception&) {
      return std::nullopt;
    }
  };
  std::optional<bool> fits = try_some(std::min<int64_t>(samples, 2));
  if (!fits && samples > 2) fits = try_some(samples);  // exports may take one size only
  channels_last_ = fits.value_or(false);
  if (!channels_last_) return;
  for (Tensor& u : parameters_.u) {
    if (has_channels(u)) u = u.contiguous(kChannelsLast);
  }
}

/// Parts of batches, if that gives the same numbers.
void Loop::choose_parts(const Data& batch) {
  const int64_t samples = samples_of(batch);
  if (exported_batch_size(problem_.model) > 0) return;  // the network has parts of its own
  if (samples < 2 || !is_divisible(problem_)) return;
  Worker& worker = renewed();
  int64_t peak = 0;
  const Look look = [&](const Data& some, double* values) {
    const Data own = copied(some);
    Tensor prediction;
    peak = peak_bytes([&] {
      prediction = predict(worker, own);
      for (size_t m = 0; m < problem_.metrics.size(); ++m) {
        const Metric& metric = problem_.metrics[m];
        values[m] = metric.count(own.target) > 0
                        ? result(metric, prediction, own.target).item<double>()
                        : 0;
      }
    });
    return prediction;
  };
  try {
    std::vector<double> values(problem_.metrics.size());
    look(part_of(batch, 0, 2), values.data());
    const int64_t all = peak / 2 * samples;
    if (all <= std::min(kCached, room(1))) return;
    const int64_t few = samples < 4 || 2 * peak > room(1) ? 1 : 2;
    if (!treats_samples_alike(problem_, batch, few, look)) return;
    const int64_t each = std::max<int64_t>(peak / (2 * few), 1);
    const int64_t worthwhile = std::max(kCached, tensors::bytes_of(problem_.plane.center)) / each;
    int64_t most = std::min({room(2) / each, kSamples, std::max(worthwhile, kFewSamples)});
    if (most < kFewSamples) most = std::min(room(1) / each, kFewSamples);
    most = std::max(most, few);
    if (most >= samples) return;
    samples_at_once_ = most;
    whole_activations_ = each * samples;
    data_ = in_parts(problem_.data, most);
    weights_ = BatchWeights("evaluate", problem_.metrics, data_);
  } catch (const std::exception&) {  // it takes whole batches only; what else is wrong shows there
  }
}

/// With the statistics of its batches the center is another network than the one that was seen. The
/// worker is at the center.
void Loop::recompute_center(const tensors::Pulse& pulse) {
  if (problem_.batch_norm != BatchNorm::Recompute) return;
  std::vector<double> values(problem_.metrics.size());
  Worker& worker = *workers_[0];
  const int64_t peak = peak_bytes([&] { metrics(worker, data_.size(), values.data(), pulse); });
  activations_ = std::max(activations_, peak);
  know({0, 0}, values.data());
}

std::string Loop::about_precision(size_t metric) const {
  const double* const here = known({0, 0});
  if (!is_narrow_ || !here) return "";
  std::ostringstream text;
  text.precision(6);
  text << "bfloat16, which gives " << here[metric] << " at the network where float32 gives "
       << own_values_[metric];
  return text.str();
}

Center Loop::seen_at_center(const tensors::Pulse& pulse) {
  Worker& worker = renewed();
  Center center;
  const std::vector<uint64_t> buffers_before = states_of(tensors_of(worker.model->buffers()));
  tensors::Fingerprint values;
  std::vector<double> sums(problem_.metrics.size());
  const auto look = [&](size_t b) {
    // Copies, so that the user's own stay as they are whatever is done to them.
    const Data own = copied(data_[b]);
    const Tensor &input = own.input, &target = own.target;
    Tensors inputs = tensors_of(own.named);
    inputs.push_back(input);
    const std::vector<uint64_t> inputs_before = states_of(inputs);
    const uint64_t target_before = state_of(target);
    Tensor prediction;
    uint64_t prediction_before = 0;
    const int64_t peak = peak_bytes([&] {
      prediction = prediction_of(
          *worker.model, own, "evaluate",
          problem_.batch_norm == BatchNorm::Batch
              ? " with batch normalisation in training mode (options.batch_norm is Batch)"
              : "");
      if (!prediction.defined())
        refuse("evaluate: forward() of the network returned an undefined tensor");
      if (states_of(inputs) != inputs_before) {
        refuse("evaluate: forward() of the network of type ", problem_.model.type(),
               " changes its input in place, which would change your data at every point; let it "
               "begin with x.clone(), or take operations without an underscore: x - 0.5 instead of "
               "x.sub_(0.5)");
      }
      for (const Metric& metric : problem_.metrics) {
        if (metric.traits.equal_shapes && prediction.sizes() != target.sizes()) {
          refuse("evaluate: data.target has shape ", target.sizes(),
                 ", but the network's predictions have shape ", prediction.sizes(), "; ",
                 metric.name, " needs equal shapes");
        }
      }
      prediction_before = state_of(prediction);
      for (size_t m = 0; m < problem_.metrics.size(); ++m) {
        const Metric& metric = problem_.metrics[m];
        const double here = translated([&] { return result(metric, prediction, target); },
                                       "the metrics do not take predictions of shape ",
                                       prediction.sizes(), " beside data.target of shape ",
                                       target.sizes(), " and type ", target.scalar_type())
                                .item<double>();
        values.add(here);
        const double weight = weights_.of(b, m);
        if (weight != 0) sums[m] += weight * here;
        const bool shared = problem_.metrics.size() > 1;  // with the other metrics
        if (states_of(inputs) != inputs_before || state_of(target) != target_before ||
            (shared && state_of(prediction) != prediction_before)) {
          refuse("evaluate: the metric '", metric.name,
                 "' changes its arguments in place; let it take operations without an underscore");
        }
      }
    });
    activations_ = std::max(activations_, peak);
    center.hashes.push_back(hash_of(prediction));
    return outline(prediction);
  };
  Tensors outlines;
  for (size_t b = 0; b < data_.size(); ++b) {
    outlines.push_back(look(b));
    if (pulse && b + 1 < data_.size()) pulse(0);
  }
  check_written(worker, buffers_before, center.hashes.front());
  center.values = values.value();
  divide(data_.size(), sums.data());
  if (problem_.batch_norm != BatchNorm::Recompute && known_.empty()) know({0, 0}, sums.data());
  center.predictions = samples_at_once_ == 0 ? std::move(outlines) : whole(outlines);
  return center;
}

/// A network may write its buffers (a cache, a count), but not predict otherwise for it. `first` is
/// the hash of what it predicted of the first batch.
void Loop::check_written(Worker& worker, const std::vector<uint64_t>& before,
                         uint64_t first) const {
  const Named buffers = worker.model->buffers();
  const std::vector<uint64_t> after = states_of(tensors_of(buffers));
  const auto changed = std::mismatch(after.begin(), after.end(), before.begin()).first;
  if (changed == after.end() || hash_of(predict(worker, copied(data_[0]))) == first) return;
  refuse(
      "evaluate: forward() of the network of type ", problem_.model.type(), " writes its buffer '",
      buffers[static_cast<size_t>(changed - after.begin())].first,
      "', and predicts otherwise afterwards: no two points would be measured alike. Let it do so "
      "only while it trains, and export net.eval()");
}

/// The outlines of whole batches.
Tensors Loop::whole(const Tensors& parts) const {
  Tensors result;
  size_t part = 0;
  for (const Data& batch : problem_.data) {
    auto sizes = parts[part].sizes().vec();
    sizes[0] = 0;
    const Tensor& first = parts[part];
    while (sizes[0] < samples_of(batch) && part < parts.size()) sizes[0] += parts[part++].size(0);
    result.push_back(at::empty({}, first.options()).expand(sizes));
  }
  return result;
}

/// Whether predictions change when the registered parameters of the worker do.
bool Loop::follows_parameters(const std::vector<uint64_t>& hashes) {
  Worker& worker = *workers_[0];
  for (const auto& [name, parameter] : worker.model->parameters()) {
    if (parameter.is_floating_point()) {
      parameter.detach().fill_(std::numeric_limits<double>::quiet_NaN());
    }
  }
  for (size_t k = 0; k < hashes.size(); ++k) {
    try {
      const Tensor prediction = run(*worker.model, copied(data_[k]));
      if (!prediction.is_floating_point() || hash_of(prediction) != hashes[k] ||
          !at::isfinite(prediction).all().item<bool>()) {
        return true;
      }
    } catch (const std::exception&) {
      return true;  // it does not take NaN
    }
  }
  return false;
}

Center Loop::try_center(const tensors::Pulse& pulse) {
  const tensors::OneThread one;
  tensors::KeptGenerator generator;
  const Data& largest =
      *std::max_element(problem_.data.begin(), problem_.data.end(),
                        [](const Data& a, const Data& b) { return samples_of(a) < samples_of(b); });
  choose_layout(largest);
  choose_parts(largest);
  Center center = seen_at_center(pulse);
  if (problem_.precision == Precision::Bfloat16) {
    recompute_center(pulse);
    own_values_ = known_.front().second;
    known_.clear();
    is_narrow_ = true;
    center = seen_at_center(pulse);
  }
  if (generator.moved()) {  // by the network, a metric or another thread
    const Center again = seen_at_center(pulse);
    if (again.hashes != center.hashes || again.values != center.values) {
      refuse("evaluate: the network of type ", problem_.model.type(),
             " or a metric draws random numbers although it is evaluated: no two points would be "
             "measured alike. Draw only while is_training(), or from a generator of your own that "
             "begins with the same seed each time, and trace TorchScript in eval mode");
    }
  }
  if (!follows_parameters(center.hashes)) {
    refuse(
        "evaluate: the network of type ", problem_.model.type(),
        " predicts the same whatever its parameters are: it reads weights past its registered "
        "parameters, such as a view or copy that it keeps of them, which clone() does not renew. "
        "Take weights from the parameters in forward(), or override clone()");
  }
  renewed();
  recompute_center(pulse);
  if (samples_at_once_ == 0) whole_activations_ = activations_;
  return center;
}

void Loop::move_to(Worker& worker, const Point& point) const {
  if (worker.beta != point.y) {
    worker.parameters.row(point.y);
    worker.buffers.row(point.y);
    worker.beta = point.y;
  }
  worker.parameters.column(point.x);
  worker.buffers.column(point.x);
}

void Loop::measure_weights(int worker_index, const Tensors& weights, const Tensors& buffers,
                           double* values, const tensors::Pulse& pulse) {
  const tensors::OneThread one;
  Worker& worker = *workers_[static_cast<size_t>(worker_index)];
  worker.parameters.take(weights);
  if (!buffers_.slot.empty()) worker.buffers.take(buffers);
  metrics(worker, data_.size(), values, pulse);
}

void Loop::glance(const Point& point, double* values) {
  const tensors::OneThread one;
  Worker& worker = *workers_[0];
  move_to(worker, point);
  metrics(worker, 1, values, {});
  if (data_.size() == 1) know(point, values);
}

void Loop::measure(int worker_index, std::span<const Point> points, double* values,
                   const tensors::Pulse& pulse) {
  const tensors::OneThread one;
  Worker& worker = *workers_[static_cast<size_t>(worker_index)];
  const size_t count = problem_.metrics.size();
  for (size_t k = 0; k < points.size(); ++k) {
    double* const here = values + k * count;
    if (const double* const values_there = known(points[k])) {
      std::copy_n(values_there, count, here);
      continue;
    }
    move_to(worker, points[k]);
    metrics(worker, data_.size(), here, pulse);
  }
}

}  // namespace descent::landscape
