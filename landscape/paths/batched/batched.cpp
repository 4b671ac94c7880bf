#include <ATen/ops/empty_like.h>

#include <descent/landscape/paths/batched/batched.h>

#ifndef DESCENT_HAS_VMAP

namespace descent::landscape {

std::unique_ptr<Batched> Batched::of(const Problem&, int64_t, std::string* why_not) {
  *why_not = "this build of descent is without it (DESCENT_BATCHED)";
  return nullptr;
}

}  // namespace descent::landscape

#else

#include <algorithm>
#include <deque>
#include <functional>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <vector>

#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <descent/landscape/network/parameters.h>
#include <descent/landscape/paths/batched/batching_rules.h>
#include <descent/landscape/paths/flat.h>
#include <descent/tensors/memory.h>
#include <descent/tensors/one_thread.h>

namespace descent::landscape {
namespace {

using at::Tensor;
using Tensors = std::vector<Tensor>;

/// Networks at once on a CPU: as many as work on this much memory together. With fewer, the cost of
/// calling operations shows, with more, that of memory. Other devices have no such limit, since they
/// wait for memory less than for the next operation.
constexpr int64_t kWorkingSet = int64_t{4} << 20;
constexpr int64_t kMostNetworks = 256;

/// Below this, the loop is as fast: one network keeps the operations busy, and stays in the cache.
constexpr int64_t kFewestNetworks = 16;

/// A chunk takes at most this share of the budget, so that several threads can work.
constexpr int64_t kShare = 8;

/// The same tensors of several points of the plane.
class Stack {
 public:
  Stack(const Flat& flat, int64_t networks) : flat_(flat) {
    if (flat.entries == 0) return;
    base_ = at::empty_like(flat.center);
    all_ = at::empty({networks, flat.entries}, flat.center.options());
    for (int64_t b = 0; b < networks; ++b) rows_.push_back(all_.select(0, b));
  }

  /// Each row as the loop computes it, center + beta * v and then + alpha * u, so that weights have
  /// the same bits. The last point is repeated.
  void place(std::span<const Point> points) {
    for (size_t b = 0; b < rows_.size(); ++b) {
      if (b >= points.size()) {
        rows_[b].copy_(rows_[points.size() - 1]);
        continue;
      }
      if (b == 0 || points[b].y != points[b - 1].y) {
        at::add_out(base_, flat_.center, flat_.v, points[b].y);
      }
      at::add_out(rows_[b], base_, flat_.u, points[b].x);
    }
  }

  /// [networks, ...] of the tensor `slot`: a view.
  Tensor of(size_t slot) const { return flat_.view(all_, slot); }

 private:
  const Flat& flat_;
  Tensor base_, all_;
  Tensors rows_;
};

class VmapBatched : public Batched {
 public:
  VmapBatched(const Problem& problem, int64_t networks)
      : problem_(problem),
        networks_(networks),
        parameters_(problem.plane.center, problem.plane.u, problem.plane.v),
        parameter_slot_(parameters_of(problem.model).slot),
        buffer_slot_(floating_buffers_of(problem.model).slot) {
    const auto& buffers = problem.plane.buffers;
    if (problem.batch_norm == BatchNorm::Interpolate && !buffers.center.empty()) {
      buffers_ = Flat(buffers.center, buffers.u, buffers.v);
    }
  }

  void prepare(int workers) override {
    while (workers_.size() < static_cast<size_t>(workers)) {
      workers_.emplace_back(*this);
    }
  }

  int64_t chunk() const override { return networks_; }

  int64_t bytes() const override {
    // One more for base and one for the clone's own.
    return peak_ + (networks_ + 2) * moving_bytes();
  }

  int64_t shared_bytes() const override { return 3 * moving_bytes(); }

  /// Of one network at one point.
  int64_t moving_bytes() const { return parameters_.bytes() + buffers_.bytes(); }

  void measure(int worker, std::span<const Point> points, double* values,
               const tensors::Pulse&) override {
    const auto run = [&] { measure_chunk(worker, points, values); };
    if (peak_ > 0) return run();
    // The first time, for the self-check: no other worker is at work.
    peak_ = tensors::peak_bytes(run, problem_.plane.center[0].device());
  }

 private:
  void measure_chunk(int worker_index, std::span<const Point> points, double* values) {
    const tensors::OneThread one;
    const NoWarnings no_warnings;
    Worker& worker = workers_[static_cast<size_t>(worker_index)];
    worker.parameters.place(points);
    worker.buffers.place(points);
    if (problem_.batch_norm == BatchNorm::Recompute) worker.model->reset_statistics("evaluate");

    const VmapLevel level(networks_);
    Substitution::Map stand_ins;
    for (const auto& [own, stacked] : worker.moving) {
      stand_ins.emplace(own, level.enter(stacked));
    }
    for (const Tensor& own : worker.statistics) {
      auto sizes = own.sizes().vec();
      sizes.insert(sizes.begin(), networks_);
      stand_ins.emplace(own.unsafeGetTensorImpl(), level.enter(own.expand(sizes).clone()));
    }
    const Substitution substitution(stand_ins, level, batching_rule);

    if (problem_.batch_norm == BatchNorm::Recompute) {
      worker.model->eval(true);
      for (const Data& batch : problem_.data) run(*worker.model, batch);
      worker.model->eval(false);
    }
    const size_t metrics = problem_.metrics.size();
    std::fill_n(values, points.size() * metrics, 0.0);
    for (size_t b = 0; b < problem_.data.size(); ++b) {
      const Data& batch = problem_.data[b];
      const Tensor prediction = run(*worker.model, batch);
      for (size_t m = 0; m < metrics; ++m) {
        const double weight = problem_.batch_weights.of(b, m);
        if (weight == 0) continue;  // its mean is not a number
        const Tensor each = level.leave(metric_value(problem_.metrics[m], prediction, batch.target))
                                .to(at::kDouble)
                                .reshape({networks_})
                                .cpu()
                                .contiguous();
        const double* value = each.const_data_ptr<double>();
        for (size_t k = 0; k < points.size(); ++k) values[k * metrics + m] += weight * value[k];
      }
    }
    for (size_t k = 0; k < points.size() * metrics; ++k) {
      values[k] /= problem_.batch_weights.total(k % metrics);
    }
  }

