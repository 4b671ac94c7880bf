#pragma once
// Files of Python's torch.save: a zip archive that holds one pickle and a record for each storage.
// Reads and writes data, never code: a pickle is a program for a small stack machine, of which only
// the part that builds numbers, texts, lists, dictionaries and tensors is understood; whatever else
// a file names is refused by its name.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>

namespace descent::pickle {

struct List;
struct Dict;

/// A class, a function or a constant of Python: "torch.float32".
struct Global {
  std::string name;
};

/// A record of the archive that holds the numbers of tensors.
struct Storage {
  std::string key;
  at::ScalarType type;  ///< Undefined: untyped, the tensor says it
};

/// Where a tensor's numbers are; File::tensor() reads them.
struct Stored {
  const Storage* storage;
  at::ScalarType type;
  int64_t offset;
  std::vector<int64_t> sizes, strides;
};

/// A value of Python. Pointers live as long as the File.
using Value = std::variant<std::monostate,      // None
                           bool, int64_t,       // whole numbers of 64 bits
                           double,              // also whole numbers beyond
                           const std::string*,  // str and bytes
                           const Global*, const Storage*, const Stored*,
                           List*,  // list, tuple, torch.Size
                           Dict*>;

struct List {
  std::vector<Value> items;
};

struct Dict {
  std::vector<std::pair<Value, Value>> items;
  /// The value of a text; null: none.
  const Value* find(std::string_view key) const;
};

/// "a dict", "a tensor", "3", "'text'": a value as an error message names it.
std::string to_text(const Value& value);

/// An open file. Everything throws c10::Error with what is wrong, without the path.
class File {
 public:
  explicit File(const std::filesystem::path& path);
  /// Of a file that is at hand as bytes, such as a record of another archive.
  static File of_bytes(std::string bytes);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  /// What was given to torch.save.
  const Value& top() const;
  /// Reads a tensor, always to the CPU. It may share memory with others of this file.
  at::Tensor tensor(const Stored& place);

 private:
  struct Contents;
  explicit File(const std::function<std::unique_ptr<Contents>()>& open);
  std::unique_ptr<Contents> contents_;
};

/// Builds a pickle, call by call, that torch.load(path, weights_only=True) reads.
class Writer {
 public:
  void none();
  void boolean(bool x);
  void integer(int64_t x);
  void real(double x);
  void text(std::string_view x);
  void tensor(const at::Tensor& x);
  /// A collections.Counter of these.
  void counter(const std::vector<int64_t>& counted);
  void begin_tuple() { bytes_ += '('; }
  void end_tuple() { bytes_ += 't'; }
  void begin_list() { bytes_ += "]("; }
  void end_list() { bytes_ += 'e'; }
  void begin_dict() { bytes_ += "}("; }  ///< then a key and a value, in turn
  void end_dict() { bytes_ += 'u'; }

  /// Writes the archive; `out` tells whether it could be written.
  void write(std::ostream& out) const;

 private:
  void global(std::string_view name);
  void numbers(at::IntArrayRef x);

  std::string bytes_ = "\x80\x02";
  std::vector<at::Tensor> tensors_;
};

}  // namespace descent::pickle
