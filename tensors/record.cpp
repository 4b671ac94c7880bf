#include <torch/serialize/archive.h>

#include <descent/base/crc32.h>
#include <descent/tensors/fingerprint.h>
#include <descent/tensors/record.h>

namespace descent::tensors {
namespace {

// Beside the values stand the names of all of them and the checksum of each. These are two entries,
// so that no single damage makes a record look like one of before there were checksums, which has
// neither.
constexpr const char* kNames = "checked";
constexpr const char* kSums = "checksums";

/// Type, sizes and a CRC-32 of the numbers, which costs half of what their fingerprint would.
void add(Fingerprint& sum, const at::Tensor& tensor) {
  if (tensor.layout() != at::kStrided) return sum.add(tensor);
  sum.add(c10::toString(tensor.scalar_type()));
  sum.add(tensor.dim());
  for (const int64_t size : tensor.sizes()) sum.add(size);
  const at::Tensor flat = tensor.detach().cpu().contiguous();
  sum.add(int64_t{crc32(flat.const_data_ptr(), flat.nbytes())});
}

void add(Fingerprint& sum, const c10::IValue& value) {
  if (value.isTensor()) {
    add(sum, value.toTensor());
  } else if (value.isString()) {
    sum.add(value.toStringRef());
  } else if (value.isInt()) {
    sum.add(value.toInt());
  } else if (value.isDouble()) {
    sum.add(value.toDouble());
  } else if (value.isList()) {
    for (const c10::IValue& part : value.toListRef()) add(sum, part);
  } else if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) {
      add(sum, entry.key());
      add(sum, entry.value());
    }
  } else {
    sum.add(std::string_view(value.tagKind()));
  }
}

int64_t checksum(const std::string& key, const c10::IValue& value) {
  Fingerprint sum;
  sum.add(key);
  sum.add(value.tagKind());
  add(sum, value);
  return static_cast<int64_t>(sum.value());
}

/// A kind of value: whether one has it, how it is taken out, and its name for people.
template <class T>
struct Kind;
template <>
struct Kind<int64_t> {
  static constexpr const char* name = "a whole number";
  static bool holds(const c10::IValue& value) { return value.isInt(); }
  static int64_t of(const c10::IValue& value) { return value.toInt(); }
};
template <>
struct Kind<double> {
  static constexpr const char* name = "a number";
  static bool holds(const c10::IValue& value) { return value.isDouble(); }
  static double of(const c10::IValue& value) { return value.toDouble(); }
};
template <>
struct Kind<std::string> {
  static constexpr const char* name = "a text";
  static bool holds(const c10::IValue& value) { return value.isString(); }
  static std::string of(const c10::IValue& value) { return value.toStringRef(); }
};
template <>
struct Kind<std::vector<int64_t>> {
  static constexpr const char* name = "a list of whole numbers";
  static bool holds(const c10::IValue& value) { return value.isIntList(); }
  static std::vector<int64_t> of(const c10::IValue& value) { return value.toIntVector(); }
};
template <>
struct Kind<std::vector<double>> {
  static constexpr const char* name = "a list of numbers";
  static bool holds(const c10::IValue& value) { return value.isDoubleList(); }
  static std::vector<double> of(const c10::IValue& value) { return value.toDoubleVector(); }
};
template <>
struct Kind<std::vector<std::string>> {
  static constexpr const char* name = "a list of texts";
  static bool holds(const c10::IValue& value) {
    if (!value.isList()) return false;
    for (const c10::IValue& part : value.toListRef())
      if (!part.isString()) return false;
    return true;
  }
  static std::vector<std::string> of(const c10::IValue& value) {
    std::vector<std::string> texts;
    for (const c10::IValue& part : value.toListRef()) texts.push_back(part.toStringRef());
    return texts;
  }
};
template <>
struct Kind<std::vector<at::Tensor>> {
  static constexpr const char* name = "a list of tensors";
  static bool holds(const c10::IValue& value) { return value.isTensorList(); }
  static std::vector<at::Tensor> of(const c10::IValue& value) { return value.toTensorVector(); }
};
template <>
struct Kind<NamedTensors> {
  static constexpr const char* name = "a dictionary of tensors";
  static bool holds(const c10::IValue& value) {
    if (!value.isGenericDict()) return false;
    for (const auto& entry : value.toGenericDict())
      if (!entry.key().isString() || !entry.value().isTensor()) return false;
    return true;
  }
  static NamedTensors of(const c10::IValue& value) {
    NamedTensors tensors;
    for (const auto& entry : value.toGenericDict())
      tensors.emplace_back(entry.key().toStringRef(), entry.value().toTensor());
    return tensors;
  }
};

}  // namespace

