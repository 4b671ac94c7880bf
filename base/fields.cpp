#include <algorithm>
#include <cctype>
#include <charconv>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include <descent/base/fields.h>
#include <descent/base/nearest.h>
#include <descent/base/text.h>

namespace descent {
namespace {

bool read_number(std::string_view text, double& x) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), x);
  return error == std::errc{} && end == text.data() + text.size();
}

bool read_list(std::string_view text, std::vector<double>& list) {
  const bool brackets = text.size() >= 2 && text.front() == '[' && text.back() == ']';
  if (brackets) text = text.substr(1, text.size() - 2);
  if (!brackets && text.find_first_of(",:") == std::string_view::npos) return false;
  while (!trimmed(text).empty()) {
    const size_t end = text.find_first_of(",:");
    double x = 0;
    if (!read_number(trimmed(text.substr(0, end)), x)) return false;
    list.push_back(x);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return true;
}

OptionValue from_json(const std::string& name, const nlohmann::json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array() &&
      std::all_of(value.begin(), value.end(), [](const auto& x) { return x.is_number(); }))
    return value.get<std::vector<double>>();
  // A nested value is not printed: that would call itself for each level.
  const bool nested = value.is_structured();
  throw std::invalid_argument("options: " + name + " = " +
                              (nested ? value.type_name() : value.dump()) +
                              ", must be a number, true or false, a word or a list of numbers");
}

}  // namespace

std::string to_text(const OptionValue& value) {
  if (const auto* x = std::get_if<bool>(&value)) return *x ? "true" : "false";
  if (const auto* x = std::get_if<double>(&value)) return digits(*x);
  if (const auto* x = std::get_if<std::string>(&value)) return *x;
  std::string text = "[";
  for (double x : std::get<std::vector<double>>(value))
    text += (text.size() > 1 ? ", " : "") + digits(x);
  return text + "]";
}

OptionValue value_from_text(std::string_view text) {
  text = trimmed(text);
  if (text == "true") return true;
  if (text == "false") return false;
  double number = 0;
  if (read_number(text, number)) return number;
  std::vector<double> list;
  if (read_list(text, list)) return list;
  return std::string(text);
}

OptionValues parse_options(std::string_view text) {
  OptionValues options;
  text = trimmed(text);
  if (!text.empty() && text.front() == '{') {
    // Of members of one name the parser keeps only the last, so it tells the names as it reads
    // them.
    std::vector<std::string> names;
    const auto keep_name = [&names](int depth, auto event, const nlohmann::json& parsed) {
      if (depth == 1 && event == nlohmann::json::parse_event_t::key)
        names.push_back(parsed.get<std::string>());
      return true;
    };
    const auto json = nlohmann::json::parse(text, keep_name, false);
    if (json.is_discarded())
      throw std::invalid_argument("options: not a JSON object: " + std::string(text));
    std::sort(names.begin(), names.end());
    if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end())
      throw std::invalid_argument("options: " + *twice + " is given twice");
    for (const auto& [name, value] : json.items())
      options.emplace_back(name, from_json(name, value));
    return options;
  }
  while (!text.empty()) {
    // An option ends at the next comma outside brackets.
    size_t end = 0;
    for (int depth = 0; end < text.size() && (depth > 0 || text[end] != ','); ++end)
      depth += text[end] == '[' ? 1 : text[end] == ']' ? -1 : 0;
    const std::string_view item = text.substr(0, end);
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos || trimmed(item.substr(0, equals)).empty())
      throw std::invalid_argument("options: '" + std::string(item) +
                                  "' cannot be read, must be name=value");
    const std::string name(trimmed(item.substr(0, equals)));
    for (const auto& [earlier, value] : options)
      if (earlier == name)
        throw std::invalid_argument("options: " + name + " is given twice, as " + to_text(value) +
                                    " and as " + std::string(trimmed(item.substr(equals + 1))));
    options.emplace_back(name, value_from_text(item.substr(equals + 1)));
    text = end < text.size() ? text.substr(end + 1) : std::string_view();
  }
  return options;
}

std::string snake_case(std::string_view camel) {
  std::string text;
  for (size_t i = 0; i < camel.size(); ++i) {
    const auto c = static_cast<unsigned char>(camel[i]);
    if (std::isupper(c) && i > 0 && std::islower(static_cast<unsigned char>(camel[i - 1])))
      text += '_';
    text += static_cast<char>(std::tolower(c));
  }
  return text;
}

bool same_word(std::string_view a, std::string_view b) {
  const auto plain = [](std::string_view word) {
    std::string text;
    for (char c : word)
      if (c != '_' && c != '-')
        text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
  };
  return plain(a) == plain(b);
}

namespace fields {

std::string out_of_range(std::string_view name, const OptionValue& value,
                         std::string_view allowed) {
  return std::string(name) + " = " + to_text(value) + ", must be " + std::string(allowed);
}

std::string unknown_option(std::string_view name, const std::vector<OptionInfo>& known) {
  std::vector<std::string> names;
  for (const auto& option : known) names.push_back(option.name);
  return "has no option " + std::string(name) + did_you_mean(name, names);
}

}  // namespace fields
}  // namespace descent
