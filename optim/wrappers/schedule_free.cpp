#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <descent/optim/wrappers/companions.h>
#include <descent/optim/wrappers/schedule_free.h>
#include <descent/tensors/computed_in.h>
#include <descent/tensors/loss_of.h>
#include <descent/tensors/restore.h>

namespace descent {
namespace {

constexpr size_t kNumbers = rules::FreeSchedule::listed;

}  // namespace

ScheduleFree::ScheduleFree(InnerOptimizer inner, const Options& options)
    : Wrapper("ScheduleFree", std::move(inner)), options_(checked("ScheduleFree", options)) {
  refuse_inside({Has::Modes, Has::SlowWeights, Has::OtherClosures, Has::OwnRate, Has::Masters,
                 Has::DividesByRate});
}

Companions ScheduleFree::z() const {
  return {name(), "points z", const_cast<ScheduleFree*>(this)->state_};
}

at::Tensor ScheduleFree::step(LossClosure closure) {
  TORCH_CHECK(training_,
              "ScheduleFree: step() while the parameters are those of an evaluation, must follow "
              "train()");
  begin_step();
  refuse_inside({Has::Masters});
  z().check(param_groups_);
  at::Tensor loss = tensors::loss_of(closure);
  const at::NoGradGuard no_grad;
  struct Moved {
    at::Tensor p, y, x, z;
    double part;
    size_t group;
  };
  std::vector<Moved> moved;
  auto schedules = schedules_;
  schedules.resize(param_groups_.size());
  const double b = options_.momentum;
  tensors::KeptValues weights;
  Companions points = z();
  for (size_t g = 0; g < param_groups_.size(); ++g) {
    const double l = inner().param_groups()[g].options().get_lr();
    schedules[g].count(options_, l);
    for (const auto& p : param_groups_[g].params()) {
      if (!p.grad().defined()) continue;
      const at::Tensor* const known = points.find(p);
      const at::Tensor y = tensors::widened(p);
      at::Tensor point = known == nullptr ? y : tensors::widened(known->to(p.device()));
      const at::Tensor x = y + (1 - 1 / b) * (point - y);
      if (options_.weight_decay_at_y != 0) point = point - l * options_.weight_decay_at_y * y;
      moved.push_back({p, y, x, point, schedules[g].part(options_), g});
      weights.keep(p);
      if (options_.inner_at == InnerAt::Z) p.copy_(point);
    }
  }
  inner().step();
  for (const Moved& m : moved) {
    const at::Tensor after = tensors::widened(m.p);
    const at::Tensor point = options_.inner_at == InnerAt::Z ? after : m.z + (after - m.y);
    const at::Tensor x = m.x + m.part * (point - m.x);
    at::Tensor& kept = points.get(m.p);
    kept = point.to(m.p.scalar_type());
    m.p.copy_(x + (1 - b) * (point - x));
  }
  weights.forget();
  schedules_ = std::move(schedules);
  return loss;
}

void ScheduleFree::eval() { change_mode(false); }
void ScheduleFree::train() { change_mode(true); }

void ScheduleFree::change_mode(bool training) {
  if (training == training_) return;
  const at::NoGradGuard no_grad;
  mirror_groups();
  const Companions points = z();
  points.check(param_groups_);
  const double part = training ? 1 - options_.momentum : 1 - 1 / options_.momentum;
  for (const auto& group : param_groups_)
    for (const auto& p : group.params()) {
      const at::Tensor* const point = points.find(p);
      if (point == nullptr) continue;
      const at::Tensor from = tensors::widened(p);
      p.copy_(from + part * (tensors::widened(point->to(p.device())) - from));
    }
  training_ = training;
}

void ScheduleFree::save_own(tensors::RecordWriter& record) const {
  const auto& groups = inner().param_groups();
  z().check(groups);
  std::vector<double> numbers;
  for (size_t g = 0; g < groups.size(); ++g) {
    const rules::FreeSchedule schedule =
        g < schedules_.size() ? schedules_[g] : decltype(schedule)();
    rules::FreeSchedule::each(schedule, [&](const char*, double x) { numbers.push_back(x); });
  }
  record.write("training", int64_t{training_ ? 1 : 0});
  record.write("schedules", numbers);
  record.write("z", z().named(groups));
}

Wrapper::Change ScheduleFree::read_own(const tensors::RecordReader& record) {
  const at::NoGradGuard no_grad;
  const int64_t training = record.count("training");
  TORCH_CHECK(training <= 1, "ScheduleFree: the archive has training = ", training,
              ", must be 0 or 1");
  const auto numbers = record.read<std::vector<double>>("schedules");
  TORCH_CHECK(numbers.size() == kNumbers * param_groups_.size(), "ScheduleFree: the archive has ",
              numbers.size(), " numbers of groups, must have ", kNumbers * param_groups_.size());
  std::vector<rules::FreeSchedule> schedules(param_groups_.size());
  size_t i = 0;
  for (auto& schedule : schedules)
    rules::FreeSchedule::each(schedule, [&](const char* number, double& x) {
      x = numbers[i++];
      TORCH_CHECK(std::isfinite(x), "ScheduleFree: the archive has ", number, " = ", x,
                  ", must be finite");
    });
  const auto loaded = z().read(record.read<tensors::NamedTensors>("z"), param_groups_);
  return [this, loaded, schedules, training] {
    state_ = std::move(*loaded);
    schedules_ = schedules;
    training_ = training == 1;
  };
}

Wrapper::Change ScheduleFree::replace_own(const at::Tensor& from, const at::Tensor& to,
                                          const std::function<at::Tensor(const at::Tensor&)>& map) {
  return z().replacement(from, to, map);
}

}  // namespace descent
