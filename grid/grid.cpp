#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <limits>
#include <stdexcept>

#include <descent/base/atomic_file.h>
#include <descent/base/crc32.h>
#include <descent/base/text.h>
#include <descent/grid/files/formats.h>
#include <descent/grid/files/mesh.h>
#include <descent/grid/grid.h>

namespace descent {
namespace {

std::string text(double number) {
  std::string result;
  formats::append(result, number);
  return result;
}

struct Format {
  std::string_view extension;
  std::string (*to)(const Grid&);
  Grid (*from)(std::string_view);  ///< null: only written
};

template <std::string (*to)(const formats::Mesh&)>
std::string mesh_to(const Grid& grid) {
  return to(formats::mesh_of(grid));
}

constexpr std::array kFormats = {Format{".npy", formats::to_npy, formats::from_npy},
                                 Format{".csv", formats::to_csv, formats::from_csv},
                                 Format{".json", formats::to_json, formats::from_json},
                                 Format{".vtp", mesh_to<formats::to_vtp>, nullptr},
                                 Format{".vtk", mesh_to<formats::to_vtk>, nullptr},
                                 Format{".obj", mesh_to<formats::to_obj>, nullptr},
                                 Format{".stl", mesh_to<formats::to_stl>, nullptr}};

const Format& format_of(const std::filesystem::path& path, bool to_read) {
  const std::string extension = formats::extension_of(path);
  std::vector<std::string_view> names;
  for (const Format& format : kFormats) {
    if (to_read && format.from == nullptr) continue;
    if (format.extension == extension) return format;
    names.push_back(format.extension);
  }
  throw std::invalid_argument(path.string() + ": extension \"" + path.extension().string() +
                              "\" of a grid file" + (to_read ? " to read" : "") +
                              ", must be one of " + joined(names));
}

}  // namespace

double Axis::at(int64_t i) const {
  if (i > 0 && i == n - 1) return hi;
  return n > 1 ? lo + static_cast<double>(i) * ((hi - lo) / static_cast<double>(n - 1)) : lo;
}

void check(const Axis& axis, const std::string& what) {
  if (axis.n < 1)
    throw std::invalid_argument(what + ": n = " + std::to_string(axis.n) + ", must be >= 1");
  if (!std::isfinite(axis.lo))
    throw std::invalid_argument(what + ": lo = " + text(axis.lo) + ", must be finite");
  if (!std::isfinite(axis.hi))
    throw std::invalid_argument(what + ": hi = " + text(axis.hi) + ", must be finite");
  if (!std::isfinite(axis.hi - axis.lo))
    throw std::invalid_argument(what + ": hi - lo = " + text(axis.hi - axis.lo) +
                                ", must be finite");
}

void check(const Grid& grid, const std::string& what) {
  check(grid.x, what + ": x axis");
  check(grid.y, what + ": y axis");
  const auto size = static_cast<int64_t>(grid.values.size());
  // Division, because the product of a wrong pair of sizes may overflow.
  if (size / grid.x.n != grid.y.n || size % grid.x.n != 0)
    throw std::invalid_argument(what + ": values.size() = " + std::to_string(size) +
                                ", must be y.n * x.n = " + std::to_string(grid.y.n) + " * " +
                                std::to_string(grid.x.n));
}

Grid Grid::log() const {
  Grid result = *this;
  for (double& value : result.values) value = std::log(value);
  result.value_name = "log " + value_name;
  return result;
}

Grid::Minimum Grid::minimum() const {
  check(*this, "Grid::minimum");
  size_t best = values.size();
  for (size_t k = 0; k < values.size(); ++k)
    if (std::isfinite(values[k]) && (best == values.size() || values[k] < values[best])) best = k;
  if (best == values.size())
    throw std::runtime_error("Grid::minimum: none of the " + std::to_string(best) +
                             " values is finite");
  const auto i = static_cast<int64_t>(best) / x.n, j = static_cast<int64_t>(best) % x.n;
  return {x.at(j), y.at(i), values[best], i, j};
}

void Grid::save(const std::filesystem::path& path) const {
  const Format& format = format_of(path, false);
  check(*this, "save " + path.string());
  write_atomically(path, format.to(*this));
}

Grid Grid::load(const std::filesystem::path& path) {
  const Format& format = format_of(path, true);
  const std::string bytes = read_file(path);
  try {
    Grid grid = format.from(bytes);
    check(grid, "grid");
    return grid;
  } catch (const std::exception& error) {
    throw std::runtime_error(path.string() + ": " + error.what());
  }
}

namespace formats {

void append(std::string& text, double number) { text += digits(number); }

std::string checksum(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const uint32_t sum = crc32(text.data(), text.size());
  std::string digits;
  for (int shift = 28; shift >= 0; shift -= 4) digits += kDigits[sum >> shift & 15];
  return digits;
}

std::string extension_of(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension;
}

int64_t count(int64_t a, const char* a_name, int64_t b, const char* b_name) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 8;
  for (const auto& [n, name] : {std::pair{a, a_name}, std::pair{b, b_name}})
    if (n < 1 || n > kMost)
      throw std::runtime_error(std::string(name) + " = " + std::to_string(n) + ", must be in [1, " +
                               std::to_string(kMost) + "]");
  if (a > kMost / b)
    throw std::runtime_error(std::string(a_name) + " * " + b_name + " = " + std::to_string(a) +
                             " * " + std::to_string(b) + " is too large");
  return a * b;
}

}  // namespace formats
}  // namespace descent
