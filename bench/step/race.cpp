#include "race.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

namespace bench {
namespace {

constexpr double kTurn = 200;      // us
constexpr double kBudget = 0.4e6;  // us a rival
constexpr int kLeastRounds = 5;

double now_us() {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::micro>(time).count();
}

double time_us(const Rival& rival, int64_t steps) {
  const double start = now_us();
  for (int64_t i = 0; i < steps; ++i) rival.step();
  return (now_us() - start) / static_cast<double>(steps);
}

}  // namespace

std::vector<double> race(const std::vector<Rival>& rivals, int rounds) {
  std::vector<int64_t> steps;
  for (const Rival& rival : rivals) {
    rival.step();  // creates the state
    rival.step();
    const double us = std::min(time_us(rival, 1), time_us(rival, 1));
    steps.push_back(static_cast<int64_t>(std::ceil(kTurn / us)));
  }
  std::vector<double> best(rivals.size(), std::numeric_limits<double>::infinity());
  const double end = now_us() + kBudget * static_cast<double>(rivals.size());
  for (int round = 0; rounds > 0 ? round < rounds : round < kLeastRounds || now_us() < end; ++round)
    for (size_t i = 0; i < rivals.size(); ++i) {
      rivals[i].step();
      best[i] = std::min(best[i], time_us(rivals[i], steps[i]));
    }
  return best;
}

}  // namespace bench
