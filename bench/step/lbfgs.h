#pragma once
#include <string>
#include <vector>

namespace bench {

/// What L-BFGS took on the sine network, apart from the closure's calls.
struct LbfgsTime {
  std::string who;  ///< "descent" or "torch::optim"
  std::string search;
  int64_t iterations = 0;
  double us = 0;          ///< its own time an iteration
  double closure_us = 0;  ///< of one call of the closure
};

/// Trainings of ReLU networks with two hidden layers of 64 units on 256 points of the sine, 10 steps of
/// up to 20 iterations each, from the same first weights; the least of `rounds` turns each.
std::vector<LbfgsTime> lbfgs(int rounds);

}  // namespace bench
