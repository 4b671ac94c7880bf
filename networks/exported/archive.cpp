#include <algorithm>
#include <map>
#include <tuple>

#include <ATen/ops/empty.h>
#include <c10/core/CPUAllocator.h>
#include <caffe2/serialize/inline_container.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>

#include <descent/base/text.h>
#include <descent/base/zip.h>
#include <descent/networks/exported/archive.h>
#include <descent/networks/exported/document.h>
#include <descent/pickle/pickle.h>
#include <descent/pickle/reach.h>

namespace descent::networks {
namespace {

using at::Tensor;
using Record = ZipReader::Record;

constexpr const char* kWeights = "data/weights/";
constexpr const char* kConstants = "data/constants/";
constexpr const char* kWeightsConfiguration = "_weights_config.json";
constexpr const char* kConstantsConfiguration = "_constants_config.json";

/// Asks for pages of 2 MiB where weights are to be read: Linux hands them out in half the time that
/// it takes for small ones. It may refuse, which changes nothing else.
void ask_for_large_pages(void* data, uint64_t bytes) {
  constexpr uint64_t kLarge = uint64_t{2} << 20, kSmall = 4096;
  if (bytes < kLarge) return;
  const auto begin = (reinterpret_cast<uintptr_t>(data) + kSmall - 1) / kSmall * kSmall;
  const auto end = (reinterpret_cast<uintptr_t>(data) + bytes) / kSmall * kSmall;
  static_cast<void>(::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE));
}

/// The tensors of one place are one tensor.
class Distinct {
 public:
  Tensor of(const c10::Storage& storage, at::ScalarType type, int64_t offset,
            const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides) {
    Tensor& known =
        known_[{storage.unsafeGetStorageImpl(), static_cast<int>(type), offset, sizes, strides}];
    if (!known.defined()) {
      known = at::empty({0}, type).set_(storage, offset, sizes, strides);
    }
    return known;
  }

 private:
  using Place = std::tuple<const void*, int, int64_t, std::vector<int64_t>, std::vector<int64_t>>;
  std::map<Place, Tensor> known_;
};

class ArchiveReader {
 public:
  explicit ArchiveReader(const std::filesystem::path& file) : zip_(file) {
    for (const Record& record : zip_.records()) {
      const size_t folder = record.name.find('/');
      if (folder != std::string::npos) records_.emplace(record.name.substr(folder + 1), &record);
    }
  }

  Archive read() {
    if (zip_.find("serialized_exported_program.json")) return read_root();
    if (!find("archive_format") || text("archive_format") != "pt2") {
      refuse("it is no archive of torch.export.save()");
    }
    if (find("archive_version") && text("archive_version") != "0") {
      refuse("its archive has the version ", text("archive_version"), ", must be 0");
    }
    if (find("byteorder") && text("byteorder") != "little") {
      refuse("its numbers are not little-endian");
    }
    const std::string name = only_model();
    Archive archive{name, text("models/" + name + ".json")};
    archive.weights = tensors(kWeights, name, kWeightsConfiguration);
    archive.constants = tensors(kConstants, name, kConstantsConfiguration);
    for (const Record& record : zip_.records()) {
      const std::string path = record.name.substr(record.name.find('/') + 1);
      const bool is_kept = path.starts_with("extra/") || path.starts_with("data/sample_inputs/");
      if (is_kept) archive.others.emplace_back(path, zip_.read(record));
    }
    return archive;
  }

 private:
  const Record* find(const std::string& path) const {
    const auto found = records_.find(path);
    return found == records_.end() ? nullptr : found->second;
  }

  std::string text(const std::string& path) {
    const Record* const record = find(path);
    if (!record) refuse("it has no record '", path, "'");
    return zip_.read(*record);
  }

  std::string only_model() const {
    std::vector<std::string> names;
    for (const auto& [path, record] : records_) {
      if (path.starts_with("models/") && path.ends_with(".json")) {
        names.push_back(path.substr(7, path.size() - 12));
      }
    }
    if (names.empty()) {
      refuse(
          "it holds no exported program: compiled packages (aoti_compile_and_package) have none");
    }
    std::sort(names.begin(), names.end());
    if (names.size() > 1) {
      refuse("it holds several programs (", joined(names), "): save each with torch.export.save()");
    }
    return names[0];
  }

