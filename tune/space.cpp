#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <type_traits>

#include <descent/base/nearest.h>
#include <descent/base/text.h>
#include <descent/tune/space.h>

namespace descent {
namespace {

constexpr double kLargestWhole = 9007199254740992;  // 2^53

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument("Space: " + what); }

template <class T>
constexpr bool kIsWhole = std::is_same_v<T, Integer> || std::is_same_v<T, LogInteger>;
template <class T>
constexpr bool kIsLog = std::is_same_v<T, LogRange> || std::is_same_v<T, LogInteger>;

/// How a scale with two ends is written.
template <class T>
constexpr const char* kWord = "range";
template <>
constexpr const char* kWord<LogRange> = "log";
template <>
constexpr const char* kWord<Integer> = "integer";
template <>
constexpr const char* kWord<LogInteger> = "log_integer";
constexpr const char* kList = "choice";

/// The ends of the side in the numbers that the side is linear in.
template <class T>
std::pair<double, double> ends(const T& scale) {
  const double margin = kIsWhole<T> ? 0.5 : 0;
  const double lo = static_cast<double>(scale.lo) - margin;
  const double hi = static_cast<double>(scale.hi) + margin;
  if constexpr (kIsLog<T>) return {std::log(lo), std::log(hi)};
  return {lo, hi};
}

template <class T>
void check(const std::string& name, const T& scale) {
  const double lo = static_cast<double>(scale.lo), hi = static_cast<double>(scale.hi);
  const auto wrong = [&](const char* field, double value, const std::string& allowed) {
    refuse(name + ": " + fields::out_of_range(field, value, allowed));
  };
  if (!std::isfinite(lo)) wrong("lo", lo, "finite");
  if (!std::isfinite(hi)) wrong("hi", hi, "finite");
  if (kIsLog<T> && !(lo > 0)) wrong("lo", lo, "> 0 on a log scale");
  if (!(lo < hi)) wrong("lo", lo, "< hi = " + digits(hi));
  if (kIsWhole<T> && !(std::abs(lo) <= kLargestWhole)) wrong("lo", lo, "at most 2^53");
  if (kIsWhole<T> && !(std::abs(hi) <= kLargestWhole)) wrong("hi", hi, "at most 2^53");
  if (!std::isfinite(hi - lo)) wrong("hi", hi, "so near to lo that hi - lo is finite");
}

bool has_nan(const OptionValue& value) {
  const double* const x = std::get_if<double>(&value);
  const auto* const list = std::get_if<std::vector<double>>(&value);
  return (x && std::isnan(*x)) ||
         (list && std::any_of(list->begin(), list->end(), [](double y) { return std::isnan(y); }));
}

void check(const std::string& name, Choice& scale) {
  if (scale.values.empty()) refuse(name + ": the list of values is empty");
  for (size_t i = 0; i < scale.values.size(); ++i) {
    OptionValue& value = scale.values[i];
    const std::string text = to_text(value);
    if (std::holds_alternative<std::string>(value)) {
      if (text.empty() || text.find_first_of("|,[]=:") != std::string::npos)
        refuse(name + ": the word '" + text + "', must not be empty and hold none of | , [ ] = :");
      value = value_from_text(text);  // so that "1", " 1" and 1 are one value
    }
    if (has_nan(value)) refuse(name + ": the value " + text + ", must hold no nan");
    for (size_t j = 0; j < i; ++j)
      if (scale.values[j] == value) refuse(name + ": the value " + text + " is given twice");
  }
}

double at(const Range& scale, double u) { return scale.lo + u * (scale.hi - scale.lo); }
/// lo (hi / lo)^u, without the quotient, which may be infinite.
double at(const LogRange& scale, double u) {
  return std::pow(scale.lo, 1 - u) * std::pow(scale.hi, u);
}
template <class T>
double at(const T& scale, double u) {
  const auto [lo, hi] = ends(scale);
  const double x = lo + u * (hi - lo);
  const double whole = std::round(kIsLog<T> ? std::exp(x) : x);
  return std::clamp(whole, static_cast<double>(scale.lo), static_cast<double>(scale.hi));
}

OptionValue value_at(const Scale& scale, double u) {
  u = std::clamp(u, 0.0, 1.0);
  return std::visit(
      [u](const auto& s) -> OptionValue {
        using T = std::decay_t<decltype(s)>;
        if constexpr (std::is_same_v<T, Choice>) {
          const auto n = s.values.size();
          return s.values[std::min(static_cast<size_t>(u * static_cast<double>(n)), n - 1)];
        } else {
          const double lo = static_cast<double>(s.lo), hi = static_cast<double>(s.hi);
          return u == 0 ? lo : u == 1 ? hi : std::clamp(at(s, u), lo, hi);
        }
      },
      scale);
}

std::string allowed(const Scale& scale) {
  return std::visit(
      [](const auto& s) -> std::string {
        using T = std::decay_t<decltype(s)>;
        if constexpr (std::is_same_v<T, Choice>) {
          std::vector<std::string> texts;
          for (const OptionValue& value : s.values) texts.push_back(to_text(value));
          return alternatives(texts);
        } else {
          return std::string(kIsWhole<T> ? "a whole number " : "") + "in [" +
                 digits(static_cast<double>(s.lo)) + ", " + digits(static_cast<double>(s.hi)) + "]";
        }
      },
      scale);
}

/// The place of a value on its side, or NaN if it is none of the scale's.
double place(const Scale& scale, const OptionValue& value) {
  return std::visit(
      [&](const auto& s) -> double {
        using T = std::decay_t<decltype(s)>;
        if constexpr (std::is_same_v<T, Choice>) {
          const auto found = std::find(s.values.begin(), s.values.end(), value);
          if (found == s.values.end()) return std::numeric_limits<double>::quiet_NaN();
          return (static_cast<double>(found - s.values.begin()) + 0.5) /
                 static_cast<double>(s.values.size());
        } else {
          const double* const x = std::get_if<double>(&value);
          if (!x || !(*x >= static_cast<double>(s.lo) && *x <= static_cast<double>(s.hi)) ||
              (kIsWhole<T> && *x != std::round(*x)))
            return std::numeric_limits<double>::quiet_NaN();
          const auto [lo, hi] = ends(s);
          return ((kIsLog<T> ? std::log(*x) : *x) - lo) / (hi - lo);
        }
      },
      scale);
}

double number_of(std::string_view item, std::string_view text) {
  const OptionValue value = value_from_text(text);
  if (const double* x = std::get_if<double>(&value)) return *x;
  refuse("'" + std::string(item) + "': " + std::string(text) + " is no number");
}

template <class T>
Scale two_ends(const std::string& item, std::string_view lo, std::string_view hi) {
  const double a = number_of(item, lo), b = number_of(item, hi);
  if constexpr (kIsWhole<T>) {
    for (const double x : {a, b})
      if (x != std::round(x) || std::abs(x) > kLargestWhole)
        refuse("'" + item + "': " + digits(x) + ", must be a whole number up to 2^53");
    return T{static_cast<int64_t>(a), static_cast<int64_t>(b)};
  } else {
    return T{a, b};
  }
}

std::vector<std::string_view> parts(std::string_view text, char separator) {
  std::vector<std::string_view> list;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size()) depth += text[i] == '[' ? 1 : text[i] == ']' ? -1 : 0;
    if (i < text.size() && (text[i] != separator || depth > 0)) continue;
    list.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  return list;
}

