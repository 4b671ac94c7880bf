#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <type_traits>

#include <descent/base/html.h>
#include <descent/grid/files/formats.h>
#include <descent/grid/files/json_text.h>
#include <descent/grid/files/mesh.h>

namespace descent::formats {
namespace {

constexpr size_t kHole = std::numeric_limits<size_t>::max();

/// "1 2 3 ... 9\n".
template <class Numbers>
void append_row(std::string& text, const Numbers& numbers) {
  const char* separator = "";
  for (const auto number : numbers) {
    text += separator;
    if constexpr (std::is_floating_point_v<std::remove_const_t<decltype(number)>>)
      append(text, number);
    else
      text += std::to_string(number);
    separator = " ";
  }
  text += '\n';
}

template <class Rows>
void append_rows(std::string& text, const Rows& rows) {
  for (const auto& row : rows) append_row(text, row);
}

/// A value of an attribute.
std::string xml(const std::string& name) {
  quoted(name, "a name");  // refuses what is not UTF-8
  return escaped_html(name);
}

void open_array(std::string& text, const char* type, const std::string& name, int components = 1) {
  text += std::string("<DataArray type=\"") + type + "\" Name=\"" + xml(name) +
          "\" NumberOfComponents=\"" + std::to_string(components) + "\" format=\"ascii\">\n";
}

constexpr const char* kCloseArray = "</DataArray>\n";

/// <Lines> or <Polys>.
template <class Cells>
void append_cells(std::string& text, const std::string& element, const Cells& cells) {
  text += "<" + element + ">\n";
  open_array(text, "Int64", "connectivity");
  append_rows(text, cells);
  text += kCloseArray;
  open_array(text, "Int64", "offsets");
  std::vector<size_t> ends;
  for (const auto& cell : cells) ends.push_back((ends.empty() ? 0 : ends.back()) + cell.size());
  append_row(text, ends);
  text += kCloseArray + ("</" + element + ">\n");
}

/// LINES or POLYGONS of the legacy format.
template <class Cells>
void append_legacy_cells(std::string& text, const char* keyword, const Cells& cells) {
  if (cells.empty()) return;
  size_t numbers = 0;
  for (const auto& cell : cells) numbers += cell.size() + 1;
  text += std::string(keyword) + " " + std::to_string(cells.size()) + " " +
          std::to_string(numbers) + "\n";
  for (const auto& cell : cells) {
    text += std::to_string(cell.size()) + " ";
    append_row(text, cell);
  }
}

/// A name in one word, as VTK's own writer spells it: "log%20loss".
std::string legacy_name(const std::string& name) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string text;
  for (const unsigned char c : name)
    if (c > 32 && c < 127 && c != '"' && c != '%') {
      text += static_cast<char>(c);
    } else {
      text += '%';
      text += kDigits[c >> 4];
      text += kDigits[c & 15];
    }
  return text;
}

}  // namespace

Mesh mesh_of(const Grid& grid) {
  Mesh mesh;
  std::vector<size_t> index(grid.values.size(), kHole);
  auto& values = mesh.point_columns.emplace_back(grid.value_name, std::vector<double>()).second;
  for (int64_t i = 0; i < grid.y.n; ++i)
    for (int64_t j = 0; j < grid.x.n; ++j)
      if (const double value = grid.at(i, j); std::isfinite(value)) {
        index[static_cast<size_t>(i * grid.x.n + j)] = mesh.points.size();
        mesh.points.push_back({grid.x.at(j), grid.y.at(i), value});
        values.push_back(value);
      }
  if (grid.is_curve()) {
    for (size_t k = 1; k < index.size(); ++k)
      if (index[k - 1] != kHole && index[k] != kHole)
        mesh.lines.push_back({index[k - 1], index[k]});
    return mesh;
  }
  // Axes may run down.
  const bool flipped = (grid.x.hi < grid.x.lo) != (grid.y.hi < grid.y.lo);
  for (int64_t i = 1; i < grid.y.n; ++i)
    for (int64_t j = 1; j < grid.x.n; ++j) {
      const auto at = [&](int64_t row, int64_t column) {
        return index[static_cast<size_t>(row * grid.x.n + column)];
      };
      std::array<size_t, 4> quad{at(i - 1, j - 1), at(i - 1, j), at(i, j), at(i, j - 1)};
      if (flipped) std::swap(quad[1], quad[3]);
      if (std::find(quad.begin(), quad.end(), kHole) == quad.end()) mesh.quads.push_back(quad);
    }
  return mesh;
}

