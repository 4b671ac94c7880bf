#include <array>
#include <cmath>

#include <gtest/gtest.h>

#include <descent/base/atomic_file.h>
#include <descent/pictures/draw.h>
#include <descent/pictures/parts/racers.h>

#include "gif_file.h"
#include "pictures.h"

namespace descent {
namespace {

namespace fs = std::filesystem;
using Pixel = pictures::Point;

const PictureOptions kSmall{.width = 600, .height = 300};
constexpr uint32_t kFirst = 0xd55e00;  // the first racer's colour

/// From four sides to the middle.
std::vector<Track> four() {
  return {way_down("SGD", 1, 1), way_down("Adam", -0.8, 0.8), way_down("Lion", -0.9, -0.6, 9),
          way_down("LAMB", 0.5, -1)};
}

TEST(RacePicture, HasTheSameBytesOnEveryRun) {
  const auto tracks = four();
  EXPECT_EQ(draw_png(bowl(), tracks, kSmall), draw_png(bowl(), tracks, kSmall));
  EXPECT_NE(draw_png(bowl(), tracks, kSmall), draw_png(bowl(), kSmall));
}

TEST(RacePicture, WithoutTracksIsThePictureOfTheGrid) {
  EXPECT_EQ(draw_png(bowl(), std::vector<Track>(), kSmall), draw_png(bowl(), kSmall));
}

/// A hill of which the far side cannot be seen, and a trail past it at this y.
Pixels trail_past_a_hill(double y) {
  const auto hill = [](double x, double at_y) { return std::exp(-4 * (x * x + at_y * at_y)); };
  const std::vector<Track> tracks = {track("a", {{-0.25, y}, {0, y}, {0.25, y}}, hill)};
  return Pixels(draw_png(table({-1, 1, 41}, {-1, 1, 41}, hill), tracks,
                         {.width = 400,
                          .height = 400,
                          .azimuth_degrees = -90,
                          .elevation_degrees = 15,
                          .contour_map = false}));
}

TEST(RacePicture, ShowsATrailSolidBeforeAHillAndFaintBehindIt) {
  const Pixels before = trail_past_a_hill(-0.5), behind = trail_past_a_hill(0.5);
  const int above_legend = 350;
  EXPECT_GT(before.count(kFirst, above_legend), 60);
  EXPECT_EQ(behind.count(kFirst, above_legend), 0);
  int64_t differ = 0;  // its faint traces
  const Pixels far_behind = trail_past_a_hill(0.9);
  for (int y = 0; y < above_legend; ++y)
    for (int x = 0; x < behind.width; ++x) differ += behind.at(x, y) != far_behind.at(x, y);
  EXPECT_GT(differ, 100);
}

TEST(RacePicture, ShowsTheRaceUpToAStep) {
  const auto tracks = four();
  PictureOptions options = kSmall;
  std::vector<int64_t> pixels;
  for (const int64_t step : {0, 2, 4, 9, 100}) {
    options.step = step;
    pixels.push_back(Pixels(draw_png(bowl(), tracks, options)).count(kFirst, 260));
  }
  EXPECT_GT(pixels[1], pixels[0] + 20);
  EXPECT_GT(pixels[2], pixels[1]);
  options.step = 100;
  EXPECT_EQ(draw_png(bowl(), tracks, options), draw_png(bowl(), tracks, kSmall));
}

TEST(RacePicture, FlagsWhoDivergedOrLeft) {
  // The same numbers: only the flags tell them apart, by the marker and by a note in the legend.
  Track stays = way_down("SGD", 1, 1);
  for (auto* values : {&stays.x, &stays.y, &stays.losses, &stays.smooth_losses})
    values->push_back(kNaN);
  stays.gradient_norms.push_back(1);
  Track leaves = stays, diverges = stays;
  leaves.left_at = 4;
  diverges.diverged = true;
  const auto drawn = [](const Track& track) {
    return Pixels(draw_png(bowl(), {&track, 1}, kSmall));
  };
  const Pixels a = drawn(stays), b = drawn(leaves), c = drawn(diverges);
  constexpr ptrdiff_t kLegend = 600 * 260;
  const auto marker = [](const Pixels& of) {
    return std::vector(of.rgb.begin(), of.rgb.begin() + kLegend);
  };
  const auto note = [](const Pixels& of) {
    return std::vector(of.rgb.begin() + kLegend, of.rgb.end());
  };
  EXPECT_NE(marker(a), marker(b));
  EXPECT_NE(marker(a), marker(c));
  EXPECT_NE(note(a), note(b));
  EXPECT_NE(note(a), note(c));
  EXPECT_NE(note(b), note(c));
}

TEST(RacePicture, ShowsBothOfTwoThatStandAtOnePlace) {
  for (const double other : {0.05, 0.03, 0.07}) {  // as high, and lower, and higher
    const std::array tracks = {
        track("on the plane", {{0.2, 0.1}}, [](double, double) { return 0.05; }),
        track("true", {{0.2, 0.1}}, [&](double, double) { return other; })};
    const Pixels pixels(draw_png(bowl(), tracks, kSmall));
    for (const int left : {0, 300}) {  // the surface, and the map
      int orange = 0, blue = 0;
      for (int y = 0; y < 260; ++y)
        for (int x = left; x < left + 300; ++x) {
          const uint32_t r = pixels.at(x, y) >> 16, g = pixels.at(x, y) >> 8 & 0xff,
                         b = pixels.at(x, y) & 0xff;
          orange += r > 170 && g > 77 && g < 130 && b < 50;
          blue += r > 60 && r < 150 && g > 150 && g < 220 && b > 210;
        }
      EXPECT_GT(orange, 3) << other << " " << left;
      EXPECT_GT(blue, 3) << other << " " << left;
    }
  }
}

TEST(RacePicture, DrawsALossWithoutALogarithmAtTheBottom) {
  // The legend says the last loss only, whose digits are the widest.
  const auto drawn = [](double loss, double last) {
    const std::array tracks = {
        track("a", {{0.8, 0.8}, {0.4, 0.2}, {-0.5, 0.1}}, [&](double x, double) {
          return x > 0.5 ? 1 : x > 0 ? loss : last;
        })};
    PictureOptions options = kSmall;
    options.lo = 1e-3;
    options.hi = 2;
    options.log = true;
    return draw_png(bowl(), tracks, options);
  };
  EXPECT_EQ(drawn(0, 0.1234), drawn(1e-9, 0.1234));
  EXPECT_NE(drawn(0, 0.1234), drawn(0.01, 0.1234));
  EXPECT_NE(drawn(0, 0.1234), drawn(0, 0.01234));
}

TEST(RacePicture, IsDrawnOfAnyTracks) {
  const auto flat = [](double, double) { return 1.0; };
  std::vector<Track> tracks = {
      track("one point", {{0, 0}}, flat), track("never inside", {{9, 9}, {8, 9}}, flat),
      track("starts at NaN", {{kNaN, 0}, {0, 0}}, flat),
      track("far", {{0, 0}, {1e308, -1e308}, {-1e308, 1e308}, {0.5, 0.5}}, flat),
      track("\xff not UTF-8 " + std::string(200, 'w'), {{0, 0}, {1, 1}}, flat)};
  for (int k = 0; k < 60; ++k) tracks.push_back(way_down("racer " + std::to_string(k), 1, -1));
  Grid holes = bowl();
  for (size_t k = 100; k < 300; ++k) holes.values[k] = kNaN;
  for (const int size : {200, 700})
    for (const bool map : {true, false})
      EXPECT_NO_THROW(draw_png(holes, tracks, {.width = size, .height = size, .contour_map = map}));
}

class RaceFile : public PictureFile {};

/// Whether every tag of an XML text is closed in its order.
bool well_formed(std::string_view text) {
  std::vector<std::string> open;
  size_t at = text.find("?>");
  while ((at = text.find('<', at)) != std::string_view::npos) {
    const size_t end = text.find('>', at);
    if (end == std::string_view::npos) return false;
    const std::string tag(text.substr(at + 1, end - at - 1));
    if (tag.find('<') != std::string::npos) return false;
    const std::string name =
        tag.substr(tag[0] == '/' ? 1 : 0, tag.find_first_of(" \n/", 1) - (tag[0] == '/' ? 1 : 0));
    if (tag[0] == '/') {
      if (open.empty() || open.back() != name) return false;
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
    at = end;
  }
  return open.empty();
}

TEST_F(RaceFile, SvgIsWellFormedAndTheSameOnEveryRun) {
  const auto tracks = four();
  draw(bowl(), tracks, folder_ / "a.svg", kSmall);
  draw(bowl(), tracks, folder_ / "b.svg", kSmall);
  const std::string svg = read_file(folder_ / "a.svg");
  EXPECT_EQ(svg, read_file(folder_ / "b.svg"));
  EXPECT_TRUE(well_formed(svg));
  EXPECT_FALSE(well_formed("<?xml?><a><b></a></b>"));
  EXPECT_NE(svg.find("width=\"600px\""), std::string::npos);
  // Every name that is used is given once.
  for (size_t at = 0; (at = svg.find("href=\"#", at)) != std::string::npos; ++at) {
    const std::string name = svg.substr(at + 7, svg.find('"', at + 7) - at - 7);
    const size_t given = svg.find("id=\"" + name + "\"");
    EXPECT_NE(given, std::string::npos) << name;
    EXPECT_EQ(svg.find("id=\"" + name + "\"", given + 1), std::string::npos) << name;
  }
}

TEST_F(RaceFile, GifShowsEveryStepAndEndsAsThePicture) {
  const auto tracks = four();
  draw(bowl(), tracks, folder_ / "a.gif", kSmall);
  draw(bowl(), tracks, folder_ / "b.gif", kSmall);
  const std::string bytes = read_file(folder_ / "a.gif");
  EXPECT_EQ(bytes, read_file(folder_ / "b.gif"));
  const GifFile gif(bytes);
  ASSERT_EQ(gif.frames.size(), 10u);
  EXPECT_TRUE(gif.repeats);
  EXPECT_EQ(gif.delays.back(), 200);
  PictureOptions options = kSmall;
  for (const size_t step : {0, 3, 9}) {
    options.step = static_cast<int64_t>(step);
    // The legend has room for the last step in both.
    const Pixels still(draw_png(bowl(), tracks, options));
    double off = 0;
    for (size_t k = 0; k < still.rgb.size() * 4 / 5; ++k)
      for (int part = 0; part < 24; part += 8)
        off += std::abs(static_cast<int>(still.rgb[k] >> part & 255) -
                        static_cast<int>(gif.frames[step][k] >> part & 255));
    EXPECT_LT(off / (3 * 0.8 * static_cast<double>(still.rgb.size())), 3) << step;
  }
}

TEST_F(RaceFile, GifOfALongRaceHasFewFrames) {
  const std::vector<Track> tracks = {way_down("SGD", 1, 1, 450)};
  draw(bowl(), tracks, folder_ / "a.gif", {.width = 200, .height = 200});
  EXPECT_EQ(GifFile(read_file(folder_ / "a.gif")).frames.size(), 151u);  // every third step
}

TEST_F(RaceFile, GifOfAGridIsATurn) {
  const Grid grid = bowl(0.3, 0.1);
  PictureOptions options{.width = 400, .height = 240};
  draw(grid, folder_ / "a.gif", options);
  const std::string bytes = read_file(folder_ / "a.gif");
  const GifFile gif(bytes);
  ASSERT_EQ(gif.frames.size(), 36u);
  for (size_t k = 1; k < 36; ++k) EXPECT_NE(gif.frames[k], gif.frames[k - 1]) << k;
  EXPECT_EQ(std::count(gif.delays.begin(), gif.delays.end(), gif.delays[0]), 36);
  // A place where nothing but a ball is: no race.
  draw(grid, std::array{track("here", {{0.5, 0.5}}, [](double, double) { return 0.2; })},
       folder_ / "b.gif", options);
  EXPECT_EQ(GifFile(read_file(folder_ / "b.gif")).frames.size(), 36u);
  options.on_frame = [](int64_t done, int64_t all) { return done < 3 && all == 36; };
  write_atomically(folder_ / "a.gif", "old");
  draw(grid, folder_ / "a.gif", options);
  EXPECT_EQ(read_file(folder_ / "a.gif"), "old");
}

TEST_F(RaceFile, ATurnKeepsItsSizeAndItsPlace) {
  draw(bowl(), folder_ / "a.gif", {.width = 300, .height = 300, .contour_map = false});
  const GifFile gif(read_file(folder_ / "a.gif"));
  // The star of the bowl's minimum stands on the axis of the turn.
  const auto star = [&](const std::vector<uint32_t>& frame) {
    pictures::Point sum;
    int n = 0;
    for (int y = 60; y < 300; ++y)
      for (int x = 0; x < 300; ++x)
        if (frame[static_cast<size_t>(y * 300 + x)] == 0xff4b33) {
          sum = sum + pictures::Point{static_cast<double>(x), static_cast<double>(y)};
          ++n;
        }
    EXPECT_GT(n, 5);
    return sum * (1.0 / n);
  };
  const pictures::Point first = star(gif.frames[0]);
  for (const auto& frame : gif.frames) {
    EXPECT_NEAR(star(frame).x, first.x, 1.5);
    EXPECT_NEAR(star(frame).y, first.y, 1.5);
  }
}

TEST_F(RaceFile, GifOfACurveIsOneFrame) {
  draw(Grid{{0, 1, 3}, {0, 0, 1}, {1, 0, 2}}, folder_ / "a.gif", {.width = 200, .height = 200});
  EXPECT_EQ(GifFile(read_file(folder_ / "a.gif")).frames.size(), 1u);
}

TEST_F(RaceFile, StoppedGifLeavesEverythingAsItWas) {
  write_atomically(folder_ / "old.gif", "old");
  const auto tracks = four();
  std::vector<int64_t> calls;
  PictureOptions options = kSmall;
  options.on_frame = [&](int64_t done, int64_t all) {
    EXPECT_EQ(all, 10);
    calls.push_back(done);
    return done < 3;
  };
  draw(bowl(), tracks, folder_ / "old.gif", options);
  draw(bowl(), tracks, folder_ / "new.gif", options);
  EXPECT_EQ(calls, (std::vector<int64_t>{1, 2, 3, 1, 2, 3}));
  EXPECT_EQ(read_file(folder_ / "old.gif"), "old");
  EXPECT_FALSE(fs::exists(folder_ / "new.gif"));
}

TEST_F(RaceFile, RefusalsLeaveAnOlderFile) {
  write_atomically(folder_ / "old.png", "old");
  const auto refused = [&](const Grid& grid, const Track& track) {
    return refusal([&] { draw(grid, {&track, 1}, folder_ / "old.png", kSmall); });
  };
  Track track = way_down("SGD", 1, 1);
  track.losses.pop_back();
  EXPECT_EQ(refused(bowl(), track), "draw: track SGD: losses.size() = 4, must be 5");
  EXPECT_EQ(refused(bowl(), Track{}), "draw: track : x.size() = 0, must be >= 1");
  EXPECT_EQ(refused(Grid{{0, 1, 2}, {0, 1, 1}, {1, 2}}, way_down("SGD", 1, 1)),
            "draw: tracks over a grid of x.n = 2 and y.n = 1, both must be at least 2");
  EXPECT_EQ(read_file(folder_ / "old.png"), "old");
  for (const char* name : {"a.png", "a.svg", "a.gif", "a.html"})
    EXPECT_THROW(draw(bowl(), four(), folder_ / "missing" / name, {.width = 200, .height = 200}),
                 std::runtime_error);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
}

TEST_F(RaceFile, LossesAreDrawnInEveryFormat) {
  const auto tracks = four();
  const LossPictureOptions options{.width = 900, .height = 600, .title = "t"};
  for (const char* name : {"a.png", "b.png", "a.svg", "a.gif"})
    draw_losses(tracks, folder_ / name, options);
  EXPECT_EQ(read_file(folder_ / "a.png"), read_file(folder_ / "b.png"));
  EXPECT_GT(Pixels(read_file(folder_ / "a.png")).count(kFirst, 400), 50);
  EXPECT_TRUE(well_formed(read_file(folder_ / "a.svg")));
  EXPECT_EQ(GifFile(read_file(folder_ / "a.gif")).frames.size(), 10u);
}

TEST_F(RaceFile, ADivergingRacerDoesNotFlattenTheLosses) {
  auto tracks = four();
  const auto height = [&] {  // of the first racer's line
    draw_losses(tracks, folder_ / "a.png", {.width = 900, .height = 600});
    const Pixels pixels(read_file(folder_ / "a.png"));
    int top = 600, bottom = 0;
    for (int y = 0; y < 400; ++y)
      for (int x = 0; x < 900; ++x)
        if (pixels.at(x, y) == kFirst) {
          top = std::min(top, y);
          bottom = std::max(bottom, y);
        }
    return bottom - top;
  };
  const int alone = height();
  EXPECT_GT(alone, 200);
  tracks.push_back(track("away", {{0, 0}, {9, 9}, {1e9, 1e9}}, std::plus<double>()));
  EXPECT_GT(height(), alone - 60);
}

TEST_F(RaceFile, LogarithmicLossesNeedPositiveNumbers) {
  const auto tracks = four();
  const auto drawn = [&](const LossPictureOptions& options) {
    draw_losses(tracks, folder_ / "a.png", options);
    return read_file(folder_ / "a.png");
  };
  EXPECT_NE(drawn({.width = 400, .height = 300, .log = true}),
            drawn({.width = 400, .height = 300}));
  const std::vector<Track> negative = {track("a", {{0, 0}, {-1, -1}}, std::plus<double>())};
  EXPECT_EQ(refusal([&] { draw_losses(negative, folder_ / "b.png", {.log = true}); }),
            "draw_losses: none of the 1 tracks has a loss that can be shown");
}

TEST_F(RaceFile, LossesRefuseWhatCannotBeDrawn) {
  const auto tracks = four();
  const auto refused = [&](std::span<const Track> of, const char* name,
                           const LossPictureOptions& options) {
    return refusal([&] { draw_losses(of, folder_ / name, options); });
  };
  EXPECT_EQ(refused({}, "a.png", {}), "draw_losses: tracks.size() = 0, must be at least 1");
  EXPECT_NE(refused(tracks, "a.html", {}).find("must be .png, .svg or .gif"), std::string::npos);
  EXPECT_EQ(refused(tracks, "a.png", {.width = 9}),
            "draw_losses: width = 9, must be in [200, 4096]");
  EXPECT_NE(refused(tracks, "a.png", {.log = true, .lo = 0}).find("> 0 where log is true"),
            std::string::npos);
  EXPECT_NE(refused(tracks, "a.png", {.lo = 2, .hi = 1}).find("must be ascending"),
            std::string::npos);
  EXPECT_EQ(refused(tracks, "a.png", {.step = -2}), "draw_losses: step = -2, must be -1 or more");
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(RaceFile, ArrowsPointWhereTheyShould) {
  const auto middle = [&](double x, double y) {  // of the red arrow
    const std::array arrows = {Arrow{.x = x, .y = y, .color = 0xff0000},
                               Arrow{.x = 1, .y = 1, .label = "b", .group = "g"},
                               Arrow{.x = -1, .y = -1, .strength = 0.3}};
    draw_arrows(arrows, folder_ / "a.png", {.width = 300, .height = 300});
    const Pixels pixels(read_file(folder_ / "a.png"));
    Pixel sum;
    double n = 0;
    for (int row = 0; row < 300; ++row)
      for (int column = 0; column < 300; ++column)
        if (pixels.at(column, row) == 0xff0000) {
          sum = sum + Pixel{static_cast<double>(column), static_cast<double>(row)};
          ++n;
        }
    EXPECT_GT(n, 20);
    return sum * (1 / n);
  };
  const Pixel right = middle(1, 0), left = middle(-1, 0), up = middle(0, 1);
  EXPECT_GT(right.x, left.x + 50);
  EXPECT_NEAR(right.y, left.y, 2);
  EXPECT_LT(up.y, left.y - 25);
  EXPECT_NEAR(up.x, (left.x + right.x) / 2, 3);
}

TEST_F(RaceFile, ArrowsAreDrawnOfAnyLengthAndRefuseTheRest) {
  for (const double by : {0.0, 1e-30, 1e100}) {
    const std::array arrows = {Arrow{.x = by, .y = -by, .label = "a"}};
    draw_arrows(arrows, folder_ / "a.svg", {.width = 300, .height = 300});
    EXPECT_TRUE(well_formed(read_file(folder_ / "a.svg")));
  }
  const auto refused = [&](const Arrow& arrow, const char* name) {
    return refusal([&] { draw_arrows({&arrow, 1}, folder_ / name); });
  };
  EXPECT_NE(refused({.x = kNaN}, "b.png").find("an arrow to nan, 0.000000"), std::string::npos);
  EXPECT_NE(refused({.strength = 2}, "b.png").find("must be in [0, 1]"), std::string::npos);
  EXPECT_NE(refused({.x = 1}, "b.gif").find("must be .png or .svg"), std::string::npos);
  EXPECT_EQ(refusal([&] { draw_arrows({}, folder_ / "b.png"); }),
            "draw_arrows: arrows.size() = 0, must be at least 1");
  EXPECT_FALSE(fs::exists(folder_ / "b.png"));
}

TEST_F(RaceFile, TwoSidesAreBlueAndRedCellByCell) {
  const Axis two{0, 1, 2}, three{0, 1, 3};
  // Rows from below: converged, diverged, not reached.
  const Grid loss{two, three, {0.1, 10, HUGE_VAL, HUGE_VAL, kNaN, kNaN}};
  const Grid step{two, three, {kNaN, kNaN, 1, 100, -1, -1}};
  const std::array panels = {TwoSides{loss, step}};
  draw_two_sided(panels, folder_ / "a.png", {.width = 400, .height = 400});
  const Pixels pixels(read_file(folder_ / "a.png"));
  const auto part = [](uint32_t pixel, int shift) {
    return static_cast<int>(pixel >> shift & 0xff);
  };
  int blue = 0, red = 0, dark_blue = 0, dark_red = 0;
  double blue_row = 0, red_row = 0, dark_blue_column = 0, light_blue_column = 0;
  int light_blue = 0;
  for (int row = 0; row < 400; ++row)
    for (int column = 0; column < 300; ++column) {
      const uint32_t pixel = pixels.at(column, row);
      const int r = part(pixel, 16), b = part(pixel, 0);
      if (b > r + 10) {
        ++blue;
        blue_row += row;
        if (r < 50) {
          ++dark_blue;
          dark_blue_column += column;
        } else {
          ++light_blue;
          light_blue_column += column;
        }
      } else if (r > b + 10) {
        ++red;
        red_row += row;
        dark_red += r < 150;
      }
    }
  EXPECT_GT(blue, 4000);
  EXPECT_NEAR(red, blue, blue / 10.0);
  EXPECT_GT(blue_row / blue, red_row / red + 40);  // below
  EXPECT_LT(dark_blue_column / dark_blue, light_blue_column / light_blue - 40);
  EXPECT_NEAR(dark_red, red / 2.0, red / 5.0);
  const std::array six = {panels[0], panels[0], TwoSides{loss, step, "SGD"},
                          panels[0], panels[0], panels[0]};
  draw_two_sided(six, folder_ / "a.svg");
  EXPECT_TRUE(well_formed(read_file(folder_ / "a.svg")));
}

TEST_F(RaceFile, TwoSidesMoveFromPanelToPanel) {
  const Axis wide{0, 1, 2}, narrow{0.25, 0.75, 2};
  const TwoSides blue{{wide, wide, {1, 2, 3, 4}}, {wide, wide, {kNaN, kNaN, kNaN, kNaN}}};
  const TwoSides red{{narrow, narrow, {1, 2, 3, 4}}, {narrow, narrow, {1, 2, 3, 4}}};
  const std::array panels = {blue, red, blue};
  std::vector<int64_t> frames;
  draw_two_sided(panels, folder_ / "a.gif",
                 {.width = 300, .height = 300, .on_frame = [&](int64_t done, int64_t all) {
                    EXPECT_EQ(all, 3);
                    frames.push_back(done);
                    return true;
                  }});
  EXPECT_EQ(frames, (std::vector<int64_t>{1, 2, 3}));
  const GifFile gif(read_file(folder_ / "a.gif"));
  ASSERT_EQ(gif.frames.size(), 3u);
  EXPECT_EQ(gif.frames[0], gif.frames[2]);
  const auto reds = [&](size_t frame) {
    return std::count_if(gif.frames[frame].begin(), gif.frames[frame].end(),
                         [](uint32_t pixel) { return (pixel >> 16 & 0xff) > (pixel & 0xff) + 40; });
  };
  EXPECT_GT(reds(1), reds(0) + 10000);  // beside those of the bar
  draw_two_sided(panels, folder_ / "b.gif",
                 {.width = 300, .height = 300, .on_frame = [](int64_t, int64_t) { return false; }});
  EXPECT_FALSE(fs::exists(folder_ / "b.gif"));
}

TEST_F(RaceFile, TwoSidesAreRefusedWhereTheyDoNotFit) {
  const Axis two{0, 1, 2}, three{0, 1, 3};
  const Grid grid{two, two, {1, 2, 3, 4}};
  const auto refused = [&](const Grid& second, const char* name) {
    const std::array panels = {TwoSides{grid, second}};
    return refusal([&] { draw_two_sided(panels, folder_ / name); });
  };
  EXPECT_NE(refused({two, three, {1, 2, 3, 4, 5, 6}}, "b.png").find("different axes"),
            std::string::npos);
  EXPECT_NE(refused({two, two, {1, 2, 3}}, "b.png").find("second"), std::string::npos);
  EXPECT_NE(refused(grid, "b.html").find("must be .png, .svg or .gif"), std::string::npos);
  EXPECT_EQ(refusal([&] { draw_two_sided({}, folder_ / "b.png"); }),
            "draw_two_sided: panels.size() = 0, must be at least 1");
  EXPECT_FALSE(fs::exists(folder_ / "b.png"));
}

}  // namespace
}  // namespace descent
