#include <algorithm>
#include <bit>
#include <optional>

#include <torch/optim/lbfgs.h>

#include <descent/optim/optimizer/holders.h>
#include <descent/optim/wrappers/wrapper.h>
#include <descent/tensors/capture.h>
#include <descent/tensors/record.h>

// The layout of a wrapper's archive:
//   <class, "lookahead">  1, the format
//   inner                 the inner optimizer's archive
//   ...                   what the class remembers besides

namespace descent {
namespace {

constexpr int64_t kWrapperFormat = 1;

/// Stands for the options of one group of another optimizer. A rate that was set by a cast to one
/// of LibTorch's classes is handed on by the next call of one of these functions.
class ForwardedOptions final : public engine::LrOnlyOptions {
 public:
  ForwardedOptions(torch::optim::Optimizer& optimizer, size_t group)
      : optimizer_(optimizer), group_(group) {
    show(options().get_lr());
  }
  std::unique_ptr<OptimizerOptions> clone() const override {
    return std::make_unique<ForwardedOptions>(*this);
  }
  double get_lr() const override {
    const_cast<ForwardedOptions*>(this)->hand_on();
    return lr();
  }
  void set_lr(double lr) override {
    options().set_lr(lr);
    show(lr);
  }
  void hand_on() {
    if (std::bit_cast<uint64_t>(lr()) != std::bit_cast<uint64_t>(shown_)) options().set_lr(lr());
    show(options().get_lr());
  }
  void serialize(torch::serialize::OutputArchive& archive) const override {
    static_cast<const OptimizerOptions&>(options()).serialize(archive);
  }
  void serialize(torch::serialize::InputArchive& archive) override { options().serialize(archive); }

 private:
  OptimizerOptions& options() const { return optimizer_.param_groups().at(group_).options(); }
  void show(double rate) { lr() = shown_ = rate; }

