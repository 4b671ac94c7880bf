#pragma once
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <cairo.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <descent/grid/grid.h>
#include <descent/grid/track.h>
#include <descent/pictures/scene/point.h>

/// What the tests of the pictures share.
namespace descent {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

inline Grid table(Axis x, Axis y, const std::function<double(double, double)>& f) {
  Grid grid{x, y};
  for (int64_t i = 0; i < y.n; ++i)
    for (int64_t j = 0; j < x.n; ++j) grid.values.push_back(f(x.at(j), y.at(i)));
  return grid;
}

inline Grid bowl(double x0 = 0, double y0 = 0) {
  return table({-1, 1, 21}, {-1, 1, 21},
               [&](double x, double y) { return (x - x0) * (x - x0) + (y - y0) * (y - y0); });
}

/// A track along points of the plane, with the losses of a function.
inline Track track(const std::string& label, const std::vector<pictures::Point>& points,
                   const std::function<double(double, double)>& f) {
  Track track{.label = label};
  for (const pictures::Point& p : points) {
    track.x.push_back(p.x);
    track.y.push_back(p.y);
    track.losses.push_back(f(p.x, p.y));
  }
  track.smooth_losses = track.losses;
  track.gradient_norms.assign(points.size() - 1, 1);
  return track;
}

/// A track of `steps` steps straight down the bowl from a place at its border.
inline Track way_down(const std::string& label, double x, double y, int steps = 4) {
  std::vector<pictures::Point> points;
  for (int k = 0; k <= steps; ++k)
    points.push_back(pictures::Point{x, y} * (1 - static_cast<double>(k) / steps));
  return track(label, points, [](double at_x, double at_y) { return at_x * at_x + at_y * at_y; });
}

/// A PNG file taken apart again.
struct Pixels {
  static constexpr int kBelowLegend = 70;  // in pictures of 600 x 300
  int width = 0, height = 0;
  std::vector<uint32_t> rgb;

  explicit Pixels(std::string_view png) {
    const auto read = [](void* from, unsigned char* to, unsigned int n) {
      auto& bytes = *static_cast<std::string_view*>(from);
      if (bytes.size() < n) return CAIRO_STATUS_READ_ERROR;
      std::memcpy(to, bytes.data(), n);
      bytes.remove_prefix(n);
      return CAIRO_STATUS_SUCCESS;
    };
    cairo_surface_t* surface = cairo_image_surface_create_from_png_stream(read, &png);
    EXPECT_EQ(cairo_surface_status(surface), CAIRO_STATUS_SUCCESS);
    width = cairo_image_surface_get_width(surface);
    height = cairo_image_surface_get_height(surface);
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        uint32_t pixel;
        std::memcpy(&pixel,
                    cairo_image_surface_get_data(surface) +
                        y * cairo_image_surface_get_stride(surface) + 4 * x,
                    4);
        rgb.push_back(pixel & 0xffffff);
      }
    cairo_surface_destroy(surface);
  }

  uint32_t at(int x, int y) const { return rgb[static_cast<size_t>(y * width + x)]; }

  /// How many pixels have exactly this colour in rows before `bottom`.
  int64_t count(uint32_t color, int bottom) const {
    return std::count(rgb.begin(), rgb.begin() + static_cast<std::ptrdiff_t>(width) * bottom,
                      color);
  }

  /// The middle of the minimum's marker between columns `from` and `to`, below the legend, which
  /// has one, too.
  pictures::Point marker(int from, int to) const {
    pictures::Point sum;
    int n = 0;
    for (int y = kBelowLegend; y < height; ++y)
      for (int x = from; x < to; ++x)
        if (at(x, y) == 0xff4b33) {
          sum = sum + pictures::Point{x + 0.5, y + 0.5};
          ++n;
        }
    EXPECT_GT(n, 10) << "no marker";
    return sum * (1.0 / n);
  }
};

/// What the std::invalid_argument of an action says.
inline std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  ADD_FAILURE() << "not refused";
  return "";
}

/// A test with an empty folder of its own.
class PictureFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name =
        (std::filesystem::temp_directory_path() / "descent-pictures-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

}  // namespace descent