template <class Value>
void RecordWriter::add(const char* key, const Value& value) {
  const c10::IValue held(value);
  archive_.write(key, held);
  keys_.emplace_back(key);
  sums_.push_back(checksum(key, held));
}

void RecordWriter::write(const char* key, int64_t number) { add(key, number); }
void RecordWriter::write(const char* key, double number) { add(key, number); }
void RecordWriter::write(const char* key, const std::string& text) { add(key, text); }
void RecordWriter::write(const char* key, const std::vector<int64_t>& numbers) {
  add(key, c10::List<int64_t>(numbers));
}
void RecordWriter::write(const char* key, const std::vector<double>& numbers) {
  add(key, c10::List<double>(numbers));
}
void RecordWriter::write(const char* key, const std::vector<std::string>& texts) {
  add(key, c10::List<std::string>(texts));
}
void RecordWriter::write(const char* key, const std::vector<at::Tensor>& tensors) {
  add(key, c10::List<at::Tensor>(tensors));
}
void RecordWriter::write(const char* key, const NamedTensors& tensors) {
  c10::Dict<std::string, at::Tensor> dict;
  for (const auto& [name, tensor] : tensors) dict.insert(name, tensor);
  add(key, dict);
}

void RecordWriter::nest(const char* key,
                        const std::function<void(torch::serialize::OutputArchive&)>& save) {
  torch::serialize::OutputArchive nested(archive_.compilation_unit());
  save(nested);
  archive_.write(key, nested);
}

void RecordWriter::close() {
  archive_.write(kNames, c10::IValue(c10::List<std::string>(keys_)));
  archive_.write(kSums, c10::IValue(c10::List<int64_t>(sums_)));
}

RecordReader::RecordReader(torch::serialize::InputArchive& archive, const char* reader)
    : archive_(archive), reader_(reader) {
  if (!has(kNames) && !has(kSums)) return;
  const auto names = read<std::vector<std::string>>(kNames);
  const auto sums = read<std::vector<int64_t>>(kSums);
  TORCH_CHECK(names.size() == sums.size(), reader_, ": the archive is damaged, it has ",
              sums.size(), " checksums of ", names.size(), " values");
  for (size_t i = 0; i < names.size(); ++i) {
    c10::IValue value;
    TORCH_CHECK(archive_.try_read(names[i], value) && checksum(names[i], value) == sums[i], reader_,
                ": the archive's ", names[i], " is damaged (its checksum does not match)");
  }
}

bool RecordReader::has(const char* key) const {
  c10::IValue value;
  return archive_.try_read(key, value);
}

template <class T>
T RecordReader::read(const char* key) const {
  c10::IValue value;
  TORCH_CHECK(archive_.try_read(key, value), reader_, ": the archive has no ", key,
              ", must have been written by ", reader_, " of this library");
  TORCH_CHECK(Kind<T>::holds(value), reader_, ": the archive's ", key, " is a ", value.tagKind(),
              ", must be ", Kind<T>::name);
  return Kind<T>::of(value);
}
template int64_t RecordReader::read(const char*) const;
template double RecordReader::read(const char*) const;
template std::string RecordReader::read(const char*) const;
template std::vector<int64_t> RecordReader::read(const char*) const;
template std::vector<double> RecordReader::read(const char*) const;
template std::vector<std::string> RecordReader::read(const char*) const;
template std::vector<at::Tensor> RecordReader::read(const char*) const;
template NamedTensors RecordReader::read(const char*) const;

int64_t RecordReader::count(const char* key) const {
  const auto number = read<int64_t>(key);
  TORCH_CHECK(number >= 0, reader_, ": the archive has ", key, " = ", number, ", must be >= 0");
  return number;
}

void RecordReader::expect(const char* key, const std::string& wanted) const {
  const auto text = read<std::string>(key);
  TORCH_CHECK(text == wanted, reader_, ": the archive's ", key, " is ", text, ", must be ", wanted);
}

void RecordReader::nested(const char* key,
                          const std::function<void(torch::serialize::InputArchive&)>& load) const {
  torch::serialize::InputArchive found;
  TORCH_CHECK(archive_.try_read(key, found), reader_, ": the archive has no ", key,
              ", must have been written by ", reader_, " of this library");
  load(found);
}

}  // namespace descent::tensors
