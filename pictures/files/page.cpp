#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <descent/base/atomic_file.h>
#include <descent/base/html.h>
#include <descent/grid/files/formats.h>
#include <descent/grid/files/json_text.h>
#include <descent/pictures/files/layout.h>
#include <descent/pictures/files/output.h>
#include <descent/pictures/files/page.h>
#include <descent/pictures/grid_picture.h>
#include <descent/pictures/scene/field.h>
#include <descent/pictures/scene/minima.h>

// The page is the built viewer with two places filled: the title, and the data as JSON, laid out as
// pictures/viewer describes it ("descent-page-1").

namespace descent {

namespace embedded {
std::string_view viewer();  // viewer/dist/viewer.html
}

namespace {

using formats::append_json;
using formats::quoted;

constexpr std::string_view kTitle = "<title>descent</title>";
constexpr std::string_view kData = "id=\"descent-data\">null</script>";

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t k = 0; k < bytes.size(); k += 3) {
    uint32_t three = 0;
    for (size_t i = 0; i < 3; ++i)
      three = three << 8 | (k + i < bytes.size() ? static_cast<uint8_t>(bytes[k + i]) : 0);
    for (size_t i = 0; i < 4; ++i)
      text += k + i <= bytes.size() ? kDigits[three >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

/// Numbers as little-endian bytes of a type in base 64, in quotes.
template <class Number>
std::string packed(const std::vector<double>& numbers) {
  std::string bytes(numbers.size() * sizeof(Number), '\0');
  for (size_t k = 0; k < numbers.size(); ++k) {
    const auto number = static_cast<Number>(numbers[k]);
    std::memcpy(bytes.data() + k * sizeof(Number), &number, sizeof(Number));
    if constexpr (std::endian::native == std::endian::big)
      std::reverse(
          bytes.end() - static_cast<std::ptrdiff_t>((numbers.size() - k) * sizeof(Number)),
          bytes.end() - static_cast<std::ptrdiff_t>((numbers.size() - k - 1) * sizeof(Number)));
  }
  return "\"" + base64(bytes) + "\"";
}

std::string number_or_null(double number) {
  std::string text;
  if (std::isnan(number)) return "null";
  append_json(text, number);
  return text;
}

const char* boolean(bool value) { return value ? "true" : "false"; }

/// An object of values that are JSON already.
std::string object(std::initializer_list<std::pair<const char*, std::string>> members) {
  std::string text;
  for (const auto& [key, value] : members)
    text.append(text.empty() ? "{\"" : ",\"").append(key).append("\":").append(value);
  return text + "}";
}

template <class Values, class ToJson>
std::string list(const Values& values, const ToJson& to_json) {
  std::string text = "[";
  const char* separator = "";
  for (const auto& value : values)
    text.append(std::exchange(separator, ",")).append(to_json(value));
  return text + "]";
}

std::string axis_json(const std::string& name, const Axis& axis) {
  return object({{"name", quoted(name, "name of an axis")},
                 {"lo", number_or_null(axis.lo)},
                 {"hi", number_or_null(axis.hi)},
                 {"n", std::to_string(axis.n)}});
}

std::string mark_json(const pictures::Mark& mark) {
  return object({{"x", number_or_null(mark.x)},
                 {"y", number_or_null(mark.y)},
                 {"value", number_or_null(mark.value)},
                 {"height", number_or_null(mark.height)},
                 {"label", quoted(mark.name, "name of a mark")}});
}

std::string track_json(const Track& track) {
  return object({{"label", quoted(track.label, "label of a track")},
                 {"detail", quoted(track.detail, "detail of a track")},
                 {"x", packed<double>(track.x)},
                 {"y", packed<double>(track.y)},
                 {"losses", packed<double>(track.losses)},
                 {"gradient_norms", packed<double>(track.gradient_norms)},
                 {"stopped", quoted(track.stopped, "stopped of a track")},
                 {"diverged", boolean(track.diverged)},
                 {"left_at", std::to_string(track.left_at)}});
}

/// For browsers that cannot show the page itself.
std::string picture_of(const Panel& panel) {
  PictureOptions options = panel.picture;
  options.width = 720;
  options.height = 420;
  options.title = options.caption = "";
  options.step = -1;
  options.contour_map = true;
  options = pictures::checked(panel.grid, panel.tracks, options, options.width, options.height);
  return pictures::GridPicture(panel.grid, panel.tracks, options).png();
}

std::string panel_json(const Panel& panel) {
  const std::string png = picture_of(panel);  // refuses what cannot be drawn
  const Grid grid = pictures::ascending(panel.grid);
  const PictureOptions& picture = panel.picture;
  std::vector<pictures::Mark> marks = pictures::minima_of(grid, picture);
  std::erase_if(marks, [](const pictures::Mark& mark) {  // nothing is drawn there
    return !std::isfinite(mark.height) || !std::isfinite(mark.value);
  });
  return object({{"id", quoted(panel.id, "id of a panel")},
                 {"title", quoted(panel.title, "title of a panel")},
                 {"caption", quoted(panel.caption, "caption of a panel")},
                 {"x", axis_json(grid.x_name, grid.x)},
                 {"y", axis_json(grid.y_name, grid.y)},
                 {"value_name", quoted(grid.value_name, "value_name")},
                 {"values", packed<float>(grid.values)},
                 {"lo", number_or_null(picture.lo)},
                 {"hi", number_or_null(picture.hi)},
                 {"azimuth", number_or_null(picture.azimuth_degrees)},
                 {"elevation", number_or_null(picture.elevation_degrees)},
                 {"log", boolean(picture.log)},
                 {"marks", list(marks, mark_json)},
                 {"tracks", list(panel.tracks, track_json)},
                 {"picture", "\"data:image/png;base64," + base64(png) + "\""}});
}

void fill(std::string& page, std::string_view place, const std::string& with) {
  const size_t at = page.find(place);
  if (at == std::string::npos || page.find(place, at + 1) != std::string::npos)
    throw std::logic_error("page_html: the viewer must contain exactly once: " +
                           std::string(place));
  page.replace(at, place.size(), with);
}

void check_page(std::span<const Panel> panels) {
  using pictures::require;
  require(!panels.empty(), "page_html", "panels.size() = 0", "at least 1");
  std::set<std::string> ids;
  for (const Panel& panel : panels) {
    const bool plain = std::all_of(panel.id.begin(), panel.id.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '-' || c == '_';
    });
    require(plain && !panel.id.empty(), "page_html", "id = \"" + panel.id + "\"",
            "letters, digits, - and _");
    require(ids.insert(panel.id).second, "page_html", "id = \"" + panel.id + "\" of two panels",
            "unique");
    require(panel.grid.x.n > 1 && panel.grid.y.n > 1, "page_html",
            panel.id + ": x.n = " + std::to_string(panel.grid.x.n) +
                " and y.n = " + std::to_string(panel.grid.y.n),
            "at least 2");
    require(std::any_of(panel.grid.values.begin(), panel.grid.values.end(),
                        [](double value) { return std::isfinite(static_cast<float>(value)); }),
            "page_html", panel.id + ": no value", "within the range of float32");
  }
}

}  // namespace

std::string page_html(std::span<const Panel> panels, const PageOptions& options) {
  check_page(panels);
  std::string data = object({{"format", "\"descent-page-1\""},
                             {"title", quoted(options.title, "title of the page")},
                             {"caption", quoted(options.caption, "caption of the page")},
                             {"panels", list(panels, panel_json)}});
  std::string page(embedded::viewer());
  fill(page, kTitle, "<title>" + escaped_html(options.title) + "</title>");
  // In JSON "<" can only be in a string.
  for (size_t at = 0; (at = data.find('<', at)) != std::string::npos;)
    data.replace(at, 1, "\\u003c");
  fill(page, kData, "id=\"descent-data\">" + data + "</script>");
  return page;
}

void draw_page(std::span<const Panel> panels, const std::filesystem::path& path,
               const PageOptions& options) {
  pictures::format_of("draw_page", path, pictures::is_page);
  write_atomically(path, page_html(panels, options));
}

}  // namespace descent
