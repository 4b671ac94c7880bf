#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

#include <descent/pictures/scene/contours.h>

namespace descent::pictures {
namespace {

/// The edges that a level cuts and, for each, the one or two edges it is joined with.
class Chains {
 public:
  explicit Chains(size_t edges) : joined_(edges, {-1, -1}) {}

  void join(int a, int b) {
    for (const auto& [from, to] : {std::pair{a, b}, std::pair{b, a}}) {
      auto& ends = joined_[static_cast<size_t>(from)];
      if (ends[0] < 0 && ends[1] < 0) cut_.push_back(from);
      (ends[0] < 0 ? ends[0] : ends[1]) = to;
    }
  }

  /// Takes all chains out: open ones from an end, then rings, whose first edge is also the last.
  std::vector<std::vector<int>> take() {
    std::vector<std::vector<int>> chains;
    for (const bool open : {true, false})
      for (const int edge : cut_) {
        const auto& ends = joined_[static_cast<size_t>(edge)];
        if ((ends[0] >= 0) + (ends[1] >= 0) == (open ? 1 : 2)) chains.push_back(follow(edge));
      }
    return chains;
  }

 private:
  std::vector<int> follow(int edge) {
    std::vector<int> chain{edge};
    for (;;) {
      auto& ends = joined_[static_cast<size_t>(edge)];
      int& end = ends[0] >= 0 ? ends[0] : ends[1];
      if (end < 0) return chain;
      const int next = std::exchange(end, -1);
      for (int& back : joined_[static_cast<size_t>(next)])
        if (back == edge) {
          back = -1;
          break;
        }
      chain.push_back(edge = next);
    }
  }

  std::vector<std::array<int, 2>> joined_;
  std::vector<int> cut_;
};

}  // namespace

std::vector<Contour> contours(const Field& field, float level) {
  // Edge 2k leads from point k to its right neighbour, 2k + 1 to the one above.
  const int columns = field.columns;
  Chains chains(2 * field.t.size());
  for (int i = 0; i + 1 < field.rows; ++i)
    for (int j = 0; j + 1 < columns; ++j) {
      const float a = field.at(i, j), b = field.at(i, j + 1);
      const float c = field.at(i + 1, j + 1), d = field.at(i + 1, j);
      const float sum = a + b + c + d;
      if (std::isnan(sum)) continue;
      const bool above[4] = {a >= level, b >= level, c >= level, d >= level};
      const int k = i * columns + j;
      const int edges[4] = {2 * k, 2 * (k + 1) + 1, 2 * (k + columns), 2 * k + 1};
      int cut[4];
      int n = 0;
      for (int e = 0; e < 4; ++e)
        if (above[e] != above[(e + 1) % 4]) cut[n++] = e;
      if (n == 2) chains.join(edges[cut[0]], edges[cut[1]]);
      if (n == 4) {  // corners 0 and 2 are on the same side: is the middle, too?
        const bool middle_with_corner_0 = (sum / 4 >= level) == above[0];
        chains.join(edges[0], edges[middle_with_corner_0 ? 1 : 3]);
        chains.join(edges[2], edges[middle_with_corner_0 ? 3 : 1]);
      }
    }

  std::vector<Contour> result;
  for (const auto& chain : chains.take()) {
    Contour line;
    for (const int edge : chain) {
      const int k = edge / 2, i = k / columns, j = k % columns;
      const bool up = edge % 2 == 1;
      const float from = field.at(i, j), to = up ? field.at(i + 1, j) : field.at(i, j + 1);
      const double w = (level - from) / (to - from);
      line.push_back({(j + (up ? 0 : w)) / (columns - 1), (i + (up ? w : 0)) / (field.rows - 1)});
    }
    result.push_back(std::move(line));
  }
  return result;
}

}  // namespace descent::pictures
