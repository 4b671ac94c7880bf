#include <limits>
#include <stdexcept>

#include <descent/grid/files/formats.h>
#include <descent/grid/files/json_text.h>

// {
//   "format": "descent-grid-2",             1: the same without a checksum
//   "crc32": "0a1b2c3d",                    of the file without this line
//   "x": {"name": "alpha", "lo": -1, "hi": 1, "n": 3},
//   "y": {"name": "beta", "lo": -1, "hi": 1, "n": 2},
//   "value_name": "loss",
//   "notes": {"seed": "1"},
//   "values": [[1, 0.5, "nan"],              one list for each y; what JSON has no number for is
//              ["inf", "-inf", 2]]           one of these three strings
// }

namespace descent::formats {
namespace {

constexpr std::string_view kFormat = "descent-grid-";
constexpr int kNewest = 2;

void append_axis(std::string& text, const char* key, const std::string& name, const Axis& axis) {
  text += std::string("  \"") + key + "\": {\"name\": " + quoted(name, key) + ", \"lo\": ";
  append_json(text, axis.lo);
  text += ", \"hi\": ";
  append_json(text, axis.hi);
  text += ", \"n\": " + std::to_string(axis.n) + "},\n";
}

Axis axis(const json& object, const std::string& where) {
  const json& n = member(object, "n", where);
  if (!n.is_number_integer() ||
      (n.is_number_unsigned() && n.get<uint64_t>() > std::numeric_limits<int64_t>::max()))
    throw std::runtime_error(where + ": n = " + brief(n) +
                             ", must be a whole number that fits 64 bits");
  const Axis result{number(member(object, "lo", where), "lo"),
                    number(member(object, "hi", where), "hi"), n.get<int64_t>()};
  check(result, where);
  return result;
}

std::string without_checksum(const Grid& grid) {
  std::string text =
      "{\n  \"format\": \"" + std::string(kFormat) + std::to_string(kNewest) + "\",\n";
  append_axis(text, "x", grid.x_name, grid.x);
  append_axis(text, "y", grid.y_name, grid.y);
  text += "  \"value_name\": " + quoted(grid.value_name, "value_name") + ",\n  \"notes\": {";
  const char* separator = "";
  for (const auto& [key, note] : grid.notes) {
    text += separator;
    text += "\n    ";
    text += quoted(key, "a note") + ": " + quoted(note, "a note");
    separator = ",";
  }
  text += grid.notes.empty() ? "},\n" : "\n  },\n";
  text += "  \"values\": [";
  for (int64_t i = 0; i < grid.y.n; ++i) {
    text += i == 0 ? "\n    [" : ",\n    [";
    for (int64_t j = 0; j < grid.x.n; ++j) {
      if (j > 0) text += ", ";
      append_json(text, grid.at(i, j));
    }
    text += ']';
  }
  text += "\n  ]\n}\n";
  return text;
}

}  // namespace

std::string to_json(const Grid& grid) { return with_checksum(without_checksum(grid)); }

Grid from_json(std::string_view bytes) {
  const json file = parsed(bytes);
  const int version = check_format(file, kFormat, kNewest);
  Grid grid;
  const json &x = member(file, "x", "file"), &y = member(file, "y", "file");
  grid.x = axis(x, "x axis");
  grid.y = axis(y, "y axis");
  grid.x_name = string(member(x, "name", "x axis"), "name of the x axis");
  grid.y_name = string(member(y, "name", "y axis"), "name of the y axis");
  grid.value_name = string(member(file, "value_name", "file"), "value_name");
  const json& notes = member(file, "notes", "file");
  if (!notes.is_object()) throw std::runtime_error("notes is not an object");
  for (const auto& [key, note] : notes.items()) grid.notes[key] = string(note, "note " + key);

  const json& rows = member(file, "values", "file");
  const auto size_is = [](const json& list, int64_t n, const std::string& what) {
    if (!list.is_array()) throw std::runtime_error(what + " is not a list");
    if (static_cast<int64_t>(list.size()) != n)
      throw std::runtime_error(what + " has " + std::to_string(list.size()) + " entries, must be " +
                               std::to_string(n));
  };
  size_is(rows, grid.y.n, "values");
  for (const json& row : rows) size_is(row, grid.x.n, "a row of values");
  grid.values.reserve(static_cast<size_t>(count(grid.y.n, "y.n", grid.x.n, "x.n")));
  for (const json& row : rows)
    for (const json& value : row) grid.values.push_back(number(value, "values"));
  if (version > 1) check_checksum(file, without_checksum(grid));
  return grid;
}

}  // namespace descent::formats
