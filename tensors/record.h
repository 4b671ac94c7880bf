#pragma once
// What an object keeps in an archive of LibTorch: named values, each with a checksum. Who saves and
// loads itself by these need not see LibTorch's header of archives, which is a large one.
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace torch::serialize {
class InputArchive;
class OutputArchive;
}  // namespace torch::serialize

namespace descent::tensors {

/// Tensors by name, in the order in which they are written.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// Writes values by name; close() then writes their checksums.
class RecordWriter {
 public:
  explicit RecordWriter(torch::serialize::OutputArchive& archive) : archive_(archive) {}

  void write(const char* key, int64_t number);
  void write(const char* key, double number);
  void write(const char* key, const std::string& text);
  void write(const char* key, const std::vector<int64_t>& numbers);
  void write(const char* key, const std::vector<double>& numbers);
  void write(const char* key, const std::vector<std::string>& texts);
  void write(const char* key, const std::vector<at::Tensor>& tensors);
  void write(const char* key, const NamedTensors& tensors);
  /// An archive inside this one, which has checksums of its own, if any.
  void nest(const char* key, const std::function<void(torch::serialize::OutputArchive&)>& save);

  void close();

 private:
  template <class Value>
  void add(const char* key, const Value& value);

  torch::serialize::OutputArchive& archive_;
  std::vector<std::string> keys_;
  std::vector<int64_t> sums_;
};

/// Reads what a RecordWriter wrote, and archives of before there were checksums. Throws c10::Error
/// that begins with the name of the reading class: at once if a value and its checksum do not fit,
/// later if a value is missing or of another kind.
class RecordReader {
 public:
  /// `reader` is the class's name, which must outlive this.
  RecordReader(torch::serialize::InputArchive& archive, const char* reader);

  bool has(const char* key) const;
  /// The value of that name. T is one of the types that RecordWriter writes.
  template <class T>
  T read(const char* key) const;
  /// A whole number >= 0.
  int64_t count(const char* key) const;
  /// Refuses a text that is not `wanted`.
  void expect(const char* key, const std::string& wanted) const;
  void nested(const char* key,
              const std::function<void(torch::serialize::InputArchive&)>& load) const;

 private:
  torch::serialize::InputArchive& archive_;
  const char* reader_;
};

}  // namespace descent::tensors
