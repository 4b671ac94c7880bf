#include <utility>

#include <descent/tune/shared_log.h>

namespace descent::search {

SharedLog::SharedLog(Store store, std::string_view first)
    : store_(std::move(store)), first_(store_.set_once(key(0), first)) {}

void SharedLog::each_new(const std::function<void(std::string_view, int64_t)>& read) {
  while (store_.has(key(lines_))) {
    const std::string line = store_.get(key(lines_));
    read(line, ++lines_);
  }
}

bool SharedLog::append(const std::string& line) {
  if (store_.set_once(key(lines_), line) != line) return false;
  ++lines_;
  return true;
}

}  // namespace descent::search
