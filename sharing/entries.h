#pragma once
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace descent::sharing {

/// Texts by their keys, in the memory of this process, or in a file that processes share. For several
/// threads. Throws WorldError that names the file.
class Entries {
 public:
  Entries() = default;
  /// Makes the file and its folder if they are missing.
  explicit Entries(std::filesystem::path file);
  ~Entries();
  Entries(const Entries&) = delete;
  Entries& operator=(const Entries&) = delete;

  std::optional<std::string> find(const std::string& key);
  bool has(const std::vector<std::string>& keys);
  void set(const std::vector<std::string>& keys, std::string_view value);
  /// What it is then.
  std::string set_once(const std::string& key, std::string_view value);
  int64_t add(const std::string& key, int64_t value);

 private:
  class Lock;
  void read_what_is_new();
  void put(const std::vector<std::string>& keys, std::string_view value);
  [[noreturn]] void fail(const std::string& what, int error = 0) const;

  std::mutex mutex_;
  std::unordered_map<std::string, std::string> values_;
  std::filesystem::path path_;
  int file_ = -1;
  int64_t read_ = 0;  ///< bytes of the file that are in the values
};

}  // namespace descent::sharing