std::string to_vtp(const Mesh& mesh) {
  std::string text =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<VTKFile type=\"PolyData\" version=\"1.0\">\n"
      "<PolyData>\n<Piece NumberOfPoints=\"" +
      std::to_string(mesh.points.size()) + "\" NumberOfLines=\"" +
      std::to_string(mesh.lines.size()) + "\" NumberOfPolys=\"" +
      std::to_string(mesh.quads.size()) + "\">\n<PointData>\n";
  for (const auto& [name, numbers] : mesh.point_columns) {
    open_array(text, "Float64", name);
    append_row(text, numbers);
    text += kCloseArray;
  }
  text += "</PointData>\n<CellData>\n";
  if (!mesh.line_labels.empty()) {
    text += "<Array type=\"String\" Name=\"label\" format=\"ascii\">\n";
    for (const std::string& label : mesh.line_labels) {
      quoted(label, "a label");
      std::vector<int> bytes;  // that end with 0
      for (const unsigned char c : label) bytes.push_back(c);
      bytes.push_back(0);
      append_row(text, bytes);
    }
    text += "</Array>\n";
  }
  text += "</CellData>\n<Points>\n";
  open_array(text, "Float64", "Points", 3);
  append_rows(text, mesh.points);
  text += kCloseArray + std::string("</Points>\n");
  append_cells(text, "Lines", mesh.lines);
  append_cells(text, "Polys", mesh.quads);
  return text + "</Piece>\n</PolyData>\n</VTKFile>\n";
}

std::string to_vtk(const Mesh& mesh) {
  const std::string points = std::to_string(mesh.points.size());
  std::string text = "# vtk DataFile Version 3.0\ndescent\nASCII\nDATASET POLYDATA\nPOINTS " +
                     points + " double\n";
  append_rows(text, mesh.points);
  append_legacy_cells(text, "LINES", mesh.lines);
  append_legacy_cells(text, "POLYGONS", mesh.quads);
  text += "POINT_DATA " + points + "\n";
  for (const auto& [name, numbers] : mesh.point_columns) {
    text += "SCALARS " + legacy_name(name) + " double 1\nLOOKUP_TABLE default\n";
    append_row(text, numbers);
  }
  return text;
}

std::string to_obj(const Mesh& mesh) {
  std::string text;
  for (const auto& point : mesh.points) {
    text += "v ";
    append_row(text, point);
  }
  const auto append_elements = [&](const char* keyword, const auto& cells) {
    for (auto cell : cells) {
      for (size_t& point : cell) ++point;  // they count from 1
      text += keyword;
      append_row(text, cell);
    }
  };
  append_elements("l ", mesh.lines);
  append_elements("f ", mesh.quads);
  return text;
}

std::string to_stl(const Mesh& mesh) {
  if (mesh.quads.empty())
    throw std::invalid_argument("stl: no cell between four finite values, must be at least 1");
  std::string text = "solid descent\n";
  for (const auto& quad : mesh.quads)
    for (const size_t k : {size_t{1}, size_t{2}}) {
      const std::array corners{mesh.points[quad[0]], mesh.points[quad[k]],
                               mesh.points[quad[k + 1]]};
      std::array<double, 3> a{}, b{}, normal{};
      for (size_t c = 0; c < 3; ++c) {
        a[c] = corners[1][c] - corners[0][c];
        b[c] = corners[2][c] - corners[0][c];
      }
      for (size_t c = 0; c < 3; ++c)
        normal[c] = a[(c + 1) % 3] * b[(c + 2) % 3] - a[(c + 2) % 3] * b[(c + 1) % 3];
      const double length = std::hypot(normal[0], normal[1], normal[2]);
      for (double& part : normal) part = length > 0 ? part / length : 0;
      text += "facet normal ";
      append_row(text, normal);
      text += "outer loop\n";
      for (const auto& corner : corners) {
        text += "vertex ";
        append_row(text, corner);
      }
      text += "endloop\nendfacet\n";
    }
  return text + "endsolid descent\n";
}

}  // namespace descent::formats
