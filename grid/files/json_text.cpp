#include <cmath>
#include <limits>
#include <stdexcept>

#include <descent/grid/files/formats.h>
#include <descent/grid/files/json_text.h>

namespace descent::formats {

json parsed(std::string_view bytes) {
  try {
    return json::parse(bytes);
  } catch (const json::exception& error) {
    throw std::runtime_error(std::string("not JSON: ") + error.what());
  }
}

int check_format(const json& file, std::string_view family, int newest) {
  const std::string format = string(member(file, "format", "file"), "format");
  const auto of = [&](int version) { return std::string(family) + std::to_string(version); };
  for (int version = 1; version <= newest; ++version)
    if (format == of(version)) return version;
  throw std::runtime_error("format \"" + format + "\"" +
                           (format.starts_with(family)
                                ? " is newer than this program, which reads \""
                                : ", must be \"") +
                           of(newest) + "\"");
}

std::string with_checksum(std::string text) {
  const std::string line = "  \"crc32\": \"" + checksum(text) + "\",\n";
  return text.insert(text.find('\n', text.find('\n') + 1) + 1, line);
}

void check_checksum(const json& file, const std::string& text) {
  if (string(member(file, "crc32", "file"), "crc32") != checksum(text))
    throw std::runtime_error(
        "it is damaged, its checksum does not match; if it was edited on purpose, \"format\" must "
        "end in 1 in place of 2 and \"crc32\" must go");
}

std::string quoted(const std::string& text, const char* what) {
  try {
    return json(text).dump();
  } catch (const json::exception&) {
    throw std::invalid_argument(std::string("json: ") + what + " is not UTF-8");
  }
}

void append_json(std::string& text, double number) {
  if (number == 0 && std::signbit(number)) {
    text += "-0.0";  // "-0" would be read back as the integer 0
    return;
  }
  if (!std::isfinite(number)) text += '"';
  append(text, number);
  if (!std::isfinite(number)) text += '"';
}

std::string brief(const json& value) {
  if (value.is_array()) return "a list";
  if (value.is_object()) return "an object";
  return value.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 40);
}

const json& member(const json& object, const std::string& key, const std::string& where) {
  if (!object.is_object()) throw std::runtime_error(where + " is not an object");
  const auto found = object.find(key);
  if (found == object.end()) throw std::runtime_error(where + ": \"" + key + "\" is missing");
  return *found;
}

std::string string(const json& value, const std::string& where) {
  if (!value.is_string()) throw std::runtime_error(where + " is not a string");
  return value.get<std::string>();
}

double number(const json& value, const char* where) {
  if (value.is_number()) return value.get<double>();
  if (value == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (value == "inf") return std::numeric_limits<double>::infinity();
  if (value == "-inf") return -std::numeric_limits<double>::infinity();
  throw std::runtime_error(std::string(where) + ": " + brief(value) +
                           " is neither a number nor \"nan\", \"inf\" or \"-inf\"");
}

}  // namespace descent::formats
