#include <cmath>
#include <string_view>

#include <descent/base/html.h>
#include <descent/grid/files/json_text.h>
#include <descent/pictures/files/output.h>
#include <descent/pictures/files/table_page.h>

namespace descent {

namespace embedded {
std::string_view table_page();  // files/table_page.html
}

namespace pictures {
namespace {

std::string list(const std::vector<std::string>& cells) {
  std::string text = "[";
  for (const std::string& cell : cells) text += (text.size() == 1 ? "" : ",") + cell;
  return text + "]";
}

}  // namespace

std::string cell(const std::string& word, const std::string& what) {
  return formats::quoted(word, what.c_str());
}

std::string cell(double number) {
  if (!std::isfinite(number)) return "null";
  std::string text;
  formats::append_json(text, number);
  return text;
}

std::string table_page(const Sheet& sheet, const Parts& parts, const Table& table) {
  std::vector<std::string> names, rows, spots;
  for (const std::string& name : table.names) names.push_back(cell(name, "name of a column"));
  for (const auto& row : table.rows) rows.push_back(list(row));
  for (const Spot& spot : table.spots)
    spots.push_back(list({std::to_string(spot.row), std::to_string(std::lround(spot.at.x)),
                          std::to_string(std::lround(spot.at.y))}));
  std::string data = "{\"names\":" + list(names) + ",\"rows\":" + list(rows) +
                     ",\"spots\":" + list(spots) + ",\"size\":[" + std::to_string(sheet.width) +
                     "," + std::to_string(sheet.height) + "],\"reach\":" + cell(table.reach) + "}";
  // In JSON "<" can only be in a string.
  for (size_t at = 0; (at = data.find('<', at)) != std::string::npos;)
    data.replace(at, 1, "\\u003c");
  std::string svg = format_of("draw", "picture.svg", is_still_picture).still(sheet, parts, 0);
  svg.erase(0, svg.find("<svg"));  // what only a file of its own begins with
  return filled_html(std::string(embedded::table_page()),
                     {{"title", escaped_html(sheet.title.empty() ? table.title : sheet.title)},
                      {"svg", svg},
                      {"row", escaped_html(table.row)},
                      {"data", data}});
}

}  // namespace pictures
}  // namespace descent
