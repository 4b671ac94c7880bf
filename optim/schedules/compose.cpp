#include <algorithm>

#include <descent/optim/schedules/compose.h>
#include <descent/optim/schedules/wave.h>

namespace descent {
namespace {

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

}  // namespace descent