  struct Worker {
    explicit Worker(const VmapBatched& all)
        : model(all.problem_.model.clone("evaluate")),
          parameters(all.parameters_, all.networks_),
          buffers(all.buffers_, all.networks_) {
      const BatchNorm mode = all.problem_.batch_norm;
      model->eval(mode == BatchNorm::Batch);
      connect(model->parameters(), all.parameter_slot_, parameters);
      if (mode == BatchNorm::Interpolate) {
        connect(model->buffers(), all.buffer_slot_, buffers);
      } else if (mode != BatchNorm::Keep) {
        for (const auto& [name, buffer] : model->buffers()) {
          // Not the count of batches, which Module::to(torch::kFloat64) converts, too.
          if (buffer.is_floating_point() && buffer.dim() > 0) statistics.push_back(buffer);
        }
      }
    }

    /// Its own values are replaced by NaN: what reads them past the dispatcher shows.
    void connect(const Named& own, const std::vector<size_t>& slot, const Stack& stack) {
      for (size_t k = 0; k < own.size(); ++k) {
        if (slot[k] == kNoSlot) continue;
        own[k].second.detach().fill_(std::numeric_limits<double>::quiet_NaN());
        moving.emplace(own[k].second.unsafeGetTensorImpl(), stack.of(slot[k]));
      }
    }

    std::unique_ptr<Model> model;
    Stack parameters, buffers;
    Substitution::Map moving;  // the clone's tensors and their stacks
    Tensors statistics;        // the clone's, of batch normalisation, which training mode changes
  };

  const Problem& problem_;
  int64_t networks_;
  int64_t peak_ = 0;  // bytes of what forward() and the metrics make of a chunk
  Flat parameters_, buffers_;
  std::vector<size_t> parameter_slot_, buffer_slot_;
  std::deque<Worker> workers_;  // which do not move
};

/// What one network of several takes. Batching rules may make more than the loop does: all scores of
/// attention, for one.
int64_t bytes_at_once(const Problem& problem) {
  VmapBatched two(problem, 2);
  two.prepare(1);
  const Point center{0, 0};
  std::vector<double> values(problem.metrics.size());
  two.measure(0, {&center, 1}, values.data(), {});
  return two.bytes() / 2;
}

}  // namespace

std::unique_ptr<Batched> Batched::of(const Problem& problem, int64_t activations,
                                     std::string* why_not) {
  const Plane& plane = problem.plane;
  *why_not = why_not_stacked("parameter", plane.names, plane.center);
  if (why_not->empty())
    *why_not = why_not_stacked("buffer", plane.buffers.names, plane.buffers.center);
  if (!why_not->empty()) return nullptr;
  int64_t one = activations;
  for (const auto* list : {&plane.center, &plane.buffers.center}) {
    for (const Tensor& tensor : *list) one += static_cast<int64_t>(tensor.nbytes());
  }
  one = std::max<int64_t>(one, 1);
  const int64_t working_set = plane.center[0].is_cpu() ? kWorkingSet : problem.memory;
  const auto fits = [&](int64_t networks) {
    if (networks >= kFewestNetworks) return true;
    std::ostringstream text;
    text << "one network takes " << one << " bytes, so several at once gain nothing";
    if (working_set / one >= kFewestNetworks) text << " in options.memory = " << problem.memory;
    *why_not = text.str();
    return false;
  };
  const int64_t fastest = std::min(working_set / one, kMostNetworks);
  if (!fits(std::min(fastest, problem.memory / kShare / one))) return nullptr;
  try {
    Substitution::install();
  } catch (const c10::Error& error) {
    *why_not = std::string("LibTorch's dispatcher refuses: ") + error.what_without_backtrace();
    return nullptr;
  }
  try {
    one = std::max(one, bytes_at_once(problem));
  } catch (const c10::Error& error) {
    *why_not = std::string("the batched path failed: ") + error.what_without_backtrace();
    return nullptr;
  } catch (const std::exception& error) {
    *why_not = std::string("the batched path failed: ") + error.what();
    return nullptr;
  }
  const int64_t networks = std::min(fastest, problem.memory / kShare / one);
  if (!fits(networks)) return nullptr;
  return std::make_unique<VmapBatched>(problem, networks);
}

}  // namespace descent::landscape

#endif
