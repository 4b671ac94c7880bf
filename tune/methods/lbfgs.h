#pragma once
#include <cstdint>
#include <functional>
#include <vector>

namespace descent::search {

/// f(x), and its gradient written into the second; not finite where it has none.
using Slope = std::function<double(const std::vector<double>& x, std::vector<double>& gradient)>;

struct Box {
  std::vector<double> lo, hi;
};

struct Minimized {
  std::vector<double> x;
  double value = 0;
  bool finite = false;  ///< whether f was finite where it began
  int64_t evaluations = 0;
};

/// The limited-memory BFGS method in a box, for a few variables: a step goes along the quasi-Newton
/// direction of the variables that no end of the box holds, is cut to the box, and is halved until
/// f falls enough. Nocedal & Wright, algorithm 7.4, with 10 pairs. Ends when no component of the
/// gradient that points into the box exceeds `tolerance`, or after `iterations` steps.
Minimized minimize(const Slope& f, std::vector<double> x, const Box& box, double tolerance,
                   int64_t iterations);

}  // namespace descent::search
