#include <algorithm>
#include <unordered_map>

#include <ATen/core/grad_mode.h>
#include <torch/nn/module.h>

#include <descent/base/atomic_file.h>
#include <descent/networks/exported/exported_network.h>
#include <descent/networks/refuse.h>

namespace descent::networks {
namespace {

using at::Tensor;

bool is_of_weights(const State& state) {
  return state.role == State::Role::Parameter || state.role == State::Role::Buffer;
}

/// Takes the program's tensors out of the archive.
Tensors take_states(const Program& program, Archive& archive) {
  Tensors states;
  for (const State& state : program.states()) {
    HeldByName& from = is_of_weights(state) ? archive.weights : archive.constants;
    const auto found = from.find(state.name);
    if (found == from.end()) refuse("it has no tensor '", state.name, "'");
    Held& held = found->second;
    if (!held.refusal.empty()) refuse("its tensor '", state.name, "' ", held.refusal);
    const bool says_nothing = state.role == State::Role::Parameter && !held.is_parameter;
    if (says_nothing && state.wants_gradient) held.want_gradient();
    states.push_back(held.tensor);
    from.erase(found);
  }
  return states;
}

}  // namespace

ExportedNetwork::ExportedNetwork(std::string subject, std::shared_ptr<const Program> program,
                                 std::shared_ptr<const Archive> rest, Tensors states)
    : SavedNetwork(std::move(subject)),
      program_(std::move(program)),
      rest_(std::move(rest)),
      states_(std::move(states)) {
  make_module(program_->modes().training(),
              [subject = subject_, program = program_, setting = setting_](bool on) {
                const Modes& modes = program->modes();
                const std::string problem = modes.why_not(on);
                if (!problem.empty()) refuse(subject, on ? ": train(): " : ": eval(): ", problem);
                // In the export's own mode all is as it was exported: frozen layers stay frozen.
                setting->training = on == modes.training() ? std::nullopt : std::optional(on);
              });
}

std::shared_ptr<ExportedNetwork> ExportedNetwork::load(const std::filesystem::path& file) {
  auto archive = std::make_shared<Archive>(read_archive(file));
  auto program = std::make_shared<const Program>(archive->program);
  Tensors states = take_states(*program, *archive);
  return std::shared_ptr<ExportedNetwork>(new ExportedNetwork(
      file.string(), std::move(program), std::move(archive), std::move(states)));
}

std::vector<c10::IValue> ExportedNetwork::run(std::vector<c10::IValue> inputs) {
  if (!states_.empty()) follow(states_[0].device());
  try {
    return program_->run(std::move(inputs), states_, *setting_);
  } catch (const std::exception& error) {
    refuse(subject_, ": ", gist(error));
  }
}

/// Runs where the weights are: a module that is moved takes its parameters and buffers with it, and
/// constants are neither.
void ExportedNetwork::follow(c10::Device device) {
  if (setting_->device == device) return;
  setting_->device = device;
  for (size_t k = 0; k < states_.size(); ++k) {
    if (program_->states()[k].role == State::Role::Constant) states_[k] = states_[k].to(device);
  }
}

SavedNetwork::Named ExportedNetwork::named(std::initializer_list<State::Role> roles) const {
  Named named;
  for (size_t k = 0; k < states_.size(); ++k) {
    const State& state = program_->states()[k];
    if (std::find(roles.begin(), roles.end(), state.role) != roles.end()) {
      named.emplace_back(state.name, states_[k]);
    }
  }
  return named;
}

SavedNetwork::Named ExportedNetwork::named_parameters() const {
  return named({State::Role::Parameter});
}

SavedNetwork::Named ExportedNetwork::named_buffers() const {
  return named({State::Role::Buffer, State::Role::TemporaryBuffer});
}

SavedNetwork::Named ExportedNetwork::state_dict() const {
  return named({State::Role::Parameter, State::Role::Buffer});
}

void ExportedNetwork::save(const std::filesystem::path& file) const {
  Archive archive = *rest_;
  for (size_t k = 0; k < states_.size(); ++k) {
    const State& state = program_->states()[k];
    HeldByName& to = is_of_weights(state) ? archive.weights : archive.constants;
    to[state.name] = {states_[k], state.role == State::Role::Parameter};
  }
  write_atomically(file, [&](std::ostream& out) { write_archive(archive, out); });
}

std::shared_ptr<ExportedNetwork> ExportedNetwork::copy() const {
  const at::NoGradGuard no_grad;
  std::unordered_map<const c10::TensorImpl*, Tensor> copies;
  Tensors states;
  for (const Tensor& state : states_) {
    Tensor& copy = copies[state.unsafeGetTensorImpl()];
    if (!copy.defined()) copy = state.detach().clone().set_requires_grad(state.requires_grad());
    states.push_back(copy);
  }
  std::shared_ptr<ExportedNetwork> network(
      new ExportedNetwork(subject_, program_, rest_, std::move(states)));
  *network->setting_ = *setting_;
  network->output_ = output_;
  if (network->is_training() != is_training()) network->train(is_training());
  return network;
}

}  // namespace descent::networks
