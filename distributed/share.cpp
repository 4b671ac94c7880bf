#include <algorithm>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include <descent/distributed/share.h>

namespace descent {
namespace {

std::string done(const std::string& name, int64_t i) { return name + "/done/" + std::to_string(i); }

}  // namespace

void share(Store store, const std::string& name, int64_t count,
           const std::function<void(int64_t)>& work) {
  using Clock = std::chrono::steady_clock;
  Clock::duration longest = std::chrono::milliseconds(50);
  const auto run = [&](int64_t i) {
    const auto start = Clock::now();
    work(i);
    longest = std::max(longest, Clock::now() - start);
    store.set(done(name, i), "1");
  };
  for (int64_t i = 0; (i = store.add(name + "/next", 1) - 1) < count;) run(i);

  // Each takes the rest in an order of its own, so that few pieces are done twice.
  std::vector<int64_t> left;
  for (int64_t i = 0; i < count; ++i) left.push_back(i);
  std::shuffle(left.begin(), left.end(), std::mt19937_64(std::random_device()()));
  const auto some_are_left = [&] {
    while (!left.empty() && store.has(done(name, left.back()))) left.pop_back();
    return !left.empty();
  };
  const auto patience = Clock::now() + 2 * longest;
  while (some_are_left() && Clock::now() < patience)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  while (some_are_left()) run(left.back());
}

}  // namespace descent
