#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include <descent/sharing/entries.h>
#include <descent/sharing/store.h>
#include <descent/sharing/table.h>

namespace descent {
namespace {

using sharing::Entries;
using sharing::Table;
using namespace std::chrono_literals;

/// Some of the entries: those whose keys begin with a prefix.
class Kept final : public Table {
 public:
  explicit Kept(std::shared_ptr<Entries> entries, std::string prefix = "")
      : entries_(std::move(entries)), prefix_(std::move(prefix)) {}

  void set(const std::vector<std::string>& keys, std::string_view value) override {
    entries_->set(whole(keys), value);
  }
  std::string set_once(const std::string& key, std::string_view value) override {
    return entries_->set_once(prefix_ + key, value);
  }
  std::string get(const std::string& key) override {
    wait({key}, kPatience);
    return *entries_->find(prefix_ + key);
  }
  bool has(const std::vector<std::string>& keys) override { return entries_->has(whole(keys)); }
  int64_t add(const std::string& key, int64_t value) override {
    return entries_->add(prefix_ + key, value);
  }
  void wait(const std::vector<std::string>& keys, std::chrono::milliseconds timeout) override {
    const auto end = std::chrono::steady_clock::now() + timeout;
    for (const auto all = whole(keys); !entries_->has(all); std::this_thread::sleep_for(2ms))
      if (std::chrono::steady_clock::now() > end)
        throw WorldError("Store: nobody has set \"" + keys[0] + "\" within " +
                         std::to_string(timeout.count()) + " ms");
  }
  std::shared_ptr<Table> part(const std::string& prefix,
                              const std::shared_ptr<Table>& /*whole*/) override {
    return std::make_shared<Kept>(entries_, prefix_ + prefix + "/");
  }

 private:
  static constexpr std::chrono::milliseconds kPatience = 5min;

  std::vector<std::string> whole(std::vector<std::string> keys) const {
    for (std::string& key : keys) key.insert(0, prefix_);
    return keys;
  }

  std::shared_ptr<Entries> entries_;
  std::string prefix_;
};

}  // namespace

Store::Store() : Store(std::make_shared<Kept>(std::make_shared<Entries>())) {}
void Store::set_all(const std::vector<std::string>& keys, std::string_view value) {
  if (!keys.empty()) table_->set(keys, value);
}
std::string Store::set_once(const std::string& key, std::string_view value) {
  if (value.empty())
    throw WorldError("Store: set_once \"" + key + "\": the value is empty, must not be");
  return table_->set_once(key, value);
}
std::string Store::get(const std::string& key) const { return table_->get(key); }
bool Store::has_all(const std::vector<std::string>& keys) const {
  return keys.empty() || table_->has(keys);
}
int64_t Store::add(const std::string& key, int64_t value) { return table_->add(key, value); }
void Store::wait(const std::vector<std::string>& keys, std::chrono::milliseconds timeout) const {
  if (!keys.empty()) table_->wait(keys, timeout);
}
Store Store::part(const std::string& prefix) const { return Store(table_->part(prefix, table_)); }

Store folder_store(const std::filesystem::path& folder) {
  return Store(std::make_shared<Kept>(std::make_shared<Entries>(folder / "store")));
}

}  // namespace descent
