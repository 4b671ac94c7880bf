#include <algorithm>
#include <array>
#include <string_view>

#include <ATen/ops/empty.h>

#include <descent/networks/exported/document.h>
#include <descent/networks/weights/safetensors.h>
#include <descent/pickle/reach.h>

namespace descent::networks {
namespace {

struct SafetensorsType {
  std::string_view name;
  at::ScalarType type;
};
constexpr std::array kSafetensorsTypes{SafetensorsType{"F64", at::kDouble},
                                       SafetensorsType{"F32", at::kFloat},
                                       SafetensorsType{"F16", at::kHalf},
                                       SafetensorsType{"BF16", at::kBFloat16},
                                       SafetensorsType{"I64", at::kLong},
                                       SafetensorsType{"I32", at::kInt},
                                       SafetensorsType{"I16", at::kShort},
                                       SafetensorsType{"I8", at::kChar},
                                       SafetensorsType{"U64", at::kUInt64},
                                       SafetensorsType{"U32", at::kUInt32},
                                       SafetensorsType{"U16", at::kUInt16},
                                       SafetensorsType{"U8", at::kByte},
                                       SafetensorsType{"BOOL", at::kBool},
                                       SafetensorsType{"C64", at::kComplexFloat},
                                       SafetensorsType{"F8_E4M3", at::kFloat8_e4m3fn},
                                       SafetensorsType{"F8_E5M2", at::kFloat8_e5m2}};

constexpr uint64_t kLength = 8;

/// Undefined: it is unknown here.
at::ScalarType type_of(std::string_view name) {
  for (const SafetensorsType& row : kSafetensorsTypes) {
    if (row.name == name) return row.type;
  }
  return at::ScalarType::Undefined;
}

std::vector<int64_t> numbers(std::string_view tensor, const Json& entry, const char* key) {
  const Json* const list = entry.find(key);
  if (!list || !list->is_list()) refuse("its tensor '", tensor, "' has no ", key);
  std::vector<int64_t> all;
  for (const Json& one : list->items()) {
    if (one.kind() != Json::Kind::Whole || one.whole() < 0) {
      refuse("its tensor '", tensor, "' has impossible ", key);
    }
    all.push_back(one.whole());
  }
  return all;
}

std::vector<int64_t> strides_of(const std::vector<int64_t>& sizes) {
  std::vector<int64_t> strides(sizes.size(), 1);
  for (size_t k = sizes.size(); k-- > 1;) {
    if (__builtin_mul_overflow(strides[k], std::max<int64_t>(sizes[k], 1), &strides[k - 1])) {
      strides[k - 1] = -1;  // which reach() takes for nonsense
    }
  }
  return strides;
}

}  // namespace

Safetensors::Safetensors(const std::filesystem::path& file)
    : file_(file, std::ios::binary | std::ios::ate) {
  if (!file_) refuse("it cannot be opened");
  const auto size = static_cast<uint64_t>(file_.tellg());
  std::array<unsigned char, kLength> digits{};
  file_.seekg(0);
  file_.read(reinterpret_cast<char*>(digits.data()), kLength);
  uint64_t length = 0;
  for (size_t k = kLength; k-- > 0;) length = length << 8 | digits[k];
  if (!file_ || length > size - kLength)
    refuse("it is no file of safetensors: its header is cut off");
  std::string text(length, '\0');
  file_.read(text.data(), static_cast<std::streamsize>(length));
  if (!file_) refuse("it cannot be read");
  const Document header(text, "header");
  if (!header.root().is_object()) refuse("its header holds no tensors by name");
  std::map<uint64_t, uint64_t> ranges;  // from and to
  const uint64_t first = kLength + length, room = size - first;
  for (const auto& [key, value] : header.root().members()) {
    if (key == "__metadata__") continue;
    const std::string name(key);
    if (!value.is_object()) refuse("its tensor '", name, "' is not described");
    const Json* const dtype = value.find("dtype");
    if (!dtype || !dtype->is_text()) refuse("its tensor '", name, "' has no dtype");
    Entry entry{std::string(dtype->text()), numbers(name, value, "shape"), 0, 0};
    const auto offsets = numbers(name, value, "data_offsets");
    if (offsets.size() != 2 || offsets[0] > offsets[1] ||
        static_cast<uint64_t>(offsets[1]) > room) {
      refuse("its tensor '", name, "' reaches beyond the file");
    }
    const auto begin = static_cast<uint64_t>(offsets[0]), end = static_cast<uint64_t>(offsets[1]);
    if (begin < end && !ranges.emplace(begin, end).second) {
      refuse("its tensor '", name, "' lies over another one");
    }
    entry.begin = first + begin;
    entry.bytes = end - begin;
    check_size(name, entry);
    if (!entries_.emplace(name, std::move(entry)).second) {
      refuse("its tensor '", name, "' is there twice");
    }
  }
  uint64_t done = 0;  // the format has neither overlaps nor gaps
  for (const auto& [begin, end] : ranges) {
    if (begin != done) refuse("its tensors lie over each other or have a gap at byte ", done);
    done = end;
  }
  if (done != room) refuse("it has ", room - done, " bytes behind its tensors");
}

void Safetensors::check_size(const std::string& name, const Entry& entry) {
  const at::ScalarType type = type_of(entry.dtype);
  if (type == at::ScalarType::Undefined) return;  // tensor() refuses it
  const int64_t bytes = pickle::reach(type, 0, entry.sizes, strides_of(entry.sizes));
  if (bytes < 0) refuse("its tensor '", name, "' has an impossible shape");
  if (entry.bytes == static_cast<uint64_t>(bytes)) return;
  refuse("its tensor '", name, "' has ", entry.bytes, " bytes, must have ", bytes,
         " for its shape and dtype");
}

std::vector<std::string> Safetensors::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

at::Tensor Safetensors::tensor(const std::string& name) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) refuse("it has no tensor '", name, "'");
  const Entry& entry = found->second;
  const at::ScalarType type = type_of(entry.dtype);
  if (type == at::ScalarType::Undefined) {
    refuse("its tensor '", name, "' has the dtype ", entry.dtype, ", which is unknown here");
  }
  at::Tensor tensor = at::empty(entry.sizes, type);
  if (entry.bytes == 0) return tensor;
  file_.seekg(static_cast<std::streamoff>(entry.begin));
  file_.read(static_cast<char*>(tensor.mutable_data_ptr()),
             static_cast<std::streamsize>(entry.bytes));
  if (!file_) refuse("it cannot be read");
  return tensor;
}

}  // namespace descent::networks
