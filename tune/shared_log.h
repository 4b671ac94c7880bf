#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <descent/sharing/store.h>

namespace descent::search {

/// Lines in a table that processes share. All of them see the same lines in the same order: a line
/// gets the next place for good, or somebody else has got that place.
class SharedLog {
 public:
  /// Throws WorldError if the table cannot be reached, as does all else here.
  SharedLog(Store store, std::string_view first);

  /// The first line, as who began the log has written it.
  const std::string& first() const { return first_; }
  /// Calls `read` for each line that others have appended since.
  void each_new(const std::function<void(std::string_view line, int64_t number)>& read);
  /// Appends a line that nobody else writes. False: somebody was faster, so there are new lines.
  bool append(const std::string& line);

 private:
  static std::string key(int64_t number) { return "study/" + std::to_string(number); }

  Store store_;
  std::string first_;
  int64_t lines_ = 1;  ///< that are known here
};

}  // namespace descent::search
