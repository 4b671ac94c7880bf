#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace descent::sharing {

/// What a Store stands on: its functions, one by one. What it throws are WorldErrors.
class Table {
 public:
  virtual ~Table() = default;
  virtual void set(const std::vector<std::string>& keys, std::string_view value) = 0;
  /// The value that counts from now on: this one if there was none.
  virtual std::string set_once(const std::string& key, std::string_view value) = 0;
  virtual std::string get(const std::string& key) = 0;
  virtual bool has(const std::vector<std::string>& keys) = 0;
  virtual int64_t add(const std::string& key, int64_t value) = 0;
  virtual void wait(const std::vector<std::string>& keys, std::chrono::milliseconds timeout) = 0;
  /// `whole` is this table.
  virtual std::shared_ptr<Table> part(const std::string& prefix,
                                      const std::shared_ptr<Table>& whole) = 0;
};

}  // namespace descent::sharing
