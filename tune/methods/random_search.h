#pragma once
#include <cstdint>

#include <descent/base/fields.h>

namespace descent {

/// Random points, each round in a smaller box around the best so far: after each of the rounds the
/// box is `shrink` times as wide along each side, and lies inside of the whole. Lists are drawn
/// from whole in each round. One round is plain random search (Bergstra & Bengio 2012, JMLR
/// 13:281).
struct RandomSearch {
  static constexpr const char* key = "random";
  int64_t rounds = 10;  ///< the trials are divided among them
  double shrink = 0.6;
  bool noisy = false;  ///< tries the best point again in each round: the mean of its values counts
  DESCENT_OPTIONS((rounds, at_least_one), (shrink, open_unit), (noisy))
};

}  // namespace descent
