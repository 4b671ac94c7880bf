#include <array>
#include <set>
#include <string_view>
#include <unordered_set>

#include <descent/networks/exported/modes.h>

namespace descent::networks {
namespace {

struct Flag {
  std::string_view operation, argument;
};
constexpr std::array kFlags{Flag{"aten::batch_norm", "training"},
                            Flag{"aten::instance_norm", "use_input_stats"},
                            Flag{"aten::dropout", "train"},
                            Flag{"aten::dropout_", "train"},
                            Flag{"aten::feature_dropout", "train"},
                            Flag{"aten::feature_dropout_", "train"},
                            Flag{"aten::alpha_dropout", "train"},
                            Flag{"aten::alpha_dropout_", "train"},
                            Flag{"aten::feature_alpha_dropout", "train"},
                            Flag{"aten::feature_alpha_dropout_", "train"},
                            Flag{"aten::rrelu", "training"},
                            Flag{"aten::rrelu_", "training"},
                            Flag{"aten::lstm", "train"},
                            Flag{"aten::gru", "train"},
                            Flag{"aten::rnn_tanh", "train"},
                            Flag{"aten::rnn_relu", "train"}};

/// Operations that draw random numbers and have no flag: in eval mode a network has none of them, or
/// draws always.
constexpr std::array<std::string_view, 14> kRandom{
    "aten::bernoulli",         "aten::bernoulli_", "aten::rand",    "aten::randn",
    "aten::rand_like",         "aten::randn_like", "aten::randint", "aten::randint_like",
    "aten::randperm",          "aten::normal",     "aten::normal_", "aten::uniform_",
    "aten::normal_functional", "aten::multinomial"};

constexpr std::string_view kMean = "running_mean", kCounter = "num_batches_tracked";

/// The position of an argument; none: the operation has no such argument.
std::optional<size_t> position_of(const Call& call, std::string_view argument) {
  const auto& arguments = call.operation->schema().arguments();
  for (size_t k = 0; k < arguments.size(); ++k) {
    if (arguments[k].name() == argument) return k;
  }
  return std::nullopt;
}

bool is_set(const Call& call, size_t position) {
  const c10::IValue& flag = call.constants[position];
  return flag.isBool() && flag.toBool();
}

/// What run_decompositions() makes of operations with a flag.
Switch::Fixed decomposed(const Call& call) {
  const std::string& name = call.operation_name();
  using enum Switch::Fixed;
  if (name == "aten::native_dropout") return Training;
  if (name == "aten::_native_batch_norm_legit_no_training" ||
      name == "aten::_batch_norm_no_update") {
    return Eval;
  }
  if (name == "aten::_batch_norm_with_update" ||
      name == "aten::_batch_norm_with_update_functional") {
    return Training;
  }
  if (name == "aten::native_batch_norm" || name == "aten::_native_batch_norm_legit" ||
      name == "aten::_native_batch_norm_legit_functional") {
    if (!position_of(call, kMean)) return No;  // it has no running statistics
    return is_set(call, *position_of(call, "training")) ? Training : Eval;
  }
  return No;
}

/// The state that a call writes in place, or "".
std::string written(const Call& call, const StateAt& state_at) {
  if (call.operation_name() == "aten::detach_") return "";  // no number
  const auto& arguments = call.operation->schema().arguments();
  for (size_t k = 0; k < arguments.size(); ++k) {
    const auto* const alias = arguments[k].alias_info();
    if (!alias || !alias->isWrite()) continue;
    const std::string state = state_at(k);
    if (!state.empty()) return state;
  }
  return "";
}

/// "a, 2 x b" of the names and how often each is there.
std::string counted(const std::map<std::string, int>& names) {
  std::string list;
  for (const auto& [name, count] : names) {
    list += (list.empty() ? "" : ", ") + (count > 1 ? std::to_string(count) + " x " : "") + name;
  }
  return list;
}

}  // namespace

Switch switch_of(const Call& call, const StateAt& state_at, const StateAt& viewed_at) {
  Switch mode;
  if (!call.operation) return mode;
  const std::string& name = call.operation_name();
  mode.fixed = call.is_one_of(kRandom) ? Switch::Fixed::Random : decomposed(call);
  if (name == "aten::add_" || name == "aten::add") {
    mode.counter = state_at(0);
    mode.counts_batches = mode.counter.ends_with(kCounter);
  }
  if (!mode.counts_batches) mode.writes = written(call, viewed_at);
  if (name == "aten::scaled_dot_product_attention") {
    const size_t rate = *position_of(call, "dropout_p");
    const c10::IValue& value = call.constants[rate];
    if (value.isDouble() && value.toDouble() > 0) mode.rate = rate;
    return mode;
  }
  for (const Flag& flag : kFlags) {
    if (flag.operation == name) mode.flag = position_of(call, flag.argument);
  }
  const auto mean = position_of(call, kMean);
  if (!mode.flag || !mean) return mode;
  if (call.argument_at(*mean) == nullptr) {  // without running statistics there is one mode
    mode.flag.reset();
    return mode;
  }
  if (name != "aten::batch_norm") return mode;
  mode.momentum = position_of(call, "momentum");
  mode.statistics = state_at(*mean);
  if (mode.statistics.ends_with(kMean)) {
    mode.counter = mode.statistics.substr(0, mode.statistics.size() - kMean.size());
    mode.counter += kCounter;
  }
  return mode;
}

Modes::Modes(const Graph& graph, const std::vector<std::string>& changed) {
  std::map<std::string, int> on, off, random;
  std::string in_training, in_eval;  // operations that have one mode
  bool keeps_statistics = false;
  std::unordered_set<std::string> counting;
  std::set<std::string> writes(changed.begin(), changed.end());
  for_each_call(graph, [&](const Call& call) {
    const Switch& mode = call.mode;
    if (mode.counts_batches) counting.insert(mode.counter);
    if (!mode.writes.empty()) writes.insert(mode.writes);
    if (mode.rate) ++on[call.operation_name()];
    if (mode.flag) ++(is_set(call, *mode.flag) ? on : off)[call.operation_name()];
    if (mode.fixed == Switch::Fixed::Random) ++random[call.operation_name()];
    if (mode.fixed == Switch::Fixed::Training) in_training = call.operation_name();
    if (mode.fixed == Switch::Fixed::Eval) in_eval = call.operation_name();
    has_fixed_batch_norm_ |= mode.fixed != Switch::Fixed::No &&
                             call.operation_name().find("batch_norm") != std::string::npos;
    if (!mode.statistics.empty()) statistics_.push_back(mode.statistics);
    if (mode.momentum && !is_set(call, *mode.flag)) {
      const c10::IValue& momentum = call.constants[*mode.momentum];
      keeps_statistics |= momentum.isDouble() && momentum.toDouble() == 0;
    }
  });
  for_each_call(graph, [&](const Call& call) {
    const std::string& counter = call.mode.counter;
    if (counter.empty() || !call.mode.flag || is_set(call, *call.mode.flag)) return;
    if (!counting.contains(counter)) counters_.push_back(counter);
  });
  for (const std::string& counter : counting) writes.erase(counter);
  differ_ = !on.empty() || !off.empty() || !in_training.empty() || !in_eval.empty();
  training_ = !in_training.empty() || (in_eval.empty() && (!on.empty() || off.empty()));

  constexpr const char* kDecomposed =
      " has one mode for good: export the network again without run_decompositions()";
  if (!in_eval.empty()) not_training_ = "its operation " + in_eval + kDecomposed;
  if (!in_training.empty()) not_eval_ = "its operation " + in_training + kDecomposed;
  if (not_training_.empty() && keeps_statistics) {
    not_training_ =
        "it was exported in eval mode, and its batch normalisation has momentum=None or 0, which "
        "would keep the running statistics as they are: give it a momentum and export net.train()";
  }
  if (not_eval_.empty() && !random.empty() && training_) {
    not_eval_ = "its operation " + random.begin()->first +
                " draws random numbers in any mode: export net.eval()";
  }
  about_ = !differ_ ? "the same in training and in eval mode"
                    : std::string("exported in ") + (training_ ? "training" : "eval") + " mode";
  if (training_ && !on.empty() && not_eval_.empty()) {
    about_ += "; eval() switches off " + counted(on);
  }
  if (!off.empty() && not_training_.empty()) {
    about_ += training_ ? "; train() leaves off, as the export has it, " : "; train() switches on ";
    about_ += counted(off);
  }
  if (!training_ && not_training_.empty()) {
    about_ +=
        "; what was left out of the export, as the dropout of attention and of paths is in "
        "eval mode, stays out";
  }
  if (!writes.empty()) {
    about_ +=
        "; its buffer '" + *writes.begin() + "' " +
        (writes.size() > 1 ? "and " + std::to_string(writes.size() - 1) + " more are" : "is") +
        " written in any mode";
  }
  if (!not_training_.empty()) about_ += "; there is no train(): " + not_training_;
  if (!not_eval_.empty()) about_ += "; there is no eval(): " + not_eval_;
}

}  // namespace descent::networks