  /// The layout up to PyTorch 2.7.
  Archive read_root() {
    const auto part = [&](const char* name) {
      const Record* const record = zip_.find(name);
      if (!record) refuse("it has no record '", name, "'");
      return zip_.read(*record);
    };
    Archive archive{"model", part("serialized_exported_program.json")};
    archive.weights = pickled(part("serialized_state_dict.pt"));
    archive.constants = pickled(part("serialized_constants.pt"));
    archive.others = {{"data/sample_inputs/model.pt", part("serialized_example_inputs.pt")}};
    return archive;
  }

  HeldByName tensors(const std::string& folder, const std::string& name,
                     const std::string& configuration) {
    const std::string legacy = folder + name + ".pt";  // of PyTorch 2.8
    if (find(legacy)) return pickled(text(legacy));
    const std::string path = folder + name + configuration;
    HeldByName all;
    const std::string bytes = text(path);
    const Document source(bytes, path);
    const Json& entries = field(source.root(), "config");
    if (!entries.is_object()) refuse("its record '", path, "' has no names");
    for (const auto& [key, entry] : entries.members()) {
      const std::string tensor(key);
      all.emplace(tensor, raw(folder, tensor, entry));
    }
    return all;
  }

  Held raw(const std::string& folder, const std::string& name, const Json& entry) {
    if (truth(field(entry, "use_pickle"), "use_pickle")) {
      return {.refusal = "is an object or a subclass of tensors, which is not supported"};
    }
    const Json& meta = field(entry, "tensor_meta");
    if (layout(field(meta, "layout")) != at::kStrided) {
      return {.refusal = "is not dense, which is not supported"};
    }
    const at::ScalarType type = number_type(field(meta, "dtype"));
    const auto sizes = numbers(meta, "sizes"), strides = numbers(meta, "strides");
    const int64_t offset = whole(field(field(meta, "storage_offset"), "as_int"), "an offset");
    const std::string path = folder + std::string(text_field(entry, "path_name"));
    const c10::Storage& storage = storage_of(path, name);
    const int64_t bytes = pickle::reach(type, offset, sizes, strides);
    if (bytes < 0) refuse("its tensor '", name, "' has impossible sizes, strides or offset");
    if (bytes > static_cast<int64_t>(storage.nbytes())) {
      refuse("its tensor '", name, "' reaches ", bytes, " bytes into the record '", path,
             "', which has ", storage.nbytes());
    }
    Held held{distinct_.of(storage, type, bytes == 0 ? 0 : offset, sizes, strides),
              truth(field(entry, "is_param"), "is_param")};
    const bool wants_gradient = truth(field(meta, "requires_grad"), "requires_grad");
    if (held.is_parameter && wants_gradient) held.want_gradient();
    return held;
  }

  static std::vector<int64_t> numbers(const Json& meta, const char* key) {
    std::vector<int64_t> all;
    for (const Json& one : items(meta, key)) all.push_back(whole(field(one, "as_int"), key));
    return all;
  }

  const c10::Storage& storage_of(const std::string& path, const std::string& tensor) {
    const auto known = storages_.find(path);
    if (known != storages_.end()) return known->second;
    const Record* const record = find(path);
    if (!record) refuse("it has no record '", path, "', where its tensor '", tensor, "' would be");
    if (record->is_compressed) zip_.read(*record, nullptr);  // which refuses it
    c10::Storage storage(c10::Storage::use_byte_size_t(), static_cast<int64_t>(record->size),
                         c10::GetCPUAllocator(), /*resizable=*/false);
    ask_for_large_pages(storage.mutable_data(), record->size);
    zip_.read(*record, storage.mutable_data());
    return storages_.emplace(path, std::move(storage)).first->second;
  }

