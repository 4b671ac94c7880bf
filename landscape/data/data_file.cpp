#include <optional>
#include <stdexcept>
#include <string>

#include <c10/util/Exception.h>

#include <descent/base/atomic_file.h>
#include <descent/base/text.h>
#include <descent/base/zip.h>
#include <descent/landscape/data/data_file.h>
#include <descent/landscape/data/numpy.h>
#include <descent/pickle/pickle.h>

namespace descent {
namespace {

bool is_tensor(const pickle::Value& value) {
  return std::holds_alternative<const pickle::Stored*>(value);
}

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : file_(path) {}

  Batches data() {
    const pickle::Value& top = file_.top();
    const auto* const* list = std::get_if<pickle::List*>(&top);
    if (list == nullptr) return batch(top, "");
    const auto& items = (*list)->items;
    TORCH_CHECK(!items.empty(), "an empty list, must hold at least one batch");
    if (is_tensor(items[0])) return batch(top, "");
    std::vector<Data> batches;
    for (const pickle::Value& item : items)
      batches.push_back(batch(item, "batch " + std::to_string(batches.size()) + ": "));
    return batches;
  }

 private:
  Data batch(const pickle::Value& value, const std::string& which) {
    if (auto* const* dict = std::get_if<pickle::Dict*>(&value)) {
      const pickle::Value *input = (*dict)->find("input"), *target = (*dict)->find("target");
      if (input == nullptr && (*dict)->items.size() > 1) return by_name(**dict, which);
      TORCH_CHECK(input != nullptr && target != nullptr, which, "has no \"",
                  input == nullptr ? "input" : "target", "\", must have \"input\" and \"target\"");
      return {tensor(*input, which + "input"), tensor(*target, which + "target")};
    }
    const auto* const* list = std::get_if<pickle::List*>(&value);
    TORCH_CHECK(list != nullptr, which, "is ", pickle::to_text(value),
                ", must be {\"input\": x, \"target\": y}, (x, y) or a list of these");
    const auto& items = (*list)->items;
    TORCH_CHECK(items.size() == 2, which, "holds ", items.size(),
                " values, must hold 2: input and target");
    return {tensor(items[0], which + "input"), tensor(items[1], which + "target")};
  }

  /// {"input_ids": ids, "attention_mask": mask, "target": y}: what a network with several inputs
  /// takes. The target may be its input "labels".
  Data by_name(const pickle::Dict& dict, const std::string& which) {
    Data data;
    for (const auto& [key, value] : dict.items) {
      const auto* const* name = std::get_if<const std::string*>(&key);
      TORCH_CHECK(name != nullptr, which, "has the key ", pickle::to_text(key), ", must be a text");
      const at::Tensor one = tensor(value, which + **name);
      if (**name == "target" || (**name == "labels" && !data.target.defined())) data.target = one;
      if (**name != "target") data.named.emplace_back(**name, one);
    }
    TORCH_CHECK(data.target.defined(), which,
                "has no \"target\", must have \"input\" and \"target\", or a network's inputs by "
                "name with \"target\" or \"labels\"");
    TORCH_CHECK(!data.named.empty(), which, "has no \"input\", must have \"input\" and \"target\"");
    data.input = data.named.front().second;
    return data;
  }

  at::Tensor tensor(const pickle::Value& value, const std::string& which) {
    TORCH_CHECK(is_tensor(value), which, " is ", pickle::to_text(value), ", must be a tensor");
    return file_.tensor(*std::get<const pickle::Stored*>(value));
  }

  pickle::File file_;
};

/// "x.npy,y.npy": one batch of two files.
std::optional<Data> pair_of_arrays(const std::filesystem::path& path) {
  const std::string text = path.string();
  const size_t comma = text.find(".npy,");
  if (comma == std::string::npos || !text.ends_with(".npy")) return std::nullopt;
  const auto array = [](const std::string& file) {
    try {
      return landscape::tensor_of_npy(read_file(file));
    } catch (const std::exception& error) {
      throw std::runtime_error(file + ": " + error.what());
    }
  };
  return Data{array(text.substr(0, comma + 4)), array(text.substr(comma + 5))};
}

/// The arrays "input" and "target" of numpy.savez().
Data archive_of_arrays(const std::filesystem::path& path) {
  ZipReader zip(path);
  const auto array = [&](const char* name) {
    const ZipReader::Record* const record = zip.find(std::string(name) + ".npy");
    if (record != nullptr) return landscape::tensor_of_npy(zip.read(*record));
    std::vector<std::string> names;
    for (const ZipReader::Record& one : zip.records()) {
      names.push_back(one.name.substr(0, one.name.rfind(".npy")));
    }
    throw std::runtime_error(std::string("has no array \"") + name + "\" but " + joined(names) +
                             "; write it with numpy.savez(file, input=x, target=y)");
  };
  return {array("input"), array("target")};
}

}  // namespace

Batches load_data(const std::filesystem::path& path) {
  if (std::optional<Data> pair = pair_of_arrays(path)) return *std::move(pair);
  try {
    if (path.extension() == ".npz") return archive_of_arrays(path);
    if (path.extension() == ".npy") {
      throw std::runtime_error("is one array, must be two: --data x.npy,y.npy");
    }
    return Reader(path).data();
  } catch (const c10::Error& error) {
    throw std::runtime_error(path.string() + ": " + error.what_without_backtrace());
  } catch (const std::exception& error) {
    throw std::runtime_error(path.string() + ": " + error.what());
  }
}

}  // namespace descent
