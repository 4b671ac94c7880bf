#include <cmath>
#include <cstring>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <descent/base/atomic_file.h>
#include <descent/pictures/files/page.h>

#include "pictures.h"

namespace descent {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// The bytes of a text in base 64.
std::string bytes_of(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  uint32_t bits = 0;
  int n = 0;
  EXPECT_EQ(text.size() % 4, 0u);
  for (const char c : text) {
    if (c == '=') break;
    const size_t digit = digits.find(c);
    EXPECT_NE(digit, std::string::npos);
    bits = bits << 6 | static_cast<uint32_t>(digit);
    if ((n += 6) >= 8) bytes += static_cast<char>(bits >> (n -= 8) & 255);
  }
  return bytes;
}

template <class Number>
std::vector<Number> numbers(const json& text) {
  const std::string bytes = bytes_of(text.get<std::string>());
  std::vector<Number> result(bytes.size() / sizeof(Number));
  std::memcpy(result.data(), bytes.data(), result.size() * sizeof(Number));
  return result;
}

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++n;
  return n;
}

/// The data of a page as a browser would find them.
json data_of(const std::string& page) {
  const std::string begin = "<script type=\"application/json\" id=\"descent-data\">";
  const size_t from = page.find(begin) + begin.size();
  return json::parse(page.substr(from, page.find("</script", from) - from));
}

Panel panel() {
  Panel panel{.id = "f0",
              .title = "f0: quadratic",
              .caption = "seed 1",
              .grid = bowl(),
              .tracks = {way_down("SGD", 1, 0.3), way_down("Adam", -1, 1)}};
  panel.grid.values[5] = kNaN;
  panel.grid.values[6] = kInf;
  panel.tracks[0].detail = "sgd:lr=1";
  panel.tracks[1].stopped = "diverged at step 2";
  panel.tracks[1].diverged = true;
  panel.tracks[1].losses[2] = kInf;
  panel.tracks[1].left_at = 1;
  panel.picture.lo = 0;
  panel.picture.hi = 1.5;
  panel.picture.azimuth_degrees = -70;
  return panel;
}

TEST(Page, IsTheBuiltViewerWithItsTwoPlacesFilled) {
  const std::string viewer = read_file(VIEWER);
  const std::string page = page_html({{panel()}}, {.title = "Races"});
  const std::string place = "id=\"descent-data\">";
  const size_t data = viewer.find(place) + place.size();
  ASSERT_LT(data, viewer.size());
  EXPECT_EQ(page.substr(page.size() - (viewer.size() - data - 4)), viewer.substr(data + 4));
  EXPECT_EQ(page.substr(0, viewer.find("<title>")), viewer.substr(0, viewer.find("<title>")));
  EXPECT_EQ(count(page, "<title>Races</title>"), 1u);
  EXPECT_EQ(page, page_html({{panel()}}, {.title = "Races"}));
}

TEST(Page, HoldsTheExactNumbers) {
  const Panel given = panel();
  const json page = data_of(page_html({&given, 1}, {.title = "Races", .caption = "two\nlines"}));
  EXPECT_EQ(page["format"], "descent-page-1");
  EXPECT_EQ(page["title"], "Races");
  EXPECT_EQ(page["caption"], "two\nlines");
  ASSERT_EQ(page["panels"].size(), 1u);
  const json& f0 = page["panels"][0];
  EXPECT_EQ(f0["id"], "f0");
  EXPECT_EQ(f0["x"], (json{{"name", "alpha"}, {"lo", -1}, {"hi", 1}, {"n", 21}}));
  EXPECT_EQ(f0["value_name"], "loss");
  EXPECT_EQ(f0["lo"], 0);
  EXPECT_EQ(f0["hi"], 1.5);
  EXPECT_EQ(f0["azimuth"], -70);
  EXPECT_EQ(f0["elevation"], 30);
  EXPECT_EQ(f0["log"], false);
  const auto values = numbers<float>(f0["values"]);
  ASSERT_EQ(values.size(), given.grid.values.size());
  EXPECT_TRUE(std::isnan(values[5]));
  for (size_t k = 6; k < values.size(); ++k)
    EXPECT_EQ(values[k], static_cast<float>(given.grid.values[k]));
  EXPECT_EQ(f0["marks"],
            (json{{{"x", 0}, {"y", 0}, {"value", 0}, {"height", 0}, {"label", "lowest value"}}}));
  const json& adam = f0["tracks"][1];
  EXPECT_EQ(adam["label"], "Adam");
  EXPECT_EQ(f0["tracks"][0]["detail"], "sgd:lr=1");
  EXPECT_EQ(adam["stopped"], "diverged at step 2");
  EXPECT_EQ(adam["diverged"], true);
  EXPECT_EQ(adam["left_at"], 1);
  EXPECT_EQ(numbers<double>(adam["x"]), given.tracks[1].x);
  EXPECT_EQ(numbers<double>(adam["y"]), given.tracks[1].y);
  EXPECT_EQ(numbers<double>(adam["losses"]), given.tracks[1].losses);
  EXPECT_EQ(numbers<double>(adam["gradient_norms"]), given.tracks[1].gradient_norms);
}

