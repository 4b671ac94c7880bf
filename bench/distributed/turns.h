#pragma once
#include <functional>
#include <vector>

#include <descent/distributed/world.h>

/// Calls each way in turn, after a barrier, `warm` rounds of which do not count. Gives the microseconds
/// that each took on this rank, the least first.
std::vector<std::vector<double>> in_turn(descent::World& world, int warm, int rounds,
                                         const std::vector<std::function<void()>>& ways);
