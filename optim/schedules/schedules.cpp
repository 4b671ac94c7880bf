#include <algorithm>
#include <cmath>
#include <numbers>

#include <torch/serialize/archive.h>

#include <descent/optim/schedules/momentum.h>
#include <descent/optim/schedules/schedules.h>

namespace descent {
namespace {

/// 1 at 0, 0 at 1, half a cosine wave between them.
double half_wave(double p) { return (1 + std::cos(std::numbers::pi * p)) / 2; }

double part(int64_t n, int64_t whole) {
  return static_cast<double>(n) / static_cast<double>(whole);
}

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

std::string text_of(const char* name, const std::vector<Schedule>& schedules) {
  std::string text = std::string(name) + " [";
  for (const auto& schedule : schedules) text += (text.back() == '[' ? "" : ", ") + schedule.text();
  return text + "]";
}

/// What is wrong with the options of a schedule that holds others, or with one of those.
template <class S>
std::string problem_of(const S& outer, const std::vector<Schedule>& schedules, size_t groups) {
  const std::string own =
      schedules.empty() ? "schedules = [], must hold a schedule" : fields::problem(outer);
  if (!own.empty()) return std::string(S::name) + ": " + own;
  for (const auto& schedule : schedules)
    if (std::string problem = schedule.problem(groups); !problem.empty()) return problem;
  return "";
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

double CosineAnnealingWarmRestarts::at(double base, int64_t n) const {
  double T_i = static_cast<double>(T_0), T_cur = static_cast<double>(n);
  if (T_mult == 1) T_cur = static_cast<double>(n % T_0);
  for (; T_cur >= T_i; T_i *= static_cast<double>(T_mult)) T_cur -= T_i;
  return eta_min + (base - eta_min) * half_wave(T_cur / T_i);
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

/// Where a cycle through these values is at n.
double OneCycleLR::anneal(int64_t n, std::array<double, 4> through) const {
  TORCH_CHECK(n <= total_steps, name, ": n = ", n, ", must be at most total_steps = ", total_steps);
  const auto N = static_cast<double>(total_steps), x = static_cast<double>(n);
  std::array<double, 3> ends{pct_start * N - 1, 2 * pct_start * N - 2, N - 1};
  const size_t last = three_phase ? 2 : 1;
  ends[last] = N - 1;
  double begin = 0;
  size_t phase = 0;
  while (phase < last && x > ends[phase]) begin = ends[phase++];
  const double length = ends[phase] - begin, from = through[phase], to = through[phase + 1];
  const double p = length == 0 ? 1 : (x - begin) / length;
  return anneal_strategy == AnnealStrategy::Cos ? to + (from - to) * half_wave(p)
                                                : from + (to - from) * std::min(p, 1.0);
}
double OneCycleLR::at(const BaseRate& base, int64_t n) const {
  const double max = max_lr.of(base.group), initial = max / div_factor;
  const double min = initial / final_div_factor;
  return anneal(n, {initial, max, three_phase ? initial : min, min});
}
std::optional<double> OneCycleLR::momentum(size_t group, int64_t n) const {
  if (!cycle_momentum) return {};
  const double low = base_momentum.of(group), high = max_momentum.of(group);
  return anneal(n, {high, low, high, high});
}

/// How far above base_lr, and below max_momentum, the cycle is at n: 1 all the way, at first.
double CyclicLR::height(int64_t n) const {
  const auto up = static_cast<double>(step_size_up), x = static_cast<double>(n);
  const double total = up + static_cast<double>(step_size_down.value_or(step_size_up));
  const double cycle = std::floor(1 + x / total), peak = up / total;
  const double p = 1 + x / total - cycle;
  const double line = p <= peak ? p / peak : (p - 1) / (peak - 1);
  switch (mode) {
    case CyclicMode::Triangular2:
      return line / std::pow(2, cycle - 1);
    case CyclicMode::ExpRange:
      return line * std::pow(gamma, x);
    default:
      return line;
  }
}
double CyclicLR::at(const BaseRate& base, int64_t n) const {
  const double low = base_lr.of(base.group);
  return low + (max_lr.of(base.group) - low) * height(n);
}
std::optional<double> CyclicLR::momentum(size_t group, int64_t n) const {
  if (!cycle_momentum) return {};
  const double high = max_momentum.of(group);
  return high - (high - base_momentum.of(group)) * height(n);
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

size_t SequentialLR::active(int64_t n) const {
  return static_cast<size_t>(std::upper_bound(milestones.begin(), milestones.end(), n) -
                             milestones.begin());
}
/// The base rate of the i-th schedule.
BaseRate SequentialLR::base_of(size_t i, const BaseRate& base) const {
  if (start(i) == 0 || !schedules[i].resume(base, base.lr)) return base;
  return {*schedules[i].resume(base, at(base, start(i) - 1)), base.group};
}
std::string SequentialLR::problem(size_t groups) const {
  if (std::string found = problem_of(*this, schedules, groups); !found.empty()) return found;
  const char* allowed = milestones.size() + 1 != schedules.size() ? "one less than schedules"
                        : std::is_sorted(milestones.begin(), milestones.end()) ? nullptr
                                                                               : "ascending";
  if (allowed == nullptr) return "";
  return std::string(name) + ": " +
         fields::out_of_range("milestones", fields::value_of(milestones), allowed);
}
std::string SequentialLR::text() const {
  return text_of(name, schedules) + " milestones=" + to_text(fields::value_of(milestones));
}
double SequentialLR::at(const BaseRate& base, int64_t n) const {
  const size_t i = active(n);
  return schedules[i].at(base_of(i, base), n - start(i));
}
double SequentialLR::step(const BaseRate& base, double previous, int64_t n) const {
  const size_t i = active(n);
  if (n == start(i)) return at(base, n);
  return schedules[i].step(base_of(i, base), previous, n - start(i));
}
double SequentialLR::next(const BaseRate& base, double present, int64_t n) const {
  const size_t i = active(n);
  if (n > start(i)) return schedules[i].next(base, present, n - start(i));
  const std::optional<double> resumed = n == 0 ? std::nullopt : schedules[i].resume(base, present);
  return schedules[i].at({resumed.value_or(base.lr), base.group}, 0);
}
std::optional<double> SequentialLR::momentum(size_t group, int64_t n) const {
  const size_t now = active(n);
  for (size_t i = now + 1; i-- > 0;) {
    // The last step that a schedule behind us took; none, if two milestones are one.
    const int64_t last = i == now ? n : std::max(milestones[i] - 1, start(i));
    if (const auto found = schedules[i].momentum(group, last - start(i))) return found;
  }
  // Python's schedules set the momentum of their n = 0 when they are made.
  for (size_t i = schedules.size(); i-- > now + 1;)
    if (const auto found = schedules[i].momentum(group, 0)) return found;
  return {};
}

std::string ChainedScheduler::problem(size_t groups) const {
  return problem_of(*this, schedules, groups);
}
std::string ChainedScheduler::text() const { return text_of(name, schedules); }
std::optional<double> ChainedScheduler::scale(int64_t n) const {
  double product = 1;
  for (const auto& schedule : schedules) {
    const auto scale = schedule.scale(n);
    if (!scale) return {};
    product *= *scale;
  }
  return product;
}
double ChainedScheduler::at(const BaseRate& base, int64_t n) const {
  if (const auto product = scale(n)) return base.lr * *product;
  double rate = base.lr;
  for (int64_t k = 0; k <= n; ++k) rate = next(base, rate, k);
  return rate;
}
double ChainedScheduler::step(const BaseRate& base, double previous, int64_t n) const {
  if (const auto product = scale(n)) return base.lr * *product;
  return next(base, previous, n);
}
double ChainedScheduler::next(const BaseRate& base, double present, int64_t n) const {
  for (const auto& schedule : schedules) present = schedule.next(base, present, n);
  return present;
}
std::optional<double> ChainedScheduler::momentum(size_t group, int64_t n) const {
  for (size_t i = schedules.size(); i-- > 0;)
    if (const auto found = schedules[i].momentum(group, n)) return found;
  return {};
}

double Warmup::warmth(int64_t n) const { return n < W ? from + (1 - from) * part(n, W) : 1; }
std::string Warmup::problem(size_t groups) const { return problem_of(*this, {schedule}, groups); }
std::string Warmup::text() const {
  return text_of(name, {schedule}) + " W=" + std::to_string(W) + " from=" + to_text(from);
}
std::optional<double> Warmup::scale(int64_t n) const {
  const auto inner = schedule.scale(std::max<int64_t>(n - W, 0));
  if (!inner) return {};
  return warmth(n) * *inner;
}
double Warmup::at(const BaseRate& base, int64_t n) const {
  return warmth(n) * schedule.at(base, std::max<int64_t>(n - W, 0));
}
double Warmup::step(const BaseRate& base, double previous, int64_t n) const {
  return n <= W ? at(base, n) : schedule.step(base, previous, n - W);
}
double Warmup::next(const BaseRate& base, double present, int64_t n) const {
  if (n == 0) return warmth(0) * schedule.next(base, present, 0);
  if (n > W) return schedule.next(base, present, n - W);
  return warmth(n - 1) != 0 ? present * (warmth(n) / warmth(n - 1)) : at(base, n);
}
std::optional<double> Warmup::momentum(size_t group, int64_t n) const {
  return schedule.momentum(group, std::max<int64_t>(n - W, 0));
}

/// All that a step will change, computed before any of it.
struct Scheduler::Plan {
  std::vector<double> base_lrs, rates;
  std::vector<std::function<void()>> momenta;
};

Scheduler::Scheduler(torch::optim::Optimizer& optimizer, Schedule schedule)
    : LRScheduler(optimizer), optimizer_(optimizer), schedule_(std::move(schedule)) {
  apply(0, {});
}

/// `previous` are the rates of n - 1, or empty.
Scheduler::Plan Scheduler::plan(int64_t n, std::vector<double> base_lrs,
                                const std::vector<double>& previous) const {
  const auto& groups = optimizer_.param_groups();
  if (base_lrs.size() != groups.size() || n == 0) {
    const std::string problem = schedule_.problem(groups.size());
    TORCH_CHECK(problem.empty(), problem);
  }
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

/// Takes up the rates of n.
void Scheduler::apply(int64_t n, std::vector<double> base_lrs) {
  take(plan(n, std::move(base_lrs), {}));
  step_count_ = static_cast<unsigned>(n);
  auto& groups = optimizer_.param_groups();
  for (size_t g = 0; g < groups.size(); ++g) groups[g].options().set_lr(last_lr_[g]);
}

void Scheduler::save(torch::serialize::OutputArchive& archive) const {
  archive.write("schedule", c10::IValue(schedule_.text()));
  archive.write("n", c10::IValue(n()));
  archive.write("base_lrs", c10::IValue(c10::List<double>(base_lrs_)));
}

void Scheduler::load(torch::serialize::InputArchive& archive) {
  c10::IValue settings, n, base_lrs;
  TORCH_CHECK(archive.try_read("schedule", settings) && settings.isString() &&
                  archive.try_read("n", n) && n.isInt() && n.toInt() >= 0 &&
                  n.toInt() < std::numeric_limits<unsigned>::max() &&
                  archive.try_read("base_lrs", base_lrs) && base_lrs.isDoubleList(),
              "Scheduler: the archive is not of a Scheduler");
  TORCH_CHECK(settings.toStringRef() == schedule_.text(), "Scheduler: the archive's schedule is ",
              settings.toStringRef(), ", must be ", schedule_.text());
  TORCH_CHECK(base_lrs.toDoubleVector().size() == optimizer_.param_groups().size(),
              "Scheduler: the archive has ", base_lrs.toDoubleVector().size(),
              " groups, must have ", optimizer_.param_groups().size());
  apply(n.toInt(), base_lrs.toDoubleVector());
}

}  // namespace descent