  torch::optim::Optimizer& optimizer_;
  size_t group_;
  double shown_ = 0;  // the rate that was last brought from or to the other optimizer
};

}  // namespace

torch::optim::Optimizer& InnerOptimizer::get() const {
  TORCH_CHECK(optimizer_ != nullptr, "the inner optimizer is null, must be an optimizer");
  return *optimizer_;
}

Wrapper::Wrapper(const char* name, InnerOptimizer inner)
    : torch::optim::Optimizer(std::vector<torch::optim::OptimizerParamGroup>{},
                              inner.get().defaults().clone()),
      name_(name),
      inner_(std::move(inner)) {
  mirror_groups();
}

torch::optim::Optimizer& innermost(torch::optim::Optimizer& optimizer) {
  auto* const wrapper = dynamic_cast<Wrapper*>(&optimizer);
  return wrapper == nullptr ? optimizer : innermost(wrapper->inner());
}

namespace {

/// The optimizer that a wrapper goes around; null: it is none.
torch::optim::Optimizer* inside(torch::optim::Optimizer& optimizer) {
  auto* const wrapper = dynamic_cast<Wrapper*>(&optimizer);
  return wrapper == nullptr ? nullptr : &wrapper->inner();
}

}  // namespace

bool Wrapper::has_itself(torch::optim::Optimizer& optimizer, Has what) {
  if (const auto* wrapper = dynamic_cast<Wrapper*>(&optimizer)) return wrapper->has(what);
  auto* const ours = dynamic_cast<OptimizerBase*>(&optimizer);
  if (ours == nullptr)
    return what == Has::OtherClosures && dynamic_cast<torch::optim::LBFGS*>(&optimizer) != nullptr;
  const engine::RuleTable& rule = ours->rule();
  switch (what) {
    case Has::Modes:
      return rule.change_mode != nullptr;
    case Has::SlowWeights:
      return rule.pull != nullptr;
    case Has::OtherClosures:
      for (size_t g = 0; rule.look_ahead != nullptr && g < ours->param_groups().size(); ++g)
        if (rule.look_ahead(ours->group_options(g).value()) != 0) return true;
      return rule.needs_loss;
    case Has::OwnRate:
      return rule.weigh != nullptr;
    case Has::Masters:
      for (size_t g = 0; g < ours->param_groups().size(); ++g)
        if (ours->group_options(g).base().master != Master::None) return true;
      return false;
    case Has::DividesByRate:
      break;
  }
  return rule.divides_by_lr && rule.rests_at_zero;
}

const char* Wrapper::class_of(torch::optim::Optimizer& optimizer) {
  if (const auto* wrapper = dynamic_cast<Wrapper*>(&optimizer)) return wrapper->name_;
  if (const auto* ours = dynamic_cast<OptimizerBase*>(&optimizer)) return ours->rule().about.name;
  return "LBFGS";  // of all others it is the only one with something to refuse
}

void Wrapper::refuse_inside(std::initializer_list<Has> list) {
  const auto text = [](Has what) {
    switch (what) {
      case Has::Modes:
        return "is not evaluated where it trains";
      case Has::SlowWeights:
        return "has slow weights";
      case Has::OtherClosures:
        return "needs closures of its own";
      case Has::OwnRate:
        return "finds its rate by itself";
      case Has::Masters:
        return "keeps masters of parameters, which this would have to write to";
      case Has::DividesByRate:
        break;
    }
    return "divides by its rate";
  };
  for (torch::optim::Optimizer* at = &inner(); at != nullptr; at = inside(*at))
    for (const Has what : list)
      TORCH_CHECK(!has_itself(*at, what), name_, ": the inner optimizer, ", class_of(*at), ", ",
                  text(what), ", must be one that does not");
}

std::string Wrapper::caller_of_closures(torch::optim::Optimizer& optimizer) {
  for (torch::optim::Optimizer* at = &optimizer; at != nullptr; at = inside(*at))
    if (has_itself(*at, Has::OtherClosures)) return class_of(*at);
  return "";
}

bool Wrapper::uses_present_gradients() const {
  const auto* wrapper = dynamic_cast<const Wrapper*>(&inner());
  return wrapper != nullptr && wrapper->uses_present_gradients();
}

void Wrapper::mirror_groups() {
  for (size_t g = 0; g < param_groups_.size(); ++g) {
    auto& options = param_groups_[g].options();
    auto* const shown = dynamic_cast<ForwardedOptions*>(&options);
    TORCH_CHECK(shown != nullptr, name_, ": group ", g, " has options of its own, ",
                c10::demangle(typeid(options).name()),
                ", must have those of the inner optimizer: set them at inner()");
    const std::string foreign = shown->foreign_writes();
    TORCH_CHECK(foreign.empty(), name_, ": ", foreign);
    if (g < inner().param_groups().size()) shown->hand_on();
  }
  if (auto* wrapper = dynamic_cast<Wrapper*>(&inner())) wrapper->mirror_groups();
  const auto& groups = inner().param_groups();
  while (param_groups_.size() > groups.size()) param_groups_.pop_back();
  for (size_t g = 0; g < groups.size(); ++g) {
    if (g == param_groups_.size())
      param_groups_.emplace_back(groups[g].params(),
                                 std::make_unique<ForwardedOptions>(inner(), g));
    const auto& params = groups[g].params();
    auto& shown = param_groups_[g].params();
    const bool same =
        shown.size() == params.size() &&
        std::equal(params.begin(), params.end(), shown.begin(),
                   [](const at::Tensor& a, const at::Tensor& b) { return a.is_same(b); });
    if (!same) shown = params;
  }
}

void Wrapper::begin_step() {
  mirror_groups();
  std::optional<at::Device> asked;
  for (const auto& group : param_groups_)
    for (const at::Tensor& p : group.params()) {
      if (!p.defined() || p.device() == asked) continue;
      asked = p.device();
      TORCH_CHECK(!tensors::is_captured(*asked), name_,
                  ": step() while a graph captures the stream of ", *asked,
                  ", must be called outside of it: what a wrapper does is decided on the host");
    }
}

bool Wrapper::maximizes(size_t group) {
  auto* ours = dynamic_cast<OptimizerBase*>(&innermost());
  if (ours == nullptr) return false;  // LibTorch's own have no such option
  const void* const options = ours->group_options(group).value();
  for (const OptionInfo& option : ours->rule().describe(options))
    if (option.name == "maximize") return std::get<bool>(option.value);
  return false;
}

void Wrapper::add_param_group(const torch::optim::OptimizerParamGroup& group) {
  // The base's function is not virtual, and LibTorch 2.12's would replace the group's options.
  if (auto* ours = dynamic_cast<OptimizerBase*>(&inner()))
    ours->add_param_group(group);
  else if (auto* wrapper = dynamic_cast<Wrapper*>(&inner()))
    wrapper->add_param_group(group);
  else
    inner().add_param_group(group);
  mirror_groups();
}

void Wrapper::replace_param(const at::Tensor& from, const at::Tensor& to,
                            const std::function<at::Tensor(const at::Tensor&)>& map) {
  const Change change = replace_own(from, to, map);
  torch::optim::Optimizer& optimizer = inner();
  if (auto* ours = dynamic_cast<OptimizerBase*>(&optimizer))
    ours->replace_param(from, to, map);
  else if (auto* wrapper = dynamic_cast<Wrapper*>(&optimizer))
    wrapper->replace_param(from, to, map);
  else
    TORCH_CHECK(false, name_, ": replace_param works around optimizers of this library only, not ",
                "around ", c10::demangle(typeid(optimizer).name()));
  change();
  mirror_groups();
}

void Wrapper::save(torch::serialize::OutputArchive& archive) const {
  tensors::RecordWriter record(archive);
  record.write(snake_case(name_).c_str(), kWrapperFormat);
  save_own(record);
  record.close();
  record.nest("inner", [this](auto& nested) { inner().save(nested); });
}

void Wrapper::load(torch::serialize::InputArchive& archive) {
  mirror_groups();
  const tensors::RecordReader record(archive, name_);
  const auto format = record.read<int64_t>(snake_case(name_).c_str());
  TORCH_CHECK(format >= 1 && format <= kWrapperFormat, name_, ": the archive has format ", format,
              ", must be at most ", kWrapperFormat, "; a newer version of this library wrote it");
  const Change change = read_own(record);
  record.nested("inner", [this](auto& nested) { inner().load(nested); });
  change();
}

}  // namespace descent