Parameter parameter_of(std::string_view text) {
  const std::string item(text);
  const size_t equals = item.find('=');
  if (equals == std::string::npos)
    refuse("'" + item + "' cannot be read, must be name=scale, for example lr=log:1e-5:1");
  const std::string_view scale = text.substr(equals + 1);
  const std::string word(trimmed(scale.substr(0, scale.find(':'))));
  const std::string_view rest =
      scale.find(':') == scale.npos ? std::string_view() : scale.substr(scale.find(':') + 1);
  Parameter parameter{std::string(trimmed(text.substr(0, equals))), Range{}};
  if (word == kList) {
    Choice choice{};
    if (!rest.empty())
      for (const auto value : parts(rest, '|')) choice.values.push_back(value_from_text(value));
    parameter.scale = choice;
    return parameter;
  }
  const auto numbers = parts(rest, ':');
  const auto read = [&]<class T>(T) {
    if (word != kWord<T>) return false;
    if (numbers.size() != 2) refuse("'" + item + "', must be " + word + ":from:to");
    parameter.scale = two_ends<T>(item, numbers[0], numbers[1]);
    return true;
  };
  if (!(read(Range{}) || read(LogRange{}) || read(Integer{}) || read(LogInteger{}))) {
    const std::vector<std::string> words{kWord<Range>, kWord<LogRange>, kWord<Integer>,
                                         kWord<LogInteger>, kList};
    refuse("'" + item + "': " + word + ", must be " + alternatives(words) +
           did_you_mean(word, words));
  }
  return parameter;
}

}  // namespace

