#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>
#include <string_view>
#include <unordered_set>

#include <c10/util/Exception.h>

#include <descent/base/atomic_file.h>
#include <descent/base/text.h>
#include <descent/networks/exported/document.h>
#include <descent/networks/weights/safetensors.h>
#include <descent/networks/weights/weights_file.h>
#include <descent/pickle/pickle.h>

namespace descent::networks {

struct WeightsFile::Source {
  virtual ~Source() = default;
  virtual std::vector<std::string> names() const = 0;
  virtual at::Tensor tensor(const std::string& name) = 0;
};

namespace {

namespace fs = std::filesystem;
using at::Tensor;

/// What transformers calls the weights in the folder of a checkpoint.
constexpr std::array<const char*, 3> kInFolder{"model.safetensors", "model.safetensors.index.json",
                                               "pytorch_model.bin"};

/// work(), whose errors name the file.
template <class Work>
auto reading(const fs::path& path, const Work& work) {
  try {
    return work();
  } catch (const c10::Error& error) {
    throw std::runtime_error(path.string() + ": " + error.what_without_backtrace());
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error(path.string() + ": " + error.what());
  }
}

std::string without_compiled(std::string name) {
  constexpr std::string_view kCompiled = "_orig_mod.";
  for (size_t at = name.find(kCompiled); at != name.npos; at = name.find(kCompiled, at)) {
    if (at == 0 || name[at - 1] == '.') {
      name.erase(at, kCompiled.size());
    } else {
      at += kCompiled.size();
    }
  }
  return name;
}

using StoredByName = std::vector<std::pair<std::string, const pickle::Stored*>>;

bool is_named_tensor(const std::pair<pickle::Value, pickle::Value>& item) {
  return std::holds_alternative<const std::string*>(item.first) &&
         std::holds_alternative<const pickle::Stored*>(item.second);
}

bool holds_tensors(const pickle::Dict& dict) {
  return std::any_of(dict.items.begin(), dict.items.end(), is_named_tensor);
}

StoredByName tensors_of(const pickle::Dict& dict) {
  StoredByName tensors;
  for (const auto& item : dict.items) {
    if (is_named_tensor(item))
      tensors.emplace_back(*std::get<const std::string*>(item.first),
                           std::get<const pickle::Stored*>(item.second));
  }
  return tensors;
}

/// The state_dict in a file of torch.save: the file's one dict, or a part of a training's
/// checkpoint that is called as trainers call it, or its only dict of tensors by name.
class StateDict : public WeightsFile::Source {
 public:
  explicit StateDict(const fs::path& path) : file_(path) {
    const auto* const* top = std::get_if<pickle::Dict*>(&file_.top());
    if (top != nullptr) tensors_ = tensors_of(chosen(**top));
    TORCH_CHECK(!tensors_.empty(), "holds ", pickle::to_text(file_.top()),
                " without tensors by name, must be what Python's torch.save(net.state_dict(), "
                "file) writes, or hold it in a dict as \"state_dict\"");
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> result;
    for (const auto& [name, tensor] : tensors_) result.push_back(name);
    return result;
  }

  Tensor tensor(const std::string& name) override {
    const auto found = std::find_if(tensors_.begin(), tensors_.end(),
                                    [&](const auto& tensor) { return tensor.first == name; });
    return file_.tensor(*found->second);
  }

 private:
  static const pickle::Dict& chosen(const pickle::Dict& top) {
    std::vector<std::pair<std::string, const pickle::Dict*>> parts;
    for (const auto& [key, value] : top.items) {
      const auto* const* name = std::get_if<const std::string*>(&key);
      const auto* const* dict = std::get_if<pickle::Dict*>(&value);
      if (name == nullptr || dict == nullptr || !holds_tensors(**dict)) continue;
      parts.emplace_back(**name, *dict);
    }
    for (const char* usual : {"state_dict", "model_state_dict", "model"}) {
      for (const auto& [name, dict] : parts) {
        if (name == usual) return *dict;
      }
    }
    if (parts.empty() || holds_tensors(top)) return top;
    std::vector<std::string> names;
    for (const auto& [name, dict] : parts) names.push_back(name);
    TORCH_CHECK(parts.size() == 1, "holds several dicts of tensors, ", joined(names),
                "; that of the network must be called state_dict, model_state_dict or model");
    return *parts.front().second;
  }

