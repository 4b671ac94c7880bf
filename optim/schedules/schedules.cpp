#include <limits>

#include <descent/optim/schedules/momentum.h>
#include <descent/optim/schedules/schedules.h>
#include <descent/tensors/record.h>

namespace descent {

/// All that a step will change, computed before any of it.
struct Scheduler::Plan {
  std::vector<double> base_lrs, rates;
  std::vector<std::function<void()>> momenta;
};

Scheduler::Scheduler(torch::optim::Optimizer& optimizer, Schedule schedule,
                     const ScheduleStart& from)
    : LRScheduler(optimizer), optimizer_(optimizer), schedule_(std::move(schedule)) {
  start(from);
}

/// `previous` are the rates of n - 1, or empty.
Scheduler::Plan Scheduler::plan(int64_t n, std::vector<double> base_lrs,
                                const std::vector<double>& previous) const {
  const auto& groups = optimizer_.param_groups();
  if (base_lrs.size() != groups.size()) check_schedule();
  Plan plan{std::move(base_lrs), {}, {}};
  for (size_t g = 0; g < groups.size(); ++g) {
    if (g == plan.base_lrs.size()) plan.base_lrs.push_back(groups[g].options().get_lr());
    const BaseRate base(plan.base_lrs[g], g);
    plan.rates.push_back(g < previous.size() ? schedule_.step(base, previous[g], n)
                                             : schedule_.at(base, n));
    TORCH_CHECK(domains::non_negative.holds(plan.rates[g]), schedule_.name(),
                ": lr = ", plan.rates[g], " for group ", g, " at n = ", n, ", must be ",
                domains::non_negative.text);
    if (const auto momentum = schedule_.momentum(g, n)) {
      TORCH_CHECK(momentum_of(optimizer_, g), schedule_.name(),
                  ": cycle_momentum = true, must be false for an optimizer that has neither "
                  "momentum nor betas");
      plan.momenta.push_back(momentum_change(optimizer_, g, *momentum));
    }
  }
  return plan;
}

void Scheduler::take(Plan plan) {
  for (const auto& change : plan.momenta) change();
  base_lrs_ = std::move(plan.base_lrs);
  last_lr_ = std::move(plan.rates);
}

/// The rates after the step that is being taken: LibTorch counts it only afterwards.
std::vector<double> Scheduler::get_lrs() {
  take(plan(n() + 1, base_lrs_, last_lr_));
  return last_lr_;
}

/// Refuses a schedule that does not fit the optimizer's groups.
void Scheduler::check_schedule() const {
  const std::string problem = schedule_.problem(optimizer_.param_groups().size());
  TORCH_CHECK(problem.empty(), problem);
}

void Scheduler::start(const ScheduleStart& from) {
  check_schedule();
  auto& groups = optimizer_.param_groups();
  constexpr unsigned kEnd = std::numeric_limits<unsigned>::max();  // LibTorch counts to there
  TORCH_CHECK(from.n >= 0 && from.n < kEnd, "Scheduler: n = ", from.n, ", must be in [0, ", kEnd,
              ")");
  TORCH_CHECK(from.base_lrs.empty() || from.base_lrs.size() == groups.size(),
              "Scheduler: base_lrs of ", from.base_lrs.size(), " groups, must be of ",
              groups.size());
  for (const double lr : from.base_lrs)
    TORCH_CHECK(domains::non_negative.holds(lr), "Scheduler: base_lrs has ", lr, ", must be ",
                domains::non_negative.text);
  take(plan(from.n, from.base_lrs, {}));
  step_count_ = static_cast<unsigned>(from.n);
  for (size_t g = 0; g < groups.size(); ++g) groups[g].options().set_lr(last_lr_[g]);
}

void Scheduler::save(torch::serialize::OutputArchive& archive) const {
  tensors::RecordWriter record(archive);
  record.write("schedule", schedule_.text());
  record.write("n", n());
  record.write("base_lrs", base_lrs_);
  record.close();
}

void Scheduler::load(torch::serialize::InputArchive& archive) {
  const tensors::RecordReader record(archive, "Scheduler");
  record.expect("schedule", schedule_.text());
  const ScheduleStart from{record.count("n"), record.read<std::vector<double>>("base_lrs")};
  TORCH_CHECK(from.base_lrs.size() == optimizer_.param_groups().size(),
              "Scheduler: the archive has ", from.base_lrs.size(), " groups, must have ",
              optimizer_.param_groups().size());
  start(from);
}

}  // namespace descent