  HeldByName pickled(const std::string& bytes) {
    pickle::File file = pickle::File::of_bytes(bytes);
    const auto* const* dict = std::get_if<pickle::Dict*>(&file.top());
    if (!dict) refuse("its tensors are ", pickle::to_text(file.top()), ", must be a dict");
    HeldByName all;
    for (const auto& [key, value] : (*dict)->items) {
      const auto* const* name = std::get_if<const std::string*>(&key);
      if (!name) continue;
      const auto* const* stored = std::get_if<const pickle::Stored*>(&value);
      if (!stored) {
        all[**name] = {.refusal = "is an object, which is not supported"};
        continue;
      }
      const Tensor tensor = file.tensor(**stored);
      all[**name] = {.tensor = distinct_.of(tensor.storage(), tensor.scalar_type(),
                                            tensor.storage_offset(), tensor.sizes().vec(),
                                            tensor.strides().vec())};
    }
    return all;
  }

  ZipReader zip_;
  std::unordered_map<std::string, const Record*> records_;  ///< without the folder of all of them
  std::unordered_map<std::string, c10::Storage> storages_;
  Distinct distinct_;
};

/// A tensor of its own memory, which holds no gap.
Tensor plain(const Tensor& tensor) {
  const Tensor here = tensor.detach().cpu();
  const bool fills = here.is_non_overlapping_and_dense() && here.storage_offset() == 0 &&
                     here.storage().nbytes() == here.nbytes();
  return fills ? here : here.clone(at::MemoryFormat::Contiguous);
}

nlohmann::json list_of(at::IntArrayRef numbers) {
  auto list = nlohmann::json::array();
  for (const int64_t number : numbers) list.push_back({{"as_int", number}});
  return list;
}

class Writer {
 public:
  explicit Writer(std::ostream& out)
      : archive_([&out](const void* data, size_t size) {
          out.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
          return size;
        }) {}

  void record(const std::string& path, const std::string& bytes) {
    archive_.writeRecord(path, bytes.data(), bytes.size());
  }

  void tensors(const HeldByName& all, const std::string& folder, const std::string& prefix,
               const std::string& configuration) {
    std::unordered_map<const c10::TensorImpl*, std::string> paths;
    auto entries = nlohmann::json::object();
    for (const auto& [name, held] : std::map<std::string, Held>(all.begin(), all.end())) {
      if (!held.tensor.defined()) continue;
      const Tensor tensor = plain(held.tensor);
      const auto [path, is_new] =
          paths.emplace(held.tensor.unsafeGetTensorImpl(), prefix + std::to_string(paths.size()));
      if (is_new) {
        archive_.writeRecord(folder + path->second, tensor.const_data_ptr(), tensor.nbytes());
      }
      entries[name] = {{"path_name", path->second},
                       {"is_param", held.is_parameter},
                       {"use_pickle", false},
                       {"tensor_meta",
                        {{"dtype", code_of(tensor.scalar_type())},
                         {"sizes", list_of(tensor.sizes())},
                         {"requires_grad", held.tensor.requires_grad()},
                         {"device", {{"type", "cpu"}, {"index", nullptr}}},
                         {"strides", list_of(tensor.strides())},
                         {"storage_offset", {{"as_int", 0}}},
                         {"layout", kStridedCode}}}};
    }
    record(folder + configuration, nlohmann::json{{"config", entries}}.dump());
  }

  void end() { archive_.writeEndOfFile(); }

 private:
  caffe2::serialize::PyTorchStreamWriter archive_;
};

}  // namespace

Archive read_archive(const std::filesystem::path& file) { return ArchiveReader(file).read(); }

void write_archive(const Archive& archive, std::ostream& out) {
  const std::string& name = archive.name;
  Writer writer(out);
  writer.record("archive_format", "pt2");
  writer.record("archive_version", "0");
  writer.record("byteorder", "little");
  writer.record("models/" + name + ".json", archive.program);
  writer.tensors(archive.weights, kWeights, "weight_", name + kWeightsConfiguration);
  writer.tensors(archive.constants, kConstants, "tensor_", name + kConstantsConfiguration);
  for (const auto& [path, bytes] : archive.others) writer.record(path, bytes);
  writer.end();
}

}  // namespace descent::networks
