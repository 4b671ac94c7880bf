#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <descent/optim/wrappers/companions.h>
#include <descent/optim/wrappers/mechanic.h>
#include <descent/tensors/computed_in.h>
#include <descent/tensors/fit.h>
#include <descent/tensors/loss_of.h>
#include <descent/tensors/real_view.h>

namespace descent {
namespace {

/// The inner product, of complex tensors that of their real views.
double product(const at::Tensor& x, const at::Tensor& y) {
  using tensors::real_view;
  return (real_view(x) * real_view(y)).to(at::kDouble).sum().item<double>();
}

}  // namespace

Mechanic::Mechanic(InnerOptimizer inner, const Options& options)
    : Wrapper("Mechanic", std::move(inner)), options_(checked("Mechanic", options)) {
  refuse_inside({Has::Modes, Has::SlowWeights, Has::OtherClosures, Has::OwnRate, Has::Masters});
  memories_.resize(static_cast<size_t>(options_.num_betas));
  for (Memory& memory : memories_) memory.s = options_.s_init;
}

Companions Mechanic::starts() const {
  return {name(), "first weights", const_cast<Mechanic*>(this)->state_};
}

double Mechanic::scale() const {
  double sum = 0;
  for (const Memory& memory : memories_) sum += memory.s;
  return sum;
}

std::vector<Mechanic::Memory> Mechanic::advanced(double h) const {
  auto memories = memories_;
  double distance = 1;  // of b from 1
  for (Memory& x : memories) {
    distance *= 0.1;
    const double b = 1 - distance, clipped = std::clamp(h, -x.m, x.m);
    x.m = std::max(b * x.m, std::abs(h) + options_.eps);
    x.v = b * b * x.v + h * h;
    x.r = b * x.r + clipped * x.s;
    const double part = options_.s_init / static_cast<double>(options_.num_betas);
    const double root = std::sqrt(x.v) + options_.eps;
    x.s = root == 0 ? part : (part * x.m + std::max(x.r, 0.0)) / root;  // m is 0 with it
  }
  return memories;
}

at::Tensor Mechanic::step(LossClosure closure) {
  begin_step();
  refuse_inside({Has::Masters});
  starts().check(param_groups_);
  at::Tensor loss = tensors::loss_of(closure);
  const at::NoGradGuard no_grad;
  struct Moved {
    at::Tensor p, before, start, direction;  // direction: D0
  };
  std::vector<Moved> moved;
  Companions first = starts();
  const double scale = this->scale();
  double gradients = 0, weights = 0, along = 0, against = 0;
  for (size_t g = 0; g < param_groups_.size(); ++g) {
    const double sign = maximizes(g) ? -1 : 1;
    const auto& params = param_groups_[g].params();
    for (size_t i = 0; i < params.size(); ++i) {
      const at::Tensor& p = params[i];
      if (!p.grad().defined()) continue;
      TORCH_CHECK(p.grad().layout() == at::kStrided && p.grad().sizes() == p.sizes(),
                  "Mechanic: the gradient of params[", i, "] of group ", g,
                  " must be strided and of sizes ", p.sizes());
      const at::Tensor* const known = first.find(p);
      const at::Tensor before = tensors::widened(p), gradient = sign * tensors::widened(p.grad());
      const at::Tensor start = known == nullptr ? before : tensors::widened(known->to(p.device()));
      const at::Tensor direction = (start - before) / (scale + options_.eps);
      gradients += product(gradient, gradient);
      weights += product(before, before);
      along += product(gradient, direction);
      against += product(before, direction);
      moved.push_back({p, before, start, direction});
    }
  }
  const double size = std::sqrt(weights) + options_.eps;
  const double a = size == 0 ? 0 : options_.weight_decay * scale * std::sqrt(gradients) / size;
  auto memories = advanced(along + a * against);
  inner().step();
  if (moved.empty()) return loss;
  memories_ = std::move(memories);
  const double after = this->scale();
  for (const Moved& m : moved) {
    first.get(m.p) = m.start.to(m.p.scalar_type());
    m.p.copy_(m.start - after * (m.direction - (tensors::widened(m.p) - m.before)));
  }
  return loss;
}

void Mechanic::save_own(tensors::RecordWriter& record) const {
  starts().check(inner().param_groups());
  std::vector<double> numbers;
  for (const Memory& memory : memories_)
    Memory::each(memory, [&](const char*, double x) { numbers.push_back(x); });
  record.write("memories", numbers);
  record.write("starts", starts().named(inner().param_groups()));
}

Wrapper::Change Mechanic::read_own(const tensors::RecordReader& record) {
  const at::NoGradGuard no_grad;
  const auto numbers = record.read<std::vector<double>>("memories");
  TORCH_CHECK(numbers.size() == Memory::listed * memories_.size(), "Mechanic: the archive has ",
              numbers.size(), " numbers of memories, must have ", Memory::listed * memories_.size(),
              " for num_betas = ", memories_.size());
  std::vector<Memory> memories(memories_.size());
  size_t i = 0;
  for (Memory& memory : memories)
    Memory::each(memory, [&](const char* number, double& x) {
      x = numbers[i++];
      TORCH_CHECK(std::isfinite(x), "Mechanic: the archive has ", number, " = ", x,
                  ", must be finite");
    });
  const auto loaded = starts().read(record.read<tensors::NamedTensors>("starts"), param_groups_);
  return [this, loaded, memories] {
    state_ = std::move(*loaded);
    memories_ = memories;
  };
}

Wrapper::Change Mechanic::replace_own(const at::Tensor& from, const at::Tensor& to,
                                      const std::function<at::Tensor(const at::Tensor&)>& map) {
  return starts().replacement(from, to, map);
}

}  // namespace descent
