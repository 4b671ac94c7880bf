#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <descent/base/atomic_file.h>
#include <descent/grid/files/mesh.h>
#include <descent/grid/grid.h>

namespace descent {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

/// 3 x 2 points over [0, 2] x [5, 6].
Grid six(std::vector<double> values) {
  return {.x = {0, 2, 3}, .y = {5, 6, 2}, .values = std::move(values)};
}

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(Mesh, HasAPointForEachFiniteValueAndACellBetweenFour) {
  const auto mesh = formats::mesh_of(six({1, 2, 3, 4, 5, 6}));
  EXPECT_THAT(mesh.points,
              ElementsAre(ElementsAre(0, 5, 1), ElementsAre(1, 5, 2), ElementsAre(2, 5, 3),
                          ElementsAre(0, 6, 4), ElementsAre(1, 6, 5), ElementsAre(2, 6, 6)));
  EXPECT_THAT(mesh.quads, ElementsAre(ElementsAre(0, 1, 4, 3), ElementsAre(1, 2, 5, 4)));
  EXPECT_TRUE(mesh.lines.empty());
  ASSERT_EQ(mesh.point_columns.size(), 1u);
  EXPECT_EQ(mesh.point_columns[0].first, "loss");
  EXPECT_THAT(mesh.point_columns[0].second, ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(Mesh, LeavesHolesWhereValuesAreNotFinite) {
  const auto mesh = formats::mesh_of(six({kNaN, 2, 3, 4, 5, 6}));
  EXPECT_EQ(mesh.points.size(), 5u);
  EXPECT_THAT(mesh.quads, ElementsAre(ElementsAre(0, 1, 4, 3)));
  EXPECT_THAT(mesh.point_columns[0].second, ElementsAre(2, 3, 4, 5, 6));
  EXPECT_TRUE(formats::mesh_of(six({1, kInf, 3, 4, 5, 6})).quads.empty());
}

TEST(Mesh, FacesUpOnAxesThatRunDown) {
  Grid grid = six({1, 2, 3, 4, 5, 6});
  std::swap(grid.x.lo, grid.x.hi);
  EXPECT_THAT(formats::mesh_of(grid).quads[0], ElementsAre(0, 3, 4, 1));
  std::swap(grid.y.lo, grid.y.hi);
  EXPECT_THAT(formats::mesh_of(grid).quads[0], ElementsAre(0, 1, 4, 3));
}

TEST(Mesh, OfOneRowOrColumnIsALine) {
  const Grid row{.x = {0, 3, 4}, .y = {7, 7, 1}, .values = {1, 2, kNaN, 4}};
  const auto mesh = formats::mesh_of(row);
  EXPECT_TRUE(mesh.quads.empty());
  EXPECT_THAT(mesh.lines, ElementsAre(ElementsAre(0, 1)));
  const Grid column{.x = {7, 7, 1}, .y = {0, 2, 3}, .values = {1, 2, 3}};
  EXPECT_THAT(formats::mesh_of(column).lines, ElementsAre(ElementsAre(0, 1), ElementsAre(1, 2)));
}

class MeshFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "descent-mesh-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string saved(const Grid& grid, const std::string& name) {
    grid.save(folder_ / name);
    return read_file(folder_ / name);
  }

  fs::path folder_;
};

Grid with_hole() {
  Grid grid = six({0, 0.5, -1, 1e-300, 2, kInf});
  grid.value_name = "log \"loss\" <";
  return grid;
}

TEST_F(MeshFile, IsPolyDataInXmlAsVtp) {
  EXPECT_EQ(saved(with_hole(), "g.vtp"), R"(<?xml version="1.0" encoding="UTF-8"?>
<VTKFile type="PolyData" version="1.0">
<PolyData>
<Piece NumberOfPoints="5" NumberOfLines="0" NumberOfPolys="1">
<PointData>
<DataArray type="Float64" Name="log &quot;loss&quot; &lt;" NumberOfComponents="1" format="ascii">
0 0.5 -1 1e-300 2
</DataArray>
</PointData>
<CellData>
</CellData>
<Points>
<DataArray type="Float64" Name="Points" NumberOfComponents="3" format="ascii">
0 5 0
1 5 0.5
2 5 -1
0 6 1e-300
1 6 2
</DataArray>
</Points>
<Lines>
<DataArray type="Int64" Name="connectivity" NumberOfComponents="1" format="ascii">
</DataArray>
<DataArray type="Int64" Name="offsets" NumberOfComponents="1" format="ascii">

</DataArray>
</Lines>
<Polys>
<DataArray type="Int64" Name="connectivity" NumberOfComponents="1" format="ascii">
0 1 4 3
</DataArray>
<DataArray type="Int64" Name="offsets" NumberOfComponents="1" format="ascii">
4
</DataArray>
</Polys>
</Piece>
</PolyData>
</VTKFile>
)");
}

TEST_F(MeshFile, IsPolyDataInLegacyFormatAsVtk) {
  EXPECT_EQ(saved(with_hole(), "g.vtk"), R"(# vtk DataFile Version 3.0
descent
ASCII
DATASET POLYDATA
POINTS 5 double
0 5 0
1 5 0.5
2 5 -1
0 6 1e-300
1 6 2
POLYGONS 1 5
4 0 1 4 3
POINT_DATA 5
SCALARS log%20%22loss%22%20< double 1
LOOKUP_TABLE default
0 0.5 -1 1e-300 2
)");
}

TEST_F(MeshFile, CountsFromOneAsObj) {
  EXPECT_EQ(saved(with_hole(), "g.obj"),
            "v 0 5 0\nv 1 5 0.5\nv 2 5 -1\nv 0 6 1e-300\nv 1 6 2\nf 1 2 5 4\n");
  EXPECT_EQ(saved({.x = {0, 1, 2}, .y = {0, 0, 1}, .values = {3, 4}}, "g.obj"),
            "v 0 0 3\nv 1 0 4\nl 1 2\n");
}

TEST_F(MeshFile, IsTwoTrianglesACellWithNormalsUpAsStl) {
  const std::string text = saved(six({0, 1, kNaN, 0, 1, 0}), "g.stl");
  const std::string normal = "facet normal -0.7071067811865475 0 0.7071067811865475\nouter loop\n";
  EXPECT_EQ(text, "solid descent\n" + normal +
                      "vertex 0 5 0\nvertex 1 5 1\nvertex 1 6 1\nendloop\nendfacet\n" + normal +
                      "vertex 0 5 0\nvertex 1 6 1\nvertex 0 6 0\nendloop\nendfacet\n"
                      "endsolid descent\n");
  EXPECT_THAT(refusal([&] {
                six({1, kNaN, 3, 4, 5, 6}).save(folder_ / "h.stl");
              }),
              HasSubstr("stl: no cell between four finite values"));
  EXPECT_FALSE(fs::exists(folder_ / "h.stl"));
}

TEST_F(MeshFile, IsWrittenButNotRead) {
  for (const char* const name : {"g.vtp", "g.vtk", "g.obj", "g.stl"})
    EXPECT_THAT(refusal([&] { Grid::load(folder_ / name); }),
                HasSubstr("of a grid file to read, must be one of .npy, .csv, .json"));
  Grid grid = with_hole();
  grid.value_name = "\xff";
  EXPECT_THAT(refusal([&] { grid.save(folder_ / "g.vtp"); }), HasSubstr("not UTF-8"));
}

TEST_F(MeshFile, IsReadByAnXmlParser) {
  if (std::system("python3 -c '' >/dev/null 2>&1") != 0) GTEST_SKIP() << "there is no python3";
  Grid grid{.x = {-1, 1, 30}, .y = {-2, 2, 20}, .values = {}};
  for (int64_t i = 0; i < grid.y.n; ++i)
    for (int64_t j = 0; j < grid.x.n; ++j)
      grid.values.push_back(i == 7 && j == 3 ? kNaN : grid.x.at(j) * grid.y.at(i));
  grid.value_name = "a < b & \"c\" \xce\xb1";
  saved(grid, "g.vtp");
  std::ofstream(folder_ / "s.py") << R"(
import sys, xml.etree.ElementTree as tree
piece = tree.parse(sys.argv[1]).getroot().find('PolyData/Piece')
array = lambda where: piece.find(where + '/DataArray').text.split()
points = [float(x) for x in array('Points')]
assert len(points) == 3 * 599 == 3 * int(piece.get('NumberOfPoints'))
assert piece.find('PointData/DataArray').get('Name') == 'a < b & "c" \u03b1'
assert [float(x) for x in array('PointData')] == points[2::3]
assert all(points[k] * points[k + 1] == points[k + 2] for k in range(0, len(points), 3))
cells = [int(k) for k in array('Polys')]
assert len(cells) == 4 * (29 * 19 - 4) == 4 * int(piece.get('NumberOfPolys'))
for cell in zip(*[iter(cells)] * 4):
    x = [points[3 * k] for k in cell]
    y = [points[3 * k + 1] for k in cell]
    assert x[0] == x[3] < x[1] == x[2] and y[0] == y[1] < y[2] == y[3]
)";
  EXPECT_EQ(
      std::system(
          ("python3 " + (folder_ / "s.py").string() + " " + (folder_ / "g.vtp").string()).c_str()),
      0);
}

}  // namespace
}  // namespace descent
