#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <descent/pictures.h>

#include "pictures.h"

namespace descent {
namespace {

using testing::HasSubstr;

std::string read(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

Grid scaled(Grid grid, double factor) {
  for (double& value : grid.values) value *= factor;
  return grid;
}

class SheetFile : public PictureFile {
 protected:
  Pixels drawn(const std::vector<NamedGrid>& grids, SheetPictureOptions options = {}) {
    options.width = 600;
    draw_sheet(grids, folder_ / "sheet.png", options);
    return Pixels(read(folder_ / "sheet.png"));
  }
  /// How many pixels of the left panel of two are as bright as the highest colour.
  static int64_t yellow(const Pixels& pixels) {
    int64_t count = 0;
    for (int y = 0; y < pixels.height; ++y)
      for (int x = 0; x < 2 * pixels.width / 5; ++x) {
        const uint32_t c = pixels.at(x, y);
        count += (c >> 16) > 200 && (c >> 8 & 255) > 200 && (c & 255) < 90;
      }
    return count;
  }
  /// How many pixels of the left panel of two have the colour of curves, from a row on.
  static int64_t blue(const Pixels& pixels, int top) {
    int64_t count = 0;
    for (int y = top; y < pixels.height; ++y)
      for (int x = 0; x < 2 * pixels.width / 5; ++x) {
        const uint32_t c = pixels.at(x, y);
        count += static_cast<int>(c & 255) - static_cast<int>(c >> 16) > 40;
      }
    return count;
  }
};

TEST_F(SheetFile, ColoursAllMapsByOneScale) {
  const Grid low = bowl(), high = scaled(bowl(), 10);
  EXPECT_GT(yellow(drawn({{"a", high}, {"b", high}})), 20);
  EXPECT_EQ(yellow(drawn({{"a", low}, {"b", high}})), 0);
  EXPECT_GT(yellow(drawn({{"a", low}, {"b", high}}, {.hi = 2})), 20);
}

TEST_F(SheetFile, MakesRoomForAsManyAsThereAre) {
  const std::vector<NamedGrid> few(2, {"a", bowl()}), many(30, {"a", bowl()});
  const Pixels small = drawn(few), large = drawn(many);
  EXPECT_LT(small.height, large.height);
  EXPECT_EQ(drawn(many, {.height = 333}).height, 333);
}

TEST_F(SheetFile, NamesEachAndTheAxes) {
  draw_sheet(std::vector<NamedGrid>{{"conv1", bowl()}, {"fc", bowl()}}, folder_ / "sheet.svg",
             {.title = "t", .caption = "c"});
  const std::string one = read(folder_ / "sheet.svg");
  draw_sheet(std::vector<NamedGrid>{{"conv2", bowl()}, {"fc", bowl()}}, folder_ / "sheet.svg",
             {.title = "t", .caption = "c"});
  EXPECT_THAT(one, HasSubstr("<svg"));
  EXPECT_NE(one, read(folder_ / "sheet.svg")) << "the name is not drawn";
}

TEST_F(SheetFile, HatchesHolesAndDrawsALogarithmOfZero) {
  Grid holes = bowl();
  for (double& value : holes.values) value = kNaN;
  const Pixels with = drawn({{"a", holes}, {"b", bowl()}}, {.log = true}),
               without = drawn({{"a", bowl()}, {"b", bowl()}}, {.log = true});
  EXPECT_NE(with.rgb, without.rgb);
  EXPECT_EQ(yellow(with), 0);
}

TEST_F(SheetFile, DrawsCurvesUnderOneScaleOfHeights) {
  const auto line = [](double height) {
    return table({-1, 1, 21}, {0, 0, 1}, [=](double x, double) { return height * x * x; });
  };
  const Grid column = table({0, 0, 1}, {-1, 1, 21}, [](double, double y) { return y * y; });
  const Pixels alone = drawn({{"a", line(1)}}), column_alone = drawn({{"a", column}});
  EXPECT_NE(alone.rgb, drawn({{"a", line(2)}}).rgb);
  EXPECT_GT(blue(alone, 0), 20);
  EXPECT_GT(blue(column_alone, 0), 20);
  // Beside a higher one it is flat: it reaches the upper half of its picture no more.
  const Pixels beside = drawn({{"a", line(0.1)}, {"b", line(1)}}, {.height = 400});
  EXPECT_EQ(blue(beside, 0) - blue(beside, beside.height / 2 - 20), 0);
  EXPECT_GT(blue(beside, 0), 20);
}

TEST_F(SheetFile, RefusesWhatItCannotDraw) {
  const auto refused = [&](const std::vector<NamedGrid>& grids, const char* file,
                           const SheetPictureOptions& options = {}) {
    return refusal([&] { draw_sheet(grids, folder_ / file, options); });
  };
  EXPECT_THAT(refused({}, "a.png"), HasSubstr("grids.size() = 0, must be at least 1"));
  EXPECT_THAT(refused({{"a", bowl()}}, "a.gif"), HasSubstr("must be .png or .svg"));
  EXPECT_THAT(
      refused({{"a", bowl()}, {"b", table({-1, 1, 3}, {-1, 1, 3}, std::plus<>())}}, "a.png"),
      HasSubstr("'b' has other axes, must be the same for all"));
  EXPECT_THAT(
      refused({{"a", table({-1, 1, 3}, {-1, 1, 3}, [](double, double) { return kNaN; })}}, "a.png"),
      HasSubstr("none of the values is finite"));
  EXPECT_THAT(refused({{"a", scaled(bowl(), -1)}}, "a.png", {.log = true}),
              HasSubstr("must be at least 0 where log is true"));
  EXPECT_THAT(refused({{"a", scaled(bowl(), 0)}}, "a.png", {.log = true}),
              HasSubstr("above 0 where log is true"));
  EXPECT_THAT(refused({{"a", bowl()}}, "a.png", {.width = 10}), HasSubstr("width = 10, must be"));
  EXPECT_THAT(refused({{"a", bowl()}}, "a.png", {.lo = 2, .hi = 1}), HasSubstr("ascending"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

}  // namespace
}  // namespace descent
