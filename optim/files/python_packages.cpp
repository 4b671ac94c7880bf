#include <algorithm>
#include <cmath>
#include <sstream>
#include <unordered_map>
#include <utility>

#include <ATen/TensorOperators.h>
#include <torch/serialize/archive.h>

#include <descent/base/text.h>
#include <descent/optim/files/incoming.h>
#include <descent/optim/files/python_packages.h>
#include <descent/optim/files/state_dict.h>
#include <descent/tensors/record.h>

namespace descent {
namespace {

/// A key of a group there and the option or number of ours.
struct Renamed {
  std::string_view theirs, ours;
};
/// A key of a group that ours does as there while it has this value.
struct Fixed {
  std::string_view key;
  OptionValue value;
  bool may_lack = false;  ///< some versions have no such key, and do as with this value
};
/// A word of ours for a flag there.
struct Flag {
  std::string_view ours, when_true, when_false;
};

/// How a rule and a package's class of it correspond. Options and buffers have the same names unless
/// they are listed as renamed.
struct Package {
  std::string_view rule, package, name;
  std::vector<std::string_view> options;
  std::vector<std::string_view> choices;  ///< keys without effect on numbers
  std::vector<Renamed> renamed = {};
  std::vector<Fixed> fixed = {};
  /// Numbers that a group remembers, which ours keeps beside the groups.
  std::vector<std::string_view> remembered = {};
  /// The key of a parameter's state, or of its group, that counts steps; "": none does.
  std::string_view state_step = "", group_step = "";
  std::string_view mode = "";                  ///< the flag of a group in training
  std::vector<Renamed> buffers = {};           ///< those that are called otherwise
  std::vector<std::string_view> negated = {};  ///< of ours: there with the other sign
  std::vector<std::string_view> derived = {};  ///< of a state, which ours computes from the rest
  std::string_view always = "";                ///< options of ours that make it that class
  bool corrects_decay = false;  ///< newer versions have what decay_scale = corrected is here
  /// Of a rule that torch.optim has too: a key of a group that its class there has not.
  std::string_view told_by = "";
};

// Written after the packages' sources: schedulefree 1.3 and later (those before it divide by other
// numbers and have no scheduled_lr), prodigyopt 1.1, lion-pytorch 0.2, timm 1.0.
const std::vector<Package>& packages() {
  static const std::vector<Package> table{
      {.rule = "schedule_free_adamw",
       .package = "schedulefree",
       .name = "AdamWScheduleFree",
       .options = {"lr", "betas", "eps", "weight_decay", "warmup_steps", "r", "weight_lr_power"},
       .choices = {"foreach", "scheduled_lr"},
       .remembered = {"k", "weight_sum", "lr_max"},
       .group_step = "k",
       .mode = "train_mode"},
      {.rule = "schedule_free_sgd",
       .package = "schedulefree",
       .name = "SGDScheduleFree",
       .options = {"lr", "momentum", "weight_decay", "warmup_steps", "r", "weight_lr_power"},
       .choices = {"foreach", "scheduled_lr"},
       .remembered = {"k", "weight_sum", "lr_max"},
       .group_step = "k",
       .mode = "train_mode"},
      {.rule = "schedule_free_radam",
       .package = "schedulefree",
       .name = "RAdamScheduleFree",
       .options = {"lr", "betas", "eps", "weight_decay", "r", "weight_lr_power",
                   "silent_sgd_phase"},
       .choices = {"foreach", "scheduled_lr"},
       .fixed = {{"cautious", false, /*may_lack=*/true}},
       .remembered = {"k", "weight_sum", "lr_max"},
       .group_step = "k",
       .mode = "train_mode"},
      {.rule = "prodigy",
       .package = "prodigyopt",
       .name = "Prodigy",
       .options = {"lr", "betas", "beta3", "eps", "weight_decay", "decouple", "use_bias_correction",
                   "safeguard_warmup", "d0", "d_coef", "growth_rate"},
       .choices = {"fsdp_in_use", "d_denom", "d_hat"},
       .renamed = {{"decouple", "decay_mode"}, {"use_bias_correction", "bias_correction"}},
       .fixed = {{"slice_p", 1}},
       .remembered = {"d", "d_max", "d_numerator", "k"},
       .state_step = "step"},
      {.rule = "lion",
       .package = "lion-pytorch",
       .name = "Lion",
       .options = {"lr", "betas", "weight_decay"},
       .choices = {}},
      {.rule = "lion",
       .package = "timm",
       .name = "Lion",
       .options = {"lr", "betas", "weight_decay", "maximize", "caution"},
       .choices = {"foreach"},
       .renamed = {{"caution", "cautious"}},
       .corrects_decay = true},
      {.rule = "lamb",
       .package = "timm",
       .name = "Lamb",
       .options = {"lr", "bias_correction", "betas", "eps", "weight_decay", "grad_averaging",
                   "max_grad_norm", "trust_clip", "decoupled_decay"},
       .choices = {"foreach", "max_lr_snapshot"},
       .renamed = {{"decoupled_decay", "decay_place"}},
       .fixed = {{"always_adapt", true}, {"caution", false}, {"corrected_weight_decay", false}},
       .group_step = "step"},
      {.rule = "nadamw",
       .package = "timm",
       .name = "NAdamW",
       .options = {"lr", "betas", "eps", "weight_decay", "maximize", "caution"},
       .choices = {"foreach", "capturable"},
       .renamed = {{"caution", "cautious"}},
       .fixed = {{"clipping_threshold", "none", /*may_lack=*/true}},
       .state_step = "step",
       .corrects_decay = true},
      {.rule = "adan",
       .package = "timm",
       .name = "Adan",
       .options = {"lr", "betas", "eps", "weight_decay", "no_prox"},
       .choices = {"foreach"},
       .fixed = {{"caution", false}},
       .group_step = "step",
       .buffers = {{"neg_pre_grad", "pre_grad"}},
       .negated = {"pre_grad"}},
      {.rule = "adopt",
       .package = "timm",
       .name = "Adopt",
       .options = {"lr", "betas", "eps", "weight_decay", "clip_exp", "decoupled", "maximize"},
       .choices = {"foreach", "capturable", "differentiable"},
       .renamed = {{"clip_exp", "clip_exponent"}, {"decoupled", "decay_mode"}},
       .fixed = {{"caution", false}},
       .state_step = "step",
       .corrects_decay = true},
      {.rule = "adabelief",
       .package = "timm",
       .name = "AdaBelief",
       .options = {"lr", "betas", "eps", "weight_decay", "amsgrad", "decoupled_decay", "rectify",
                   "fixed_decay", "degenerated_to_sgd"},
       .choices = {"foreach"},
       .renamed = {{"decoupled_decay", "decay_mode"}, {"degenerated_to_sgd", "degenerate_to_sgd"}},
       .state_step = "step"},
      // Decays after its step, ours ahead of it.
      {.rule = "laprop",
       .package = "timm",
       .name = "LaProp",
       .options = {"lr", "betas", "eps"},
       .choices = {"foreach", "max_lr_snapshot"},
       .fixed = {{"weight_decay", 0}, {"caution", false}, {"corrected_weight_decay", false}},
       .state_step = "step",
       .derived = {"exp_avg_lr_2"}},
      {.rule = "lars",
       .package = "timm",
       .name = "Lars",
       .options = {"lr", "momentum", "dampening", "weight_decay", "nesterov", "trust_coeff", "eps",
                   "trust_clip"},
       .choices = {"foreach"},
       .renamed = {{"trust_coeff", "trust_coefficient"}},
       .fixed = {{"always_adapt", true}}},
      // Where its decay is decoupled, it is ahead of the step and by lr, not after it by lr + eps.
      {.rule = "madgrad",
       .package = "timm",
       .name = "MADGRAD",
       .options = {"lr", "momentum", "eps", "weight_decay"},
       .choices = {},
       .fixed = {{"decoupled_decay", false}},
       .state_step = "step"},
      {.rule = "novograd",
       .package = "timm",
       .name = "NvNovoGrad",
       .options = {"lr", "betas", "eps", "weight_decay", "grad_averaging", "amsgrad",
                   "decoupled_decay"},
       .choices = {},
       .renamed = {{"decoupled_decay", "decay_place"}},
       .state_step = "step",
       .corrects_decay = true},
      {.rule = "rmsprop",
       .package = "timm",
       .name = "RMSpropTF",
       .options = {"lr", "momentum", "alpha", "eps", "centered", "weight_decay", "decoupled_decay",
                   "lr_in_momentum"},
       .choices = {"foreach"},
       .renamed = {{"decoupled_decay", "decay_mode"}, {"lr_in_momentum", "velocity"}},
       .fixed = {{"caution", false}},
       .state_step = "step",
       .always = "eps_mode=inside",
       .corrects_decay = true,
       .told_by = "lr_in_momentum"},
      {.rule = "sgd",
       .package = "timm",
       .name = "SGDW",
       .options = {"lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize"},
       .choices = {"foreach", "differentiable"},
       .fixed = {{"caution", false}},
       .always = "decay_mode=decoupled",
       .corrects_decay = true,
       .told_by = "corrected_weight_decay"},
  };
  return table;
}

/// Flags there that are words here, by our option.
constexpr Flag kFlags[] = {{"decay_mode", "decoupled", "coupled"},
                           {"decay_place", "decoupled", "in_update"},
                           {"velocity", "step", "gradient"},
                           {"cautious", "mean_clamp", "off"}};
/// Where decay_scale is corrected there, and max_lr.
constexpr std::string_view kCorrected = "corrected_weight_decay", kMaxLr = "max_lr_snapshot";
/// None there is this number here.
constexpr std::string_view kNoneIsZero = "max_grad_norm";

std::string_view renamed(const std::vector<Renamed>& list, std::string_view theirs) {
  for (const Renamed& row : list)
    if (row.theirs == theirs) return row.ours;
  return theirs;
}

/// What a group lacks of a class's keys, and has besides.
struct Keys {
  std::vector<std::string> missing, extra;
  Keys(const Package& package, const pickle::Dict& group) {
    const auto want = [&](std::string_view key) {
      if (!key.empty() && group.find(key) == nullptr) missing.emplace_back(key);
    };
    for (const auto key : package.options) want(key);
    for (const auto& fixed : package.fixed)
      if (!fixed.may_lack) want(fixed.key);
    for (const auto key : package.remembered) want(key);
    want(package.mode);
    // The one choice that tells apart versions with other numbers.
    if (holds(package.choices, "scheduled_lr")) want("scheduled_lr");
    for (const auto& part : parts_of(group)) {
      const auto& key = part.first;
      const auto is_fixed = [&](const Fixed& fixed) { return fixed.key == key; };
      if (key != "params" && key != "initial_lr" && key != package.mode &&
          key != package.group_step && !holds(package.options, key) &&
          !holds(package.choices, key) && !holds(package.remembered, key) &&
          std::none_of(package.fixed.begin(), package.fixed.end(), is_fixed) &&
          !(package.corrects_decay && (key == kCorrected || key == kMaxLr)))
        extra.push_back(key);
    }
  }
  size_t problems() const { return missing.size() + extra.size(); }
};

/// Turns a state_dict into an archive as ours are, which the optimizer then reads with all its
/// checks.
class Translation {
 public:
  Translation(OptimizerBase& optimizer, const pickle::Dict& dict, pickle::File& file)
      : optimizer_(optimizer), rule_(optimizer.rule()), file_(file) {
    const auto& listed = std::get<pickle::List*>(*dict.find("param_groups"))->items;
    for (const pickle::Value& group : listed) {
      const auto* const* found = std::get_if<pickle::Dict*>(&group);
      refuse(found != nullptr, "a group of the archive is ", pickle::to_text(group),
             ", must be a dict");
      groups_.push_back(*found);
    }
    states_ = std::get<pickle::Dict*>(*dict.find("state"));
    // Of several classes the one whose keys fit best.
    size_t fewest = SIZE_MAX;
    for (const Package& row : packages()) {
      if (row.rule != rule_.about.key) continue;
      const size_t problems = groups_.empty() ? 0 : Keys(row, *groups_[0]).problems();
      if (problems >= fewest) continue;
      fewest = problems;
      package_ = &row;
    }
  }

