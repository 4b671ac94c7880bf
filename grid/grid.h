#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace descent {

/// `n` equidistant coordinates from `lo` to `hi`, both included (n = 1: only `lo`). hi < lo is
/// allowed.
struct Axis {
  double lo = -1;
  double hi = 1;
  int64_t n = 51;

  /// Coordinate i, 0 <= i < n, computed as lo + i * ((hi - lo) / (n - 1)); the last one is exactly
  /// hi.
  double at(int64_t i) const;
  bool operator==(const Axis&) const = default;
};

/// A point of the plane that a grid lies over.
struct Point {
  double x = 0, y = 0;
  bool operator==(const Point&) const = default;
};

/// Throws std::invalid_argument that names `what` unless n >= 1 and lo, hi and hi - lo are finite.
void check(const Axis& axis, const std::string& what);

/// A table of numbers over two axes: values[i * x.n + j] belongs to the point (x.at(j), y.at(i)).
struct Grid {
  Axis x, y;
  std::vector<double> values{};  ///< y.n rows of x.n numbers; NaN and infinities are kept
  std::string x_name = "alpha", y_name = "beta", value_name = "loss";  ///< UTF-8
  std::map<std::string, std::string>
      notes{};  ///< provenance: which path ran, seed, hashes, versions

  double at(int64_t i, int64_t j) const { return values[static_cast<size_t>(i * x.n + j)]; }

  /// Whether there is one row or one column, so that a curve shows it.
  bool is_curve() const { return x.n == 1 || y.n == 1; }

  /// The same grid with the natural logarithm of every value: log 0 is -infinity, of a negative
  /// number NaN, both kept. value_name gets "log " in front.
  Grid log() const;

  struct Minimum {
    double x, y, value;
    int64_t i, j;  ///< row and column
  };
  /// The smallest finite value and where it lies; the first in row-major order if several are
  /// equal. Throws std::runtime_error if no value is finite.
  Minimum minimum() const;

  /// Writes the grid, the format chosen by the extension:
  ///   .npy   the values as a NumPy float64 array of shape (y.n, x.n); axes and notes are not kept
  ///   .csv   a line of the three names, then one line a point, "x,y,value", with the shortest
  ///          digits that read back exactly; notes are not kept, nor is `hi` of an axis with n = 1
  ///   .json  everything, laid out as grid/json.cpp says
  ///   .vtp   for ParaView and VTK: a surface through the points (x, y, value), each with its value
  ///          under value_name; a curve if there is one row or column. Values that are not finite
  ///          are holes. Notes are not kept.
  ///   .vtk   the same in VTK's legacy format
  ///   .obj, .stl   the same surface for other programs, without names
  /// The file is complete or absent. std::invalid_argument: another extension, axes or values that
  /// check(Grid) refuses, a .csv of an axis with coinciding coordinates, names that are not UTF-8
  /// (.json, .vtp), a .stl without a cell. std::runtime_error: the file cannot be written.
  void save(const std::filesystem::path& path) const;

  /// Reads what save() wrote as .json or .csv, or any two-dimensional float64 or float32 .npy
  /// file, whose axes become 0 .. n-1. A damaged file is refused with std::runtime_error naming the
  /// file and what is wrong with it. A .json or .npy of save() carries a checksum (.npy in the blanks
  /// that end its header); files of other programs, and of this library before it wrote checksums,
  /// have none and are read without it. A .csv has none either, because a field more would disturb
  /// other programs: one that is cut exactly between two rows is a smaller valid grid. Another
  /// extension is refused with std::invalid_argument.
  static Grid load(const std::filesystem::path& path);
};

/// Throws std::invalid_argument that names `what` unless both axes are right (see above) and
/// values.size() == x.n * y.n.
void check(const Grid& grid, const std::string& what);

}  // namespace descent
