#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace descent::networks {

/// The tensors of a network by name, in whichever file people keep them:
///   - torch.save(net.state_dict(), file), or a training's checkpoint that holds the state_dict as
///     "state_dict", "model_state_dict", "model" or as its only dict of tensors
///   - FILE.safetensors, or a FILE.safetensors.index.json of several
///   - a folder with one of these by the name that transformers gives it
/// Names are without what torch.compile puts into them ("_orig_mod."). Everything throws
/// std::runtime_error, which names the file.
class WeightsFile {
 public:
  explicit WeightsFile(const std::filesystem::path& path);
  ~WeightsFile();
  WeightsFile(WeightsFile&&) noexcept;

  /// In the order of the file.
  const std::vector<std::string>& names() const { return names_; }
  bool holds(const std::string& name) const;
  /// On the CPU.
  at::Tensor tensor(const std::string& name);

  /// The file in such a folder; empty: there is none.
  static std::filesystem::path in_folder(const std::filesystem::path& folder);

  struct Source;  ///< one kind of file

 private:
  std::filesystem::path path_;
  std::unique_ptr<Source> source_;
  std::vector<std::string> names_;
  std::vector<std::string> names_in_file_;  ///< of each of names_
};

/// What a file calls the tensors of a network. Where no name fits, one of them may have a prefix
/// before all of its dotted names: the file "module." of a DataParallel or "model." of a
/// LightningModule, the network "network." of a module that was wrapped for its export.
class NamesInFile {
 public:
  NamesInFile(const std::vector<std::string>& own, const std::vector<std::string>& file);

  std::string of(const std::string& own) const;

 private:
  std::string in_file_, in_network_;
};

}  // namespace descent::networks