  LoadedPython load() {
    refuse(groups_.size() == optimizer_.param_groups().size(), "the archive has ", groups_.size(),
           " groups, must have ", optimizer_.param_groups().size());
    for (size_t g = 0; g < groups_.size(); ++g) read_group(g);
    for (const auto& [key, value] : states_->items) read_state(key, value);
    std::stringstream stream;
    torch::serialize::OutputArchive out;
    write(out);
    out.save_to(stream);
    torch::serialize::InputArchive in;
    in.load_from(stream);
    optimizer_.load(in);
    if (loaded_.initial_lrs.size() != groups_.size()) loaded_.initial_lrs.clear();
    return std::move(loaded_);
  }

 private:
  template <class... Text>
  void refuse(bool fits, const Text&... text) const {
    TORCH_CHECK(fits, rule_.about.name, ": ", text...);
  }

  void read_group(size_t g) {
    const pickle::Dict& group = *groups_[g];
    const Keys keys(*package_, group);
    refuse(keys.missing.empty(), "group ", g, " of the archive lacks ", joined(keys.missing),
           ", must be as ", package_->package, "'s ", package_->name, " writes it");
    // An option of another class asks for other numbers; the rest is what training scripts keep.
    for (const std::string& key : keys.extra) {
      refuse(!is_option(key), "group ", g, " of the archive has ", key, ", which ",
             package_->package, "'s ", package_->name, " has not");
      if (!holds(loaded_.passed_over, key)) loaded_.passed_over.push_back(key);
    }
    for (const Fixed& fixed : package_->fixed) {
      if (group.find(fixed.key) == nullptr) continue;
      const OptionValue found = value(fixed.key, *group.find(fixed.key));
      refuse(found == fixed.value || is_no_matter(fixed.key, group), fixed.key, " = ",
             to_text(found), " in group ", g, " of the archive, must be ", to_text(fixed.value),
             ": ours has no other");
    }
    std::string text(package_->always);
    for (const auto key : package_->options) {
      const std::string_view ours = renamed(package_->renamed, key);
      const OptionValue found = our_value(ours, value(key, *group.find(key)));
      text += (text.empty() ? "" : ",") + std::string(ours) + "=" + to_text(found);
    }
    const pickle::Value* const corrected = group.find(kCorrected);
    if (package_->corrects_decay && corrected != nullptr &&
        value(kCorrected, *corrected) == OptionValue(true)) {
      const pickle::Value* const largest = group.find(kMaxLr);
      refuse(largest != nullptr, "group ", g, " of the archive lacks ", kMaxLr,
             ", must have it where ", kCorrected, " is True");
      text += ",decay_scale=corrected,max_lr=" + to_text(OptionValue(number(kMaxLr, *largest)));
    }
    texts_.push_back(text);

    const auto& params = std::as_const(optimizer_).param_groups()[g].params();
    const pickle::Value* const list = group.find("params");
    const auto* const* numbers = list == nullptr ? nullptr : std::get_if<pickle::List*>(list);
    refuse(numbers != nullptr && (*numbers)->items.size() == params.size(), "the archive has ",
           numbers == nullptr ? 0 : (*numbers)->items.size(), " parameters in group ", g,
           ", must have ", params.size());
    for (size_t i = 0; i < params.size(); ++i) {
      const auto* const id = std::get_if<int64_t>(&(*numbers)->items[i]);
      refuse(id != nullptr && positions_.emplace(*id, params_.size()).second, "group ", g,
             " of the archive lists the parameter ", pickle::to_text((*numbers)->items[i]),
             ", must list whole numbers, each once");
      params_.push_back(&params[i]);
      steps_.push_back(-1);
      scalars_.insert(scalars_.end(), rule_.first_scalars.begin(),
                      rule_.first_scalars.begin() + std::ssize(rule_.scalars));
      group_of_.push_back(g);
    }
    if (const pickle::Value* const rate = group.find("initial_lr"))
      loaded_.initial_lrs.push_back(number("initial_lr", *rate));
    read_remembered(g);
  }

