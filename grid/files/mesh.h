#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <descent/grid/grid.h>

/// What programs for surfaces in space (ParaView, Blender, ...) read: points, and cells between
/// them. Text throughout, numbers with the shortest digits that read back exactly.
namespace descent::formats {

struct Mesh {
  /// Numbers that belong to the points or to the cells, in their order.
  using Column = std::pair<std::string, std::vector<double>>;

  std::vector<std::array<double, 3>> points{};
  std::vector<std::vector<size_t>> lines{};    ///< each the indices of its points
  std::vector<std::array<size_t, 4>> quads{};  ///< counter-clockwise seen from above
  std::vector<Column> point_columns{};
  std::vector<std::string> line_labels{};  ///< of all lines, or none
};

/// The points (x, y, value) of a grid with a cell between each four neighbours; a grid of one row
/// or one column becomes lines. Values that are not finite have no point, and the cells around them
/// are left out.
Mesh mesh_of(const Grid& grid);

/// VTK's file format for PolyData in XML. std::invalid_argument for a name that is not UTF-8.
std::string to_vtp(const Mesh& mesh);
/// The same data in VTK's legacy format.
std::string to_vtk(const Mesh& mesh);
/// Wavefront's format. Columns and labels are not kept.
std::string to_obj(const Mesh& mesh);
/// Stereolithography, two triangles a cell, in text; std::invalid_argument if there are no cells.
std::string to_stl(const Mesh& mesh);

}  // namespace descent::formats