TEST(Page, MarksKnownMinimaThatAreNoHoles) {
  Panel given = panel();
  given.grid.values[0] = kNaN;  // at (-1, -1)
  given.picture.minima = {{0.5, 0.5, -3}, {0.5, -0.5}, {-1, -1, 0}, {0, 0, -kInf}, {7, 7, 0}};
  const double height = given.grid.at(15, 15);
  EXPECT_EQ(data_of(page_html({&given, 1}))["panels"][0]["marks"],
            (json{{{"x", 0.5}, {"y", 0.5}, {"value", -3}, {"height", height}, {"label", "minimum"}},
                  {{"x", 0.5},
                   {"y", -0.5},
                   {"value", given.grid.at(5, 15)},
                   {"height", given.grid.at(5, 15)},
                   {"label", "minimum"}}}));
}

TEST(Page, HasAPictureForBrowsersThatCannotShowIt) {
  for (const bool log : {false, true}) {
    Panel given = panel();
    given.picture.log = log;
    given.picture.lo = log ? 1e-3 : 0;
    const json page = data_of(page_html({&given, 1}));
    const std::string picture = page["panels"][0]["picture"];
    const std::string kind = "data:image/png;base64,";
    ASSERT_TRUE(picture.starts_with(kind));
    const Pixels pixels(bytes_of(picture.substr(kind.size())));
    EXPECT_EQ(pixels.width, 720);
    EXPECT_GT(pixels.count(0xd55e00, pixels.height), 50);  // the first racer
  }
}

TEST(Page, KeepsTextsThatLookLikeMarkup) {
  const std::string evil = "</script><script>alert(1)</script> <!-- & \"quotes\" \xe2\x80\xa8";
  Panel given = panel();
  given.title = given.caption = given.grid.x_name = given.tracks[0].label = evil;
  const std::string page = page_html({&given, 1}, {.title = evil, .caption = evil});
  EXPECT_EQ(count(page, "alert(1)</script>"), 0u);
  EXPECT_EQ(count(page, "<script"), count(read_file(VIEWER), "<script"));
  const json data = data_of(page);
  EXPECT_EQ(data["title"], evil);
  EXPECT_EQ(data["panels"][0]["title"], evil);
  EXPECT_EQ(data["panels"][0]["x"]["name"], evil);
  EXPECT_EQ(data["panels"][0]["tracks"][0]["label"], evil);
}

TEST(Page, TurnsDescendingAxesAround) {
  Panel rising = panel(), falling = rising;
  std::swap(falling.grid.x.lo, falling.grid.x.hi);
  for (auto row = falling.grid.values.begin(); row != falling.grid.values.end(); row += 21)
    std::reverse(row, row + 21);
  EXPECT_EQ(page_html({&falling, 1}), page_html({&rising, 1}));
}

TEST(Page, RefusesWhatItCannotShow) {
  const auto refused = [](const auto& change) {
    std::vector<Panel> panels = {panel(), panel()};
    panels[1].id = "f1";
    change(panels);
    return refusal([&] { page_html(panels); });
  };
  EXPECT_EQ(refused([](auto& panels) { panels.clear(); }),
            "page_html: panels.size() = 0, must be at least 1");
  EXPECT_EQ(refused([](auto& panels) { panels[0].id = ""; }),
            "page_html: id = \"\", must be letters, digits, - and _");
  EXPECT_EQ(refused([](auto& panels) { panels[0].id = "a b"; }),
            "page_html: id = \"a b\", must be letters, digits, - and _");
  EXPECT_EQ(refused([](auto& panels) { panels[0].id = "f1"; }),
            "page_html: id = \"f1\" of two panels, must be unique");
  EXPECT_EQ(refused([](auto& panels) { panels[0].title = "\xff"; }),
            "json: title of a panel is not UTF-8");
  EXPECT_EQ(refused([](auto& panels) {
              panels[0].grid.values[0] = -1;
              panels[0].picture.lo = kNaN;
              panels[0].picture.log = true;
            }),
            "draw: a value = -1.000000, must be at least 0 where log is true");
  EXPECT_EQ(refused([](auto& panels) {
              for (double& value : panels[0].grid.values) value = 1e300;
            }),
            "page_html: f0: no value, must be within the range of float32");
  EXPECT_EQ(refused([](auto& panels) {
              panels[0].grid = {{0, 1, 2}, {0, 1, 1}, {1, 2}};
            }),
            "page_html: f0: x.n = 2 and y.n = 1, must be at least 2");
  EXPECT_EQ(refused([](auto& panels) { panels[0].grid.values.pop_back(); }),
            "draw: values.size() = 440, must be y.n * x.n = 21 * 21");
  EXPECT_EQ(refused([](auto& panels) { panels[0].tracks[0].x.pop_back(); }),
            "draw: track SGD: y.size() = 5, must be 4");
}

class PageFile : public PictureFile {};

TEST_F(PageFile, IsWrittenByItsExtension) {
  const Panel given = panel();
  draw_page({&given, 1}, folder_ / "a.html", {.title = "t"});
  EXPECT_EQ(read_file(folder_ / "a.html"), page_html({&given, 1}, {.title = "t"}));
  draw(bowl(), folder_ / "b.html", {.title = "A bowl", .caption = "c"});
  const json page = data_of(read_file(folder_ / "b.html"));
  EXPECT_EQ(page["title"], "A bowl");
  draw(bowl(), folder_ / "c.html", {});
  EXPECT_EQ(data_of(read_file(folder_ / "c.html"))["title"], PageOptions().title);
  EXPECT_EQ(page["panels"][0]["tracks"], json::array());
  EXPECT_EQ(refusal([&] {
              draw_page({&given, 1}, folder_ / "a.htm");
            }),
            "draw_page: " + (folder_ / "a.htm").string() + ": extension \".htm\", must be .html");
}

}  // namespace
}  // namespace descent
