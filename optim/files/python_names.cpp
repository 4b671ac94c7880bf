#include <algorithm>

#include <c10/util/Exception.h>

#include <descent/optim/files/incoming.h>
#include <descent/optim/files/python.h>
#include <descent/optim/files/python_names.h>

namespace descent {
namespace python_files {
namespace {

// As of Python's torch 2.13; NAdam, RAdam and Adam have decoupled_weight_decay, AdamW is Adam with
// it.
const std::vector<Counterpart>& counterparts() {
  static const std::vector<Counterpart> table{
      {.rule = "sgd",
       .name = "SGD",
       .options = {"lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize"},
       .choices = {"foreach", "differentiable", "fused"},
       .steps = false,
       .lazy = true},
      {.rule = "adagrad",
       .name = "Adagrad",
       .options = {"lr", "lr_decay", "eps", "weight_decay", "initial_accumulator_value",
                   "maximize"},
       .choices = {"foreach", "differentiable", "fused"},
       .filled = "initial_accumulator_value"},
      {.rule = "adadelta",
       .name = "Adadelta",
       .options = {"lr", "rho", "eps", "weight_decay", "maximize"},
       .choices = {"foreach", "capturable", "differentiable"}},
      {.rule = "rmsprop",
       .name = "RMSprop",
       .options = {"lr", "momentum", "alpha", "eps", "centered", "weight_decay", "maximize"},
       .choices = {"foreach", "capturable", "differentiable"}},
      {.rule = "rprop",
       .name = "Rprop",
       .options = {"lr", "etas", "step_sizes", "maximize"},
       .choices = {"foreach", "capturable", "differentiable"},
       .renamed = {{"etas", {"eta_minus", "eta_plus"}}, {"step_sizes", {"step_min", "step_max"}}}},
      {.rule = "adam",
       .name = "Adam",
       .options = {"lr", "betas", "eps", "weight_decay", "amsgrad", "maximize",
                   "decoupled_weight_decay"},
       .choices = {"foreach", "capturable", "differentiable", "fused"},
       .renamed = {{"decoupled_weight_decay", {"decay_mode"}}}},
      {.rule = "adamw",
       .name = "AdamW",
       .options = {"lr", "betas", "eps", "weight_decay", "amsgrad", "maximize"},
       .choices = {"foreach", "capturable", "differentiable", "fused"},
       .always = {"decoupled_weight_decay"}},
      {.rule = "adamax",
       .name = "Adamax",
       .options = {"lr", "betas", "eps", "weight_decay", "maximize"},
       .choices = {"foreach", "capturable", "differentiable"}},
      {.rule = "nadam",
       .name = "NAdam",
       .options = {"lr", "betas", "eps", "weight_decay", "momentum_decay", "maximize",
                   "decoupled_weight_decay"},
       .choices = {"foreach", "capturable", "differentiable"},
       .renamed = {{"decoupled_weight_decay", {"decay_mode"}}}},
      {.rule = "radam",
       .name = "RAdam",
       .options = {"lr", "betas", "eps", "weight_decay", "maximize", "decoupled_weight_decay"},
       .choices = {"foreach", "capturable", "differentiable"},
       .renamed = {{"decoupled_weight_decay", {"decay_mode"}}}},
      {.rule = "radamw",
       .name = "RAdam",
       .options = {"lr", "betas", "eps", "weight_decay", "maximize", "decoupled_weight_decay"},
       .choices = {"foreach", "capturable", "differentiable"},
       .renamed = {{"decoupled_weight_decay", {"decay_mode"}}}},
      {.rule = "asgd",
       .name = "ASGD",
       .options = {"lr", "lambd", "alpha", "t0", "weight_decay", "maximize"},
       .choices = {"foreach", "capturable", "differentiable"}},
      {.rule = "sparse_adam",
       .name = "SparseAdam",
       .options = {"lr", "betas", "eps", "maximize"},
       .choices = {},
       .whole_steps = true},
      {.rule = "adafactor",
       .name = "Adafactor",
       .options = {"lr", "beta2_decay", "eps", "d", "weight_decay", "maximize"},
       .choices = {"foreach"},
       .renamed = {{"eps", {"eps1", "eps2"}}}},
      {.rule = "muon",
       .name = "Muon",
       .options = {"lr", "weight_decay", "momentum", "nesterov", "ns_coefficients", "eps",
                   "ns_steps", "adjust_lr_fn"},
       .choices = {},
       .renamed = {{"adjust_lr_fn", {"adjust"}}},
       .steps = false,
       .lazy = true},
  };
  return table;
}

const Counterpart* find_counterpart(const engine::RuleTable& rule) {
  for (const auto& row : counterparts())
    if (row.rule == rule.about.key) return &row;
  return nullptr;
}

}  // namespace

const Counterpart& counterpart(const engine::RuleTable& rule) {
  const Counterpart* const found = find_counterpart(rule);
  TORCH_CHECK(found != nullptr, rule.about.name, ": Python's torch.optim has no such optimizer");
  return *found;
}

Names ours_of(const Counterpart& python, std::string_view theirs) {
  for (const auto& row : python.renamed)
    if (row.theirs == theirs) return row.ours;
  return {theirs};
}

const std::vector<Word>& words() {
  static const std::vector<Word> table{{"decay_mode", "decoupled", true},
                                       {"decay_mode", "coupled", false},
                                       {"adjust", "original", "none"},
                                       {"adjust", "original", "original"},
                                       {"adjust", "match_rms_adam_w", "match_rms_adamw"}};
  return table;
}

bool has_words(std::string_view option) {
  return std::any_of(words().begin(), words().end(),
                     [&](const Word& word) { return word.option == option; });
}

bool is_none_at_first(std::string_view choice) { return choice == "foreach" || choice == "fused"; }

bool is_option(std::string_view name) {
  if (name == "max_lr") return false;
  for (const engine::RuleTable* rule : optimizers())
    for (const auto& option : rule->defaults)
      if (option.name == name) return true;
  for (const auto& row : counterparts())
    if (holds(row.options, name) || holds(row.always, name)) return true;
  return false;
}

}  // namespace python_files

const char* python_class(const engine::RuleTable& rule) {
  const python_files::Counterpart* const found = python_files::find_counterpart(rule);
  return found == nullptr ? nullptr : found->name;
}

}  // namespace descent