  void read_remembered(size_t g) {
    const pickle::Dict& group = *groups_[g];
    std::vector<double> found;
    for (const std::string& name : rule_.shared) found.push_back(number(name, *group.find(name)));
    if (rule_.weigh == nullptr || g == 0) {
      shared_.insert(shared_.end(), found.begin(), found.end());
    } else {
      refuse(found == shared_, "group ", g, " of the archive has other ", joined(rule_.shared),
             " than group 0, must have the same: they are one for all groups");
    }
    if (package_->mode.empty()) return;
    const auto* const training = std::get_if<bool>(group.find(package_->mode));
    refuse(training != nullptr && (g == 0 || *training == training_), package_->mode, " = ",
           pickle::to_text(*group.find(package_->mode)), " in group ", g,
           " of the archive, must be True or False and the same in all groups");
    training_ = *training;
  }

  void read_state(const pickle::Value& key, const pickle::Value& value) {
    const auto* const id = std::get_if<int64_t>(&key);
    const auto found = id == nullptr ? positions_.end() : positions_.find(*id);
    refuse(found != positions_.end(), "the archive has the state of a parameter ",
           pickle::to_text(key), ", which is in no group");
    const size_t i = found->second;
    const auto* const* entries = std::get_if<pickle::Dict*>(&value);
    refuse(entries != nullptr, "the archive's state of params[", i, "] is ", pickle::to_text(value),
           ", must be a dict");
    if ((*entries)->items.empty()) return;  // a package asked for it and found nothing
    steps_[i] = step_of(i, **entries);
    for (const auto& [name, part] : parts_of(**entries)) {
      // A class without momentum keeps None in its place.
      if (name == package_->state_step || holds(package_->derived, name) ||
          std::holds_alternative<std::monostate>(*part))
        continue;
      const std::string_view ours = renamed(package_->buffers, name);
      const auto scalar = std::find(rule_.scalars.begin(), rule_.scalars.end(), ours);
      if (scalar != rule_.scalars.end()) {
        const auto of_it = static_cast<size_t>(scalar - rule_.scalars.begin());
        scalars_[i * rule_.scalars.size() + of_it] = number(name, *part);
        continue;
      }
      const auto* const* place = std::get_if<const pickle::Stored*>(part);
      refuse(holds(rule_.buffers, ours) && place != nullptr, "the archive's state of params[", i,
             "] has ", name, ", must be as ", package_->package, "'s ", package_->name,
             " writes it");
      at::Tensor buffer = file_.tensor(**place);
      // Prodigy's are flat, and one number where the parameter began at zero.
      if (buffer.dim() <= 1 && package_->package == "prodigyopt")
        buffer = buffer.numel() == 1 ? buffer.reshape({}).expand(params_[i]->sizes())
                 : buffer.numel() == params_[i]->numel() ? buffer.view(params_[i]->sizes())
                                                         : buffer;
      if (holds(package_->negated, ours)) buffer = -buffer;
      refuse(buffer.sizes() == params_[i]->sizes(), "the archive's ", name, " of params[", i,
             "] has sizes ", buffer.sizes(), ", must be ", params_[i]->sizes());
      state_.emplace_back(std::to_string(i) + "." + std::string(ours), buffer.contiguous());
    }
    const auto options = make_group_options(rule_);
    group_options(*options).set(texts_[group_of_[i]]);
    const auto& used = form_of(rule_, group_options(*options).value()).buffers;
    for (size_t b = 0; b < rule_.buffers.size(); ++b) {
      const std::string name = std::to_string(i) + "." + rule_.buffers[b];
      const bool has = std::any_of(state_.begin(), state_.end(),
                                   [&](const auto& buffer) { return buffer.first == name; });
      refuse(has || !used[b], "the archive's state of params[", i, "] lacks ", rule_.buffers[b],
             ", must be as ", package_->package, "'s ", package_->name, " writes it");
    }
  }

