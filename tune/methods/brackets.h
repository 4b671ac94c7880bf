#pragma once
#include <cstdint>
#include <vector>

namespace descent::search {

/// A round of successive halving: so many trials go on until so many steps are done.
struct Round {
  int64_t trials = 0;
  double resource = 0;
  bool operator==(const Round&) const = default;
};
struct Bracket {
  std::vector<Round> rounds;
};

/// floor(log_eta resource), of whole numbers.
int64_t largest_bracket(int64_t resource, int64_t eta);

/// So many trials in so many rounds, of which the last has all the resource.
Bracket bracket_of(int64_t trials, int64_t rounds, int64_t resource, int64_t eta);

/// Hyperband's, from the one with the most trials.
std::vector<Bracket> hyperband_brackets(int64_t resource, int64_t eta);

}  // namespace descent::search
