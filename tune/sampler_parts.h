#pragma once
#include <string>

#include <descent/tune/samplers.h>

namespace descent {

/// What the copies of a sampler share.
struct ResumedSampler::Parts {
  Parts(int64_t its_size, uint64_t its_seed) : size(its_size), seed(its_seed) {}
  virtual ~Parts() = default;
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  /// The next indices, so many of which are left in the pass.
  virtual std::vector<size_t> batch(size_t count) = 0;

  int64_t size;
  uint64_t seed;
  int64_t order_hash = 0;  ///< of a curriculum
  std::string pacing{};    ///< its options in words
  SamplerPlace place{};
  bool goes_on = true;  ///< at the next reset()
};

}  // namespace descent