  int64_t step_of(size_t i, const pickle::Dict& state) {
    const std::string_view of_state = package_->state_step, of_group = package_->group_step;
    const std::string_view key = of_state.empty() ? of_group : of_state;
    if (key.empty()) return 0;
    const pickle::Value* const found =
        (of_state.empty() ? *groups_[group_of_[i]] : state).find(key);
    refuse(found != nullptr, "the archive has no ", key, " of params[", i, "], must have it");
    const double x = number(key, *found);
    refuse(x >= 0 && x == std::trunc(x) && x < 0x1p53, "the archive has ", key, " = ", x,
           " for params[", i, "], must be a whole number >= 0");
    return static_cast<int64_t>(x);
  }

  /// As OptimizerBase::save writes it.
  void write(torch::serialize::OutputArchive& out) const {
    std::vector<int64_t> sizes;
    std::vector<std::string> shapes;
    for (const auto& group : std::as_const(optimizer_).param_groups())
      sizes.push_back(static_cast<int64_t>(group.params().size()));
    for (const at::Tensor* p : params_) shapes.push_back(c10::str(p->sizes()));
    tensors::RecordWriter record(out);
    record.write("format", int64_t{1});
    record.write("optimizer", std::string(rule_.about.key));
    record.write("options", texts_);
    record.write("sizes", sizes);
    record.write("shapes", shapes);
    record.write("steps", steps_);
    record.write("state", state_);
    if (!rule_.scalars.empty()) record.write("scalars", scalars_);
    if (!rule_.shared.empty()) record.write("shared", shared_);
    if (rule_.change_mode != nullptr) record.write("training", int64_t{training_ ? 1 : 0});
    record.close();
  }