Space::Space(std::vector<Parameter> parameters) : parameters_(std::move(parameters)) {
  if (parameters_.empty()) refuse("no parameters");
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const std::string& name = parameters_[i].name;
    if (name.empty() || name.find_first_of("=,") != std::string::npos || name != trimmed(name))
      refuse("the name '" + name +
             "', must not be empty, hold neither = nor , and have no spaces around it");
    for (size_t j = 0; j < i; ++j)
      if (parameters_[j].name == name) refuse("the name " + name + " is given twice");
    std::visit([&](auto& scale) { check(name, scale); }, parameters_[i].scale);
  }
}

std::vector<std::string> Space::names() const {
  std::vector<std::string> list;
  for (const Parameter& parameter : parameters_) list.push_back(parameter.name);
  return list;
}

int64_t Space::count(size_t parameter) const {
  return std::visit(
      [](const auto& s) -> int64_t {
        using T = std::decay_t<decltype(s)>;
        if constexpr (std::is_same_v<T, Choice>)
          return static_cast<int64_t>(s.values.size());
        else if constexpr (kIsWhole<T>)
          return s.hi - s.lo + 1;
        else
          return 0;
      },
      parameters_.at(parameter).scale);
}

bool Space::is_list(size_t parameter) const {
  return std::holds_alternative<Choice>(parameters_.at(parameter).scale);
}

OptionValues Space::values(const std::vector<double>& point) const {
  OptionValues values;
  for (size_t i = 0; i < parameters_.size(); ++i)
    values.emplace_back(parameters_[i].name, value_at(parameters_[i].scale, point.at(i)));
  return values;
}

std::vector<double> Space::point(const OptionValues& values) const {
  std::vector<double> point(size(), std::numeric_limits<double>::quiet_NaN());
  std::vector<bool> given(size(), false);
  for (const auto& [name, value] : values) {
    size_t i = 0;
    while (i < size() && parameters_[i].name != name) ++i;
    if (i == size()) refuse("has no parameter " + name + did_you_mean(name, names()));
    if (given[i]) refuse(name + " is given twice");
    given[i] = true;
    point[i] = place(parameters_[i].scale, value);
    if (std::isnan(point[i]))
      refuse(fields::out_of_range(name, value, allowed(parameters_[i].scale)));
  }
  for (size_t i = 0; i < size(); ++i)
    if (!given[i]) refuse("a point without " + parameters_[i].name);
  return point;
}

double Space::place_near(size_t parameter, double x) const {
  const Scale& scale = parameters_.at(parameter).scale;
  const double nearest = std::visit(
      [x](const auto& s) -> double {
        using T = std::decay_t<decltype(s)>;
        if constexpr (std::is_same_v<T, Choice>)
          return std::numeric_limits<double>::quiet_NaN();
        else
          return std::clamp(kIsWhole<T> ? std::round(x) : x, static_cast<double>(s.lo),
                            static_cast<double>(s.hi));
      },
      scale);
  return place(scale, nearest);
}

std::vector<double> Space::snapped(std::vector<double> point) const {
  for (size_t i = 0; i < size(); ++i)
    if (count(i) > 0)
      point[i] = place(parameters_[i].scale, value_at(parameters_[i].scale, point[i]));
  return point;
}

std::string to_text(const Space& space) {
  std::string text;
  for (const Parameter& parameter : space.parameters()) {
    text += (text.empty() ? "" : ",") + parameter.name + "=";
    std::visit(
        [&](const auto& s) {
          using T = std::decay_t<decltype(s)>;
          if constexpr (std::is_same_v<T, Choice>) {
            text += kList;
            for (size_t i = 0; i < s.values.size(); ++i)
              text += (i == 0 ? ":" : "|") + to_text(s.values[i]);
          } else {
            text += std::string(kWord<T>) + ":" + digits(static_cast<double>(s.lo)) + ":" +
                    digits(static_cast<double>(s.hi));
          }
        },
        parameter.scale);
  }
  return text;
}

Space parse_space(std::string_view text) {
  std::vector<Parameter> parameters;
  for (const auto item : parts(text, ',')) parameters.push_back(parameter_of(item));
  return Space(std::move(parameters));
}

}  // namespace descent
