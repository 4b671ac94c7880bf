#include <cmath>
#include <numbers>

#include <torch/serialize/archive.h>

#include <descent/optim/schedules.h>

namespace descent {

double StepLR::at(double base, int64_t n) const {
  return base * std::pow(gamma, static_cast<double>(n / step_size));
}

double CosineAnnealingLR::at(double base, int64_t n) const {
  if (clamp && n > T_max) n = T_max;
  const double turn = std::numbers::pi * static_cast<double>(n) / static_cast<double>(T_max);
  return eta_min + (base - eta_min) * (1 + std::cos(turn)) / 2;
}

Scheduler::Scheduler(torch::optim::Optimizer& optimizer, std::function<double(double, int64_t)> at,
                     const char* name, const std::vector<OptionInfo>& settings,
                     const std::string& problem)
    : LRScheduler(optimizer), optimizer_(optimizer), at_(std::move(at)) {
  TORCH_CHECK(problem.empty(), name, ": ", problem);
  settings_ = name;
  for (const auto& setting : settings)
    settings_ += " " + setting.name + "=" + to_text(setting.value);
  apply();
}

/// The rates after the step that is being taken: LibTorch counts it only afterwards.
std::vector<double> Scheduler::get_lrs() {
  const auto& groups = optimizer_.param_groups();
  for (size_t g = base_lrs_.size(); g < groups.size(); ++g)
    base_lrs_.push_back(groups[g].options().get_lr());
  last_lr_.clear();
  for (size_t g = 0; g < groups.size(); ++g)
    last_lr_.push_back(at_(base_lrs_[g], static_cast<int64_t>(step_count_) + 1));
  return last_lr_;
}

/// Sets the rates of the present n.
void Scheduler::apply() {
  auto& groups = optimizer_.param_groups();
  last_lr_.clear();
  for (size_t g = 0; g < groups.size(); ++g) {
    if (g == base_lrs_.size()) base_lrs_.push_back(groups[g].options().get_lr());
    last_lr_.push_back(at_(base_lrs_[g], n()));
    groups[g].options().set_lr(last_lr_[g]);
  }
}

void Scheduler::save(torch::serialize::OutputArchive& archive) const {
  archive.write("schedule", c10::IValue(settings_));
  archive.write("n", c10::IValue(n()));
  archive.write("base_lrs", c10::IValue(c10::List<double>(base_lrs_)));
}

void Scheduler::load(torch::serialize::InputArchive& archive) {
  c10::IValue settings, n, base_lrs;
  TORCH_CHECK(archive.try_read("schedule", settings) && settings.isString() &&
                  archive.try_read("n", n) && n.isInt() && n.toInt() >= 0 &&
                  archive.try_read("base_lrs", base_lrs) && base_lrs.isDoubleList(),
              "Scheduler: the archive is not of a Scheduler");
  TORCH_CHECK(settings.toStringRef() == settings_, "Scheduler: the archive's schedule is ",
              settings.toStringRef(), ", must be ", settings_);
  TORCH_CHECK(base_lrs.toDoubleVector().size() == optimizer_.param_groups().size(),
              "Scheduler: the archive has ", base_lrs.toDoubleVector().size(),
              " groups, must have ", optimizer_.param_groups().size());
  base_lrs_ = base_lrs.toDoubleVector();
  step_count_ = static_cast<unsigned>(n.toInt());
  apply();
}

}  // namespace descent