  /// Whether an option has no effect beside the others of its group: timm's Lamb takes the ratio for
  /// parameters with decay in any case.
  static bool is_no_matter(std::string_view key, const pickle::Dict& group) {
    const pickle::Value* const decay = group.find("weight_decay");
    const auto* const x = decay == nullptr ? nullptr : std::get_if<double>(decay);
    return key == "always_adapt" && x != nullptr && *x != 0;
  }

  bool is_option(std::string_view name) const {
    const auto is_of = [&](const Package& row) {
      return holds(row.options, name) ||
             std::any_of(row.fixed.begin(), row.fixed.end(),
                         [&](const Fixed& fixed) { return fixed.key == name; });
    };
    return name == kCorrected ||
           std::any_of(rule_.defaults.begin(), rule_.defaults.end(),
                       [&](const OptionInfo& option) { return option.name == name; }) ||
           std::any_of(packages().begin(), packages().end(), is_of);
  }

  OptionValue our_value(std::string_view ours, const OptionValue& found) const {
    for (const Flag& flag : kFlags)
      if (const auto* const set = std::get_if<bool>(&found); set != nullptr && flag.ours == ours)
        return std::string(*set ? flag.when_true : flag.when_false);
    if (ours == kNoneIsZero && found == OptionValue("none")) return 0;
    return found;
  }

