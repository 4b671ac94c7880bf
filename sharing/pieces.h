#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <descent/sharing/store.h>

namespace descent::sharing {

/// Pieces of work [0, count) as one of the processes sees them that share these by a name. Its threads
/// may ask all at once. Everything throws WorldError if the store cannot be reached.
class Pieces {
 public:
  Pieces(Store store, std::string name, int64_t count);
  ~Pieces();
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;

  /// A piece to do now. None: all are done, as are_done() tells, or others are at work, so ask again
  /// after a moment.
  std::optional<int64_t> take();
  /// The piece that was taken is done, and its result is kept.
  void finish(int64_t piece);

  /// Whether all are done, by whomever.
  bool are_done() const;
  /// The part that is done, as far as this process has heard.
  double part_done() const;

 private:
  using Clock = std::chrono::steady_clock;

  std::optional<int64_t> take_one();
  std::optional<int64_t> take_over();
  void tell();

  Store store_;
  const std::string name_;
  const int64_t count_;
  mutable std::mutex mutex_;
  std::deque<int64_t> claimed_;                   ///< not begun yet
  std::map<int64_t, Clock::time_point> mine_;     ///< in work since
  std::vector<int64_t> finished_;                 ///< but not told yet
  int64_t done_ = 0;                              ///< by all, that were told
  int64_t at_once_ = 1;                           ///< that are claimed by one call, at most
  int64_t next_ = 0;                              ///< to be claimed by anybody, when last asked
  Clock::time_point claimed_at_{};                ///< last
  Clock::duration longest_{};                     ///< that one has taken
  std::optional<Clock::time_point> none_left_{};  ///< to be claimed, since
  std::vector<int64_t> left_;                     ///< then: may not be done
};

/// Does pieces until all are done. `work` may be called on several threads, which then call this
/// themselves. `wait` is called where others are at work, and may throw.
void do_pieces(Pieces& pieces, const std::function<void(int64_t)>& work,
               const std::function<void()>& wait);

}  // namespace descent::sharing
