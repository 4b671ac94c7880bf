#include <algorithm>
#include <cmath>

#include <descent/optim/schedules/reduce_lr_on_plateau.h>
#include <descent/tensors/record.h>

namespace descent {
namespace {

constexpr const char* kPlateau = "ReduceLROnPlateau";

}  // namespace

ReduceLROnPlateau::ReduceLROnPlateau(torch::optim::Optimizer& optimizer, const Options& options)
    : optimizer_(optimizer),
      options_(options),
      best_(options.mode == MetricMode::Min ? kInfinity : -kInfinity) {
  const std::string problem = fields::group_problem(options_, optimizer_.param_groups().size());
  TORCH_CHECK(problem.empty(), kPlateau, ": ", problem);
}

bool ReduceLROnPlateau::better(double metric) const {
  const bool min = options_.mode == MetricMode::Min;
  if (std::isinf(best_)) return min ? metric < best_ : metric > best_;  // no margin of infinity
  const double margin = min ? -options_.threshold : options_.threshold;
  if (options_.threshold_mode == ThresholdMode::Abs)
    return min ? metric < best_ + margin : metric > best_ + margin;
  const double limit = best_ * (best_ < 0 ? 1 - margin : 1 + margin);  // best + margin |best|
  return min ? metric < limit : metric > limit;
}

void ReduceLROnPlateau::step(double metric) {
  // Groups may have come since; refused before anything is counted.
  const std::string problem = fields::group_problem(options_, optimizer_.param_groups().size());
  TORCH_CHECK(problem.empty(), kPlateau, ": ", problem);
  ++n_;
  if (better(metric)) {
    best_ = metric;
    num_bad_epochs_ = 0;
  } else {
    ++num_bad_epochs_;
  }
  if (cooldown_counter_ > 0) {
    --cooldown_counter_;
    num_bad_epochs_ = 0;
  }
  if (num_bad_epochs_ > options_.patience) {
    reduce();
    cooldown_counter_ = options_.cooldown;
    num_bad_epochs_ = 0;
  }
}

void ReduceLROnPlateau::reduce() {
  auto& groups = optimizer_.param_groups();
  for (size_t g = 0; g < groups.size(); ++g) {
    const double before = groups[g].options().get_lr();
    const double after = std::max(before * options_.factor, options_.min_lr.of(g));
    if (before - after > options_.eps) groups[g].options().set_lr(after);
  }
}

std::vector<double> ReduceLROnPlateau::last_lr() const {
  std::vector<double> rates;
  for (const auto& group : optimizer_.param_groups()) rates.push_back(group.options().get_lr());
  return rates;
}

void ReduceLROnPlateau::save(torch::serialize::OutputArchive& archive) const {
  tensors::RecordWriter record(archive);
  record.write("plateau", fields::text_of(kPlateau, options_));
  record.write("n", n_);
  record.write("best", best_);
  record.write("num_bad_epochs", num_bad_epochs_);
  record.write("cooldown_counter", cooldown_counter_);
  record.close();
}

void ReduceLROnPlateau::load(torch::serialize::InputArchive& archive) {
  const tensors::RecordReader record(archive, kPlateau);
  record.expect("plateau", fields::text_of(kPlateau, options_));
  const int64_t n = record.count("n"), bad = record.count("num_bad_epochs"),
                cooldown = record.count("cooldown_counter");
  best_ = record.read<double>("best");
  n_ = n;
  num_bad_epochs_ = bad;
  cooldown_counter_ = cooldown;
}

}  // namespace descent
