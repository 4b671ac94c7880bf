#pragma once
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

namespace descent {

/// Numbers from N(0, 1), the same on every machine: the polar method (Marsaglia & Bray 1964) over
/// std::mt19937_64, because std::normal_distribution differs between libraries.
class Normal {
 public:
  explicit Normal(uint64_t seed) : bits_(seed) {}
  double operator()();

 private:
  std::mt19937_64 bits_;
  double spare_ = 0;
  bool has_spare_ = false;
};

/// The roughness of the search surfaces f0 to f5: two tables of 200 x 200 cells over a domain.
///   coarse  N(0, 1) on 25 x 25, resized to 200 x 200 bilinearly, half-pixel centres
///   fine    N(0, 1) on 200 x 200 times |x||y|/100 of the cell's left corner in [-10, 10)^2
/// Constant within a cell, so its gradient is zero: noise changes the losses that are reported,
/// never a trajectory.
class Noise {
 public:
  static constexpr int64_t kCells = 200;  ///< of both tables, along an axis
  static constexpr int64_t kKnots = 25;   ///< of the coarse table before it is resized

  /// Throws std::invalid_argument unless scale is finite and >= 0; 0 is the smooth surface.
  explicit Noise(uint64_t seed = 0, double scale = 1);

  /// Scaled numbers of a cell; ix, iy in [0, kCells).
  double coarse(int64_t ix, int64_t iy) const { return scale_ * (*tables_)[index(ix, iy)]; }
  double fine(int64_t ix, int64_t iy) const {
    return scale_ * (*tables_)[kCells * kCells + index(ix, iy)];
  }
  /// The cell of a coordinate in [lo, hi): trunc((z - lo) kCells/(hi - lo)), the first or last cell
  /// outside of it.
  static int64_t cell(double z, double lo, double hi);

  uint64_t seed() const { return seed_; }
  double scale() const { return scale_; }

 private:
  static size_t index(int64_t ix, int64_t iy) { return static_cast<size_t>(ix * kCells + iy); }

  uint64_t seed_;
  double scale_;
  std::shared_ptr<const std::vector<double>> tables_;  // coarse, then fine; shared by copies
};

}  // namespace descent
