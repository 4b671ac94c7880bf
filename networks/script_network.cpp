#include <algorithm>
#include <cstring>

#include <ATen/core/grad_mode.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/nn/module.h>

#include <descent/base/atomic_file.h>
#include <descent/networks/refuse.h>
#include <descent/networks/script_network.h>

namespace descent::networks {
namespace {

namespace jit = torch::jit;

/// What LibTorch says, without the traces of TorchScript's interpreter and of C++.
std::string script_gist(const std::exception& error) {
  std::string text = error.what();
  for (const char* mark : {"RuntimeError: ", "torch.jit.Error: "}) {
    const auto found = text.rfind(mark);
    if (found != std::string::npos) text.erase(0, found + std::strlen(mark));
  }
  return text.substr(0, text.find('\n'));
}

class ScriptNetwork : public SavedNetwork {
 public:
  ScriptNetwork(std::string subject, jit::Module module)
      : SavedNetwork(std::move(subject)), script_(std::move(module)) {
    make_module(script_.is_training(), [script = script_](bool on) mutable { script.train(on); });
  }

  std::vector<c10::IValue> run(std::vector<c10::IValue> inputs) override {
    c10::IValue output;
    try {
      output = script_.forward(std::move(inputs));
    } catch (const std::exception& error) {
      refuse(subject_, ": ", script_gist(error));
    }
    if (!output.isTuple()) return {std::move(output)};
    return output.toTupleRef().elements().vec();
  }

  std::vector<std::string> input_names() const override {
    std::vector<std::string> names;
    for (const c10::Argument& argument : schema().arguments()) {
      if (argument.name() != "self" && !argument.default_value()) names.push_back(argument.name());
    }
    return names;
  }

  std::vector<std::string> output_names() const override {
    const c10::TypePtr type = schema().returns().at(0).type();
    const auto* const tuple = type->castRaw<c10::TupleType>();
    if (!tuple) return {""};
    std::vector<std::string> names;
    for (size_t k = 0; k < tuple->elements().size(); ++k) names.push_back(std::to_string(k));
    return names;
  }

  Named named_parameters() const override { return listed(script_.named_parameters()); }
  Named named_buffers() const override { return listed(script_.named_buffers()); }
  Named state_dict() const override {
    Named all = named_parameters();
    for (auto& buffer : named_buffers()) all.push_back(std::move(buffer));
    return all;
  }
  std::string about_modes() const override {
    return "train() and eval() switch what was scripted; what was traced keeps its mode";
  }
  std::string type() const override { return script_.type()->name()->name() + " (TorchScript)"; }
  const jit::Module* script() const override { return &script_; }

  void save(const std::filesystem::path& file) const override {
    write_atomically(file, [&](std::ostream& out) { script_.save(out); });
  }

  std::shared_ptr<SavedNetwork> clone() const override {
    const at::NoGradGuard no_grad;  // else copies of parameters are results, not leaves
    auto copy = std::make_shared<ScriptNetwork>(subject_, script_.deepcopy());
    copy->output_ = output_;
    return copy;
  }

 private:
  const c10::FunctionSchema& schema() const {
    return script_.get_method("forward").function().getSchema();
  }

  template <class List>
  static Named listed(const List& list) {
    Named named;
    for (const auto& item : list) named.emplace_back(item.name, item.value);
    return named;
  }

  jit::Module script_;
};

}  // namespace

std::shared_ptr<SavedNetwork> load_script(const std::filesystem::path& file) {
  jit::Module module;
  try {
    module = jit::load(file.string(), at::kCPU);
  } catch (const std::exception& error) {
    refuse("cannot be loaded as TorchScript: ", script_gist(error));
  }
  if (module.named_parameters().size() == 0) {
    refuse(
        "holds a module without parameters; torch.jit.freeze() makes them constants: save the "
        "module before it is frozen");
  }
  return std::make_shared<ScriptNetwork>(file.string(), std::move(module));
}

}  // namespace descent::networks
