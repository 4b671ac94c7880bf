#include "turns.h"

#include <algorithm>
#include <chrono>

std::vector<std::vector<double>> in_turn(descent::World& world, int warm, int rounds,
                                         const std::vector<std::function<void()>>& ways) {
  using Clock = std::chrono::steady_clock;
  std::vector<std::vector<double>> times(ways.size());
  for (int round = -warm; round < rounds; ++round) {
    for (size_t way = 0; way < ways.size(); ++way) {
      world.barrier();
      const auto start = Clock::now();
      ways[way]();
      const std::chrono::duration<double, std::micro> spent = Clock::now() - start;
      if (round >= 0) times[way].push_back(spent.count());
    }
  }
  for (auto& list : times) std::sort(list.begin(), list.end());
  return times;
}
