#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include <descent/surfaces/race.h>

namespace descent {

struct TuneOptions {
  int64_t tries = 200;
  uint64_t seed = 0;
  double lo = 1e-6, hi = 1e2;  ///< rates are log-uniform in between, to three digits
  RaceOptions race{};
};

struct TuneResult {
  Racer racer;      ///< at the best rate
  double lr = 0;    ///< the best rate
  double loss = 0;  ///< smooth, after the last step
  /// For captions, after "the best": "of 200 log-uniform tries in [1e-06, 100], seed 0, by the loss
  /// after 100 steps".
  std::string how;
};

/// A fair learning rate for a racer: the best of seeded tries, whose rate takes the place of its
/// own. The best has the lowest smooth loss after the last step, not
/// finite counting as worst; of equals the lowest mean loss, then the first. Every racer is tried
/// at the same rates, but for those that it refuses. Throws std::invalid_argument unless tries >= 1 and 0 < lo < hi, finite, for a
/// racer that is none of this library's optimizers, and for what race() refuses; std::runtime_error
/// if no rate gives a finite loss.
TuneResult tune(const Surface& surface, const Racer& racer, const TuneOptions& options = {});
TuneResult tune(const Surface& surface, std::string_view racer, const TuneOptions& options = {});

}  // namespace descent
