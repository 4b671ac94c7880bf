#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace descent {

/// What other processes were needed for has failed. The text names rank, call and size, and which
/// ranks do not answer. A World that threw it is over, on all ranks: start again from a checkpoint.
class WorldError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace distributed {
struct Table;
}

/// A small table of texts that processes share, on one of c10d's stores: a World has one, and
/// folder_store() makes one of a folder. Copies are the same table. Everything here throws WorldError
/// if the table cannot be reached.
class Store {
 public:
  /// A table of this process alone.
  Store();

  void set(const std::string& key, std::string_view value);
  /// Waits until somebody has set it; WorldError after the time-out.
  std::string get(const std::string& key) const;
  bool has(const std::string& key) const { return has(std::vector<std::string>{key}); }
  /// Whether all of them were set.
  bool has(const std::vector<std::string>& keys) const;
  /// Adds to a number that starts at 0, and returns the sum: no two processes get the same one.
  int64_t add(const std::string& key, int64_t value);
  /// Waits until all are set; WorldError after the time-out.
  void wait(const std::vector<std::string>& keys, std::chrono::milliseconds timeout) const;

  /// The part of the table whose keys begin with `prefix` and a slash. For use by one thread at a
  /// time, as is every copy; parts may be used by threads of their own.
  Store part(const std::string& prefix) const;

 private:
  friend struct distributed::Table;
  explicit Store(std::shared_ptr<distributed::Table> table) : table_(std::move(table)) {}

  std::shared_ptr<distributed::Table> table_;
};

/// A table in a file of that folder, which is made if need be: for processes that share a disk,
/// without a server and without a launcher. Throws WorldError if the file cannot be written, or the
/// file system has no locks.
Store folder_store(const std::filesystem::path& folder);

}  // namespace descent
