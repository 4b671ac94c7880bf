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

namespace sharing {
class Table;
}

/// A small table of texts that processes share: a World has one, and folder_store() makes one of a
/// folder. Copies are the same table. Everything here throws WorldError if the table cannot be
/// reached.
class Store {
 public:
  /// A table of this process alone.
  Store();
  explicit Store(std::shared_ptr<sharing::Table> table) : table_(std::move(table)) {}

  void set(const std::string& key, std::string_view value) { set_all({key}, value); }
  /// Sets all of them to one value, for the price of one.
  void set_all(const std::vector<std::string>& keys, std::string_view value);
  /// Sets it to a value that is not empty if nobody has set it, and returns what it is then: of all
  /// who call this, one is the first.
  std::string set_once(const std::string& key, std::string_view value);
  /// Waits until somebody has set it; WorldError after the time-out.
  std::string get(const std::string& key) const;
  bool has(const std::string& key) const { return has_all({key}); }
  /// Whether all of them were set.
  bool has_all(const std::vector<std::string>& keys) const;
  /// Adds to a number that starts at 0, and returns the sum: no two processes get the same one.
  int64_t add(const std::string& key, int64_t value);
  /// Waits until all are set; WorldError after the time-out.
  void wait(const std::vector<std::string>& keys, std::chrono::milliseconds timeout) const;

  /// The part of the table whose keys begin with `prefix` and a slash. For use by one thread at a
  /// time, as is every copy; parts may be used by threads of their own.
  Store part(const std::string& prefix) const;

  const std::shared_ptr<sharing::Table>& table() const { return table_; }

 private:
  std::shared_ptr<sharing::Table> table_;
};

/// A table in the file `store` of that folder, which is made if need be: for processes that share a
/// disk, without a server and without a launcher, whoever of them dies. It needs no part of LibTorch.
/// The file is locked for each change, by flock(): all machines must honour the locks of the others,
/// as they do on NFS 4, and on Lustre and CephFS unless these are mounted otherwise. Throws WorldError
/// if the file cannot be written or is another one, and where the file system has no locks. Where
/// locks end at the machine (NFS mounted with local_lock), what processes of several machines add may
/// be lost: share() then does pieces twice, but all of them.
Store folder_store(const std::filesystem::path& folder);

}  // namespace descent