  OptionValue value(std::string_view key, const pickle::Value& value) {
    if (const auto* const flag = std::get_if<bool>(&value)) return *flag;
    if (std::holds_alternative<std::monostate>(value)) return "none";
    if (const auto* const* list = std::get_if<pickle::List*>(&value)) {
      std::vector<double> numbers;
      for (const auto& x : (*list)->items) numbers.push_back(number(key, x));
      return numbers;
    }
    return number(key, value);
  }

  double number(std::string_view key, const pickle::Value& value) {
    const std::optional<double> x = number_in(value, file_);
    refuse(x.has_value(), "the archive's ", key, " is ", pickle::to_text(value),
           ", must be a number");
    return *x;
  }

  OptimizerBase& optimizer_;
  const engine::RuleTable& rule_;
  pickle::File& file_;
  const Package* package_ = nullptr;
  std::vector<const pickle::Dict*> groups_;
  const pickle::Dict* states_;
  std::unordered_map<int64_t, size_t> positions_;  ///< of Python's numbers of parameters
  std::vector<const at::Tensor*> params_;
  std::vector<size_t> group_of_;
  std::vector<int64_t> steps_;
  std::vector<std::string> texts_;
  std::vector<double> shared_, scalars_;  ///< the latter of each parameter, one after another
  tensors::NamedTensors state_;
  bool training_ = true;
  LoadedPython loaded_;
};

}  // namespace

std::optional<LoadedPython> load_package(OptimizerBase& optimizer, const pickle::Dict& state_dict,
                                         pickle::File& file) {
  const auto is_theirs = [&](const Package& row) {
    if (row.rule != optimizer.rule().about.key) return false;
    if (row.told_by.empty()) return true;
    const auto& groups = std::get<pickle::List*>(*state_dict.find("param_groups"))->items;
    const auto* const* first =
        groups.empty() ? nullptr : std::get_if<pickle::Dict*>(&groups.front());
    return first != nullptr && (*first)->find(row.told_by) != nullptr;
  };
  if (std::none_of(packages().begin(), packages().end(), is_theirs)) return {};
  return Translation(optimizer, state_dict, file).load();
}

}  // namespace descent
