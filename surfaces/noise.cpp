#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <descent/base/fields.h>
#include <descent/base/random.h>
#include <descent/surfaces/noise.h>

namespace descent {
namespace {

constexpr int64_t kCells = Noise::kCells;
constexpr int64_t knots = Noise::kKnots;

/// Where a cell of the fine table reads the coarse one: between two knots.
struct Between {
  int64_t left, right;
  double weight;  ///< of the right one
};

Between between(int64_t cell) {
  const double at = std::max(0.0, (static_cast<double>(cell) + 0.5) * knots / kCells - 0.5);
  const auto left = static_cast<int64_t>(at);
  return {left, std::min(left + 1, knots - 1), at - static_cast<double>(left)};
}

std::vector<double> tables(uint64_t seed) {
  Normal normal(seed);
  std::vector<double> coarse(knots * knots);
  for (double& z : coarse) z = normal();
  std::vector<double> result;
  result.reserve(2 * kCells * kCells);
  for (int64_t ix = 0; ix < kCells; ++ix)
    for (int64_t iy = 0; iy < kCells; ++iy) {
      const Between x = between(ix), y = between(iy);
      const auto along_y = [&](int64_t row) {
        return (1 - y.weight) * coarse[row * knots + y.left] +
               y.weight * coarse[row * knots + y.right];
      };
      result.push_back((1 - x.weight) * along_y(x.left) + x.weight * along_y(x.right));
    }
  const auto corner = [](int64_t cell) { return std::abs(-10 + 0.1 * static_cast<double>(cell)); };
  for (int64_t ix = 0; ix < kCells; ++ix)
    for (int64_t iy = 0; iy < kCells; ++iy)
      result.push_back(normal() * corner(ix) * corner(iy) / 100);
  return result;
}

}  // namespace

double Normal::operator()() {
  if (has_spare_) return has_spare_ = false, spare_;
  double a = 0, b = 0, square = 0;
  do {
    a = symmetric(bits_);
    b = symmetric(bits_);
    square = a * a + b * b;
  } while (square >= 1 || square == 0);
  const double factor = std::sqrt(-2 * std::log(square) / square);
  spare_ = b * factor;
  has_spare_ = true;
  return a * factor;
}

Noise::Noise(uint64_t seed, double scale) : seed_(seed), scale_(scale) {
  if (!domains::non_negative.holds(scale))
    throw std::invalid_argument("Noise: " +
                                fields::out_of_range("scale", scale, domains::non_negative.text));
  tables_ = std::make_shared<std::vector<double>>(tables(seed));
}

int64_t Noise::cell(double z, double lo, double hi) {
  const double at = std::trunc((z - lo) * kCells / (hi - lo));
  if (!(at > 0)) return 0;  // also NaN
  return at < kCells ? static_cast<int64_t>(at) : kCells - 1;
}

}  // namespace descent