  pickle::File file_;
  StoredByName tensors_;
};

class OneSafetensors : public WeightsFile::Source {
 public:
  explicit OneSafetensors(const fs::path& path) : file_(path) {
    if (file_.names().empty()) refuse("holds no tensors");
  }
  std::vector<std::string> names() const override { return file_.names(); }
  Tensor tensor(const std::string& name) override { return file_.tensor(name); }

 private:
  Safetensors file_;
};

/// Several files of safetensors beside an index, which says where each tensor is.
class Sharded : public WeightsFile::Source {
 public:
  explicit Sharded(const fs::path& index) {
    const std::string text = read_file(index);
    const Document source(text, "index");
    const Json* const map = source.root().find("weight_map");
    if (!map || !map->is_object() || map->size() == 0) {
      refuse("has no \"weight_map\" of tensors by name");
    }
    for (const auto& [key, value] : map->members()) {
      const std::string name(key), file(value.is_text() ? value.text() : "");
      if (file.empty() || fs::path(file).filename() != file) {
        refuse("its tensor '", name, "' is in no file of the folder");
      }
      const fs::path path = index.parent_path() / file;
      const auto shard = shards_.try_emplace(file, nullptr).first;
      if (!shard->second) {
        shard->second = reading(path, [&] { return std::make_unique<Safetensors>(path); });
      }
      if (!shard->second->holds(name)) {
        refuse("its tensor '", name, "' is not in ", file, ", where it should be");
      }
      places_.emplace(name, shard->second.get());
    }
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [name, shard] : places_) names.push_back(name);
    return names;
  }
  Tensor tensor(const std::string& name) override { return places_.at(name)->tensor(name); }

 private:
  std::map<std::string, std::unique_ptr<Safetensors>> shards_;
  std::map<std::string, Safetensors*> places_;
};

std::unique_ptr<WeightsFile::Source> open(const fs::path& path) {
  if (path.extension() == ".safetensors") return std::make_unique<OneSafetensors>(path);
  if (path.extension() == ".json") return std::make_unique<Sharded>(path);
  return std::make_unique<StateDict>(path);
}

}  // namespace

WeightsFile::WeightsFile(const fs::path& path)
    : path_(fs::is_directory(path) ? in_folder(path) : path) {
  if (path_.empty()) {
    throw std::runtime_error(path.string() + ": the folder holds none of " + joined(kInFolder));
  }
  source_ = reading(path_, [&] { return open(path_); });
  names_in_file_ = source_->names();
  for (const std::string& name : names_in_file_) names_.push_back(without_compiled(name));
}

WeightsFile::~WeightsFile() = default;
WeightsFile::WeightsFile(WeightsFile&&) noexcept = default;

bool WeightsFile::holds(const std::string& name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

Tensor WeightsFile::tensor(const std::string& name) {
  return reading(path_, [&] {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) refuse("has no tensor '", name, "'");
    return source_->tensor(names_in_file_[static_cast<size_t>(found - names_.begin())]);
  });
}

fs::path WeightsFile::in_folder(const fs::path& folder) {
  for (const char* name : kInFolder) {
    if (fs::exists(folder / name)) return folder / name;
  }
  return {};
}

namespace {

/// What `names` have in front of another list's, one of which is `other`: all that have a dot.
std::string prefix_before(const std::vector<std::string>& names, const std::string& other) {
  for (const std::string& name : names) {
    if (!name.ends_with("." + other)) continue;
    const std::string prefix = name.substr(0, name.size() - other.size());
    const bool shared = std::all_of(names.begin(), names.end(), [&](const std::string& one) {
      return one.starts_with(prefix) || one.find('.') == std::string::npos;
    });
    if (shared) return prefix;
  }
  return "";
}

/// Of the first of `others` that is not among `names` as it is.
std::string prefix_before(const std::vector<std::string>& names,
                          const std::vector<std::string>& others) {
  const std::unordered_set<std::string> known(names.begin(), names.end());
  for (const std::string& other : others) {
    if (known.contains(other)) return "";
  }
  for (const std::string& other : others) {
    const std::string prefix = prefix_before(names, other);
    if (!prefix.empty()) return prefix;
  }
  return "";
}

}  // namespace

NamesInFile::NamesInFile(const std::vector<std::string>& own, const std::vector<std::string>& file)
    : in_file_(prefix_before(file, own)),
      in_network_(in_file_.empty() ? prefix_before(own, file) : "") {}

std::string NamesInFile::of(const std::string& own) const {
  return in_file_ + (own.starts_with(in_network_) ? own.substr(in_network_.size()) : own);
}

}  // namespace descent::networks
