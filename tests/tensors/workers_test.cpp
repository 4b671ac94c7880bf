// Work that is shared among threads. What one thread writes here another reads without a lock, so
// that the thread sanitizer sees whether the workers order it.
#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <c10/core/GradMode.h>
#include <gmock/gmock.h>

#include <descent/tensors/workers.h>

namespace {

using descent::tensors::for_each_item;
using descent::tensors::Pulse;

constexpr int64_t kItems = 1000;

TEST(Workers, DoEachItemOnce) {
  for (const int threads : {1, 3, 8}) {
    std::vector<int> times(kItems);
    const auto count = [&](int, int64_t item, const Pulse&) { ++times[static_cast<size_t>(item)]; };
    EXPECT_TRUE(for_each_item(threads, kItems, count, nullptr));
    EXPECT_THAT(times, testing::Each(1));
  }
}

TEST(Workers, HaveNumbersOfTheirOwn) {
  std::vector<int64_t> sums(4);
  for_each_item(
      4, kItems,
      [&](int worker, int64_t item, const Pulse&) { sums.at(static_cast<size_t>(worker)) += item; },
      nullptr);
  EXPECT_EQ(std::accumulate(sums.begin(), sums.end(), int64_t{0}), kItems * (kItems - 1) / 2);
}

TEST(Workers, EndWithTheFirstError) {
  for (const int threads : {1, 4}) {
    std::vector<char> begun(kItems);
    const auto fail = [&](int, int64_t item, const Pulse&) {
      begun[static_cast<size_t>(item)] = 1;
      if (item == 5) throw std::runtime_error("item " + std::to_string(item));
    };
    EXPECT_THAT([&] { for_each_item(threads, kItems, fail, nullptr); },
                testing::ThrowsMessage<std::runtime_error>("item 5"));
    EXPECT_EQ(begun[5], 1);
  }
}

TEST(Workers, SayHowFarTheyAreOnTheCallersThread) {
  for (const int threads : {1, 4}) {
    std::vector<double> fractions;
    const auto caller = std::this_thread::get_id();
    const auto progress = [&](double fraction) {
      EXPECT_EQ(std::this_thread::get_id(), caller);
      fractions.push_back(fraction);
      return true;
    };
    EXPECT_TRUE(for_each_item(
        threads, kItems, [](int, int64_t, const Pulse&) {}, progress));
    EXPECT_TRUE(std::is_sorted(fractions.begin(), fractions.end()));
    EXPECT_EQ(fractions.back(), 1);
  }
}

TEST(Workers, StopWhereTheyAreToldTo) {
  int done = 0;
  const auto progress = [&](double) { return done < 3; };
  EXPECT_FALSE(for_each_item(
      1, kItems, [&](int, int64_t, const Pulse&) { ++done; }, progress));
  EXPECT_EQ(done, 3);
}

TEST(Workers, EndAtAPulseWhereTheyAreToldTo) {
  std::vector<double> fractions;
  const auto progress = [&](double fraction) {
    fractions.push_back(fraction);
    return fraction < 0.375;
  };
  bool went_on = false;
  const auto work = [&](int, int64_t, const Pulse& pulse) {
    for (const double part : {0.25, 0.5, 0.75}) pulse(part);
    went_on = true;
  };
  EXPECT_FALSE(for_each_item(1, 2, work, progress));
  EXPECT_THAT(fractions, testing::ElementsAre(0.125, 0.25, 0.375));
  EXPECT_FALSE(went_on);
}

TEST(Workers, HaveTheThreadLocalStateOfTheCaller) {
  for (const bool enabled : {true, false}) {
    const c10::AutoGradMode mode(enabled);
    std::vector<char> seen(kItems);
    const auto look = [&](int, int64_t item, const Pulse&) {
      seen[static_cast<size_t>(item)] = static_cast<char>(c10::GradMode::is_enabled());
    };
    for_each_item(4, kItems, look, nullptr);
    EXPECT_THAT(seen, testing::Each(static_cast<char>(enabled)));
  }
}

TEST(Workers, HaveNothingToDoWithoutItems) {
  EXPECT_TRUE(for_each_item(
      4, 0, [](int, int64_t, const Pulse&) { FAIL(); }, nullptr));
}

}  // namespace
