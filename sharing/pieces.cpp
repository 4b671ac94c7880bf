#include <algorithm>
#include <random>
#include <utility>

#include <descent/sharing/pieces.h>

// In the store, under the name: "next", how many pieces were claimed; "done/<piece>"; "told", how many
// times a piece was said to be done.

namespace descent::sharing {
namespace {

using namespace std::chrono_literals;

/// Pieces of which several take no longer than this are claimed, and told of, together, so that the
/// three questions to the store are shared by them: by a few, since the next ones may be long.
constexpr std::chrono::milliseconds kShort = 20ms;
constexpr int64_t kMostAtOnce = 8;
/// How long others are waited for at least.
constexpr std::chrono::milliseconds kPatience = 50ms;

}  // namespace

Pieces::Pieces(Store store, std::string name, int64_t count)
    : store_(std::move(store)), name_(std::move(name)), count_(count), longest_(kPatience) {}

Pieces::~Pieces() {
  try {
    tell();
  } catch (const WorldError&) {
    // Others do again what they do not hear of.
  }
}

bool Pieces::are_done() const {
  const std::lock_guard lock(mutex_);
  return none_left_ && left_.empty();
}

double Pieces::part_done() const {
  const std::lock_guard lock(mutex_);
  if (none_left_ && left_.empty()) return 1;
  // Some pieces may have been done twice.
  const auto most = static_cast<double>(count_) - 0.5;
  return std::min(static_cast<double>(done_), most) / static_cast<double>(count_);
}

std::optional<int64_t> Pieces::take() {
  const std::lock_guard lock(mutex_);
  const auto piece = take_one();
  if (piece) mine_[*piece] = Clock::now();
  return piece;
}

std::optional<int64_t> Pieces::take_one() {
  if (claimed_.empty()) tell();
  if (claimed_.empty() && !none_left_) {
    const auto now = Clock::now();
    at_once_ = now - claimed_at_ < kShort ? std::min(2 * at_once_, kMostAtOnce)
                                          : std::max<int64_t>(at_once_ / 2, 1);
    claimed_at_ = now;
    // Few at the end, where others would wait for one who holds many.
    const int64_t fair = std::max<int64_t>((count_ - next_) / kMostAtOnce, 1);
    const int64_t claims = std::min(at_once_, fair);
    next_ = store_.add(name_ + "/next", claims);
    for (int64_t i = next_ - claims; i < std::min(next_, count_); ++i) claimed_.push_back(i);
    if (claimed_.empty()) {
      none_left_ = now;
      for (int64_t i = 0; i < count_; ++i) left_.push_back(i);
      // Each takes the rest in an order of its own, so that few pieces are done twice.
      std::shuffle(left_.begin(), left_.end(), std::mt19937_64(std::random_device()()));
    }
  }
  if (claimed_.empty()) return take_over();
  const int64_t piece = claimed_.front();
  claimed_.pop_front();
  return piece;
}

/// One that somebody has claimed and may never finish.
std::optional<int64_t> Pieces::take_over() {
  const auto is_done = [&](size_t last) {
    std::vector<std::string> keys;
    for (size_t i = left_.size() - last; i < left_.size(); ++i)
      keys.push_back(name_ + "/done/" + std::to_string(left_[i]));
    return store_.has_all(keys);
  };
  // The last ones that are done go away, more and more at once, and then fewer and fewer.
  for (size_t at_once = 1; !left_.empty();) {
    const size_t last = std::min(at_once, left_.size());
    if (is_done(last)) {
      left_.resize(left_.size() - last);
      at_once = 2 * last;
    } else if (last == 1) {
      break;
    } else {
      at_once = last / 2;
    }
  }
  if (left_.empty()) return std::nullopt;
  done_ = store_.add(name_ + "/told", 0);

  const auto now = Clock::now();
  auto longest = longest_;
  for (const auto& [piece, begun] : mine_) longest = std::max(longest, now - begun);
  if (now < *none_left_ + 2 * longest) return std::nullopt;
  for (size_t i = left_.size(); i-- > 0;) {
    if (mine_.count(left_[i]) > 0) continue;
    std::swap(left_[i], left_.back());
    if (!is_done(1)) return left_.back();
    left_.pop_back();
  }
  return std::nullopt;
}

void Pieces::finish(int64_t piece) {
  const std::lock_guard lock(mutex_);
  const auto begun = mine_.find(piece);
  if (begun == mine_.end()) return;
  const auto now = Clock::now();
  longest_ = std::max(longest_, now - begun->second);
  mine_.erase(begun);
  finished_.push_back(piece);
  if (claimed_.empty() || now - claimed_at_ > kShort) tell();
}

void Pieces::tell() {
  if (finished_.empty()) return;
  std::vector<std::string> keys;
  for (const int64_t piece : finished_) keys.push_back(name_ + "/done/" + std::to_string(piece));
  store_.set_all(keys, "1");
  done_ = store_.add(name_ + "/told", static_cast<int64_t>(finished_.size()));
  finished_.clear();
}

void do_pieces(Pieces& pieces, const std::function<void(int64_t)>& work,
               const std::function<void()>& wait) {
  for (;;) {
    if (const auto piece = pieces.take()) {
      work(*piece);
      pieces.finish(*piece);
    } else if (pieces.are_done()) {
      return;
    } else {
      wait();
    }
  }
}

}  // namespace descent::sharing
