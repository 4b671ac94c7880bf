#pragma once
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace descent::networks {

/// A file of safetensors: the length of a header in 8 bytes, the header in JSON, and raw numbers,
/// little endian. Everything throws std::invalid_argument with what is wrong, without the path.
class Safetensors {
 public:
  explicit Safetensors(const std::filesystem::path& file);

  std::vector<std::string> names() const;
  bool holds(const std::string& name) const { return entries_.contains(name); }
  /// Refuses types that LibTorch does not have: others of the file can be read all the same.
  at::Tensor tensor(const std::string& name);

 private:
  struct Entry {
    std::string dtype;
    std::vector<int64_t> sizes;
    uint64_t begin, bytes;  ///< in the file
  };
  static void check_size(const std::string& name, const Entry& entry);

  std::ifstream file_;
  std::map<std::string, Entry> entries_;
};

}  // namespace descent::networks
