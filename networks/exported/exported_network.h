#pragma once
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include <descent/networks/exported/program.h>
#include <descent/networks/saved_network.h>

namespace descent::networks {

/// A program of torch.export with states of its own. Copies share the program.
class ExportedNetwork : public SavedNetwork {
 public:
  /// Throws std::invalid_argument with what is wrong, without the path.
  static std::shared_ptr<ExportedNetwork> load(const std::filesystem::path& file);

  std::vector<c10::IValue> run(std::vector<c10::IValue> inputs) override;
  std::vector<std::string> input_names() const override { return program_->input_names(); }
  std::vector<std::string> output_names() const override { return program_->output_names(); }
  Named named_parameters() const override;
  Named named_buffers() const override;
  Named state_dict() const override;
  std::string about_modes() const override { return program_->modes().about(); }
  void save(const std::filesystem::path& file) const override;
  std::shared_ptr<SavedNetwork> clone() const override { return copy(); }
  std::string type() const override { return program_->type(); }

  std::shared_ptr<ExportedNetwork> copy() const;
  const Program& program() const { return *program_; }
  const Tensors& states() const { return states_; }

  /// How the next calls run. The mode is the business of train() elsewhere.
  Setting& setting() { return *setting_; }

 private:
  ExportedNetwork(std::string subject, std::shared_ptr<const Program> program,
                  std::shared_ptr<const Archive> rest, Tensors states);
  Named named(std::initializer_list<State::Role> roles) const;
  void follow(c10::Device device);

  std::shared_ptr<const Program> program_;
  std::shared_ptr<const Archive> rest_;  ///< what save() writes beside the states
  Tensors states_;                       ///< in the order of the program's
  std::shared_ptr<Setting> setting_ = std::make_shared<Setting>();  ///< shared with module()
};

}  // namespace descent::networks
