#include "case.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace replay {
namespace {

constexpr std::string_view kFormat = "descent-replay-1";
constexpr std::array<std::string_view, 4> kDtypes{"float64", "float32", "bfloat16", "float16"};

[[noreturn]] void malformed(std::string_view where, std::string_view what) {
  throw Malformed(fmt::format("{}: {}", where, what));
}

const Json& object(const Json& json, const std::string& where) {
  if (!json.is_object())
    malformed(where, fmt::format("must be an object, is {}", json.type_name()));
  return json;
}

const Json& array(const Json& json, const std::string& where) {
  if (!json.is_array()) malformed(where, fmt::format("must be an array, is {}", json.type_name()));
  return json;
}

const Json& member(const Json& json, const std::string& key) {
  const auto found = json.find(key);
  if (found == json.end()) malformed(key, "missing");
  return *found;
}

std::string text(const Json& json, const std::string& where) {
  if (!json.is_string()) malformed(where, fmt::format("must be a string, is {}", json.type_name()));
  return json.get<std::string>();
}

double number(const Json& json, const std::string& where) {
  if (!json.is_number()) malformed(where, fmt::format("must be a number, is {}", json.type_name()));
  return json.get<double>();
}

int64_t whole(const Json& json, const std::string& where, int64_t least) {
  const double x = number(json, where);
  if (x != std::floor(x) || x < static_cast<double>(least) || x > 1e9)
    malformed(where, fmt::format("is {}, must be a whole number from {} to 1e9", x, least));
  return static_cast<int64_t>(x);
}

void counted(size_t found, size_t wanted, const std::string& where, std::string_view what) {
  if (found != wanted) malformed(where, fmt::format("{} {}, must be {}", found, what, wanted));
}

Numbers numbers(const Json& json, const std::string& where) {
  Numbers list;
  for (const Json& entry : array(json, where))
    list.push_back(number(entry, fmt::format("{}[{}]", where, list.size())));
  return list;
}

Numbers numbers(const Json& json, const std::string& where, size_t wanted) {
  Numbers list = numbers(json, where);
  counted(list.size(), wanted, where, "numbers");
  return list;
}

descent::OptionValue option(const Json& json, const std::string& where) {
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  if (json.is_array()) return numbers(json, where);
  malformed(where,
            fmt::format("must be a number, a list of numbers, true, false or a string, is {}",
                        json.type_name()));
}

descent::OptionValues options(const Json& json, const std::string& where) {
  descent::OptionValues list;
  for (const auto& [name, value] : object(json, where).items())
    list.emplace_back(name, option(value, fmt::format("{}.{}", where, name)));
  return list;
}

Parameter parameter(const Json& json, const std::string& where) {
  object(json, where);
  Parameter p;
  const std::string shape = where + ".shape", values = where + ".values";
  if (!json.contains("shape")) malformed(shape, "missing");
  if (!json.contains("values")) malformed(values, "missing");
  double count =
      1;  // a double, because a wrong shape may have more elements than any integer counts
  for (const Json& size : array(json["shape"], shape)) {
    p.shape.push_back(whole(size, shape, 0));
    count *= static_cast<double>(p.shape.back());
  }
  p.values = numbers(json["values"], values);
  if (static_cast<double>(p.values.size()) != count)
    malformed(values, fmt::format("{} numbers, must be {} for shape [{}]", p.values.size(), count,
                                  fmt::join(p.shape, ", ")));
  return p;
}

/// All parameters, those of all groups in order.
std::vector<const Parameter*> parameters(const Case& c) {
  std::vector<const Parameter*> list;
  for (const Group& group : c.groups)
    for (const Parameter& p : group.params) list.push_back(&p);
  return list;
}

/// A list of all numbers, or {"rows": [0, 2], "values": [numbers]}.
Gradient gradient_of(const Json& json, const Parameter& p, const std::string& where) {
  if (!json.is_object()) return {numbers(json, where, p.values.size())};
  if (p.shape.empty()) malformed(where, "has rows, must have none for a parameter without axes");
  std::vector<int64_t> rows;
  for (const Json& row : array(member(json, "rows"), where + ".rows"))
    rows.push_back(whole(row, where + ".rows", 0));
  const size_t each = p.shape[0] == 0 ? 0 : p.values.size() / static_cast<size_t>(p.shape[0]);
  return {numbers(member(json, "values"), where + ".values", rows.size() * each), rows};
}

void read_groups(const Json& json, Case& c) {
  const Json& groups = array(member(json, "groups"), "groups");
  if (groups.empty()) malformed("groups", "empty");
  for (const Json& entry : groups) {
    const std::string where = fmt::format("groups[{}]", c.groups.size());
    object(entry, where);
    Group group;
    if (entry.contains("options")) group.options = options(entry["options"], where + ".options");
    if (!entry.contains("params")) malformed(where + ".params", "missing");
    for (const Json& p : array(entry["params"], where + ".params"))
      group.params.push_back(
          parameter(p, fmt::format("{}.params[{}]", where, group.params.size())));
    c.groups.push_back(std::move(group));
  }
}

void read_gradients(const Json& json, Case& c) {
  const Json& gradients = member(json, "gradients");
  if (gradients.is_string()) {
    if (gradients != "parity")
      malformed("gradients",
                fmt::format("is {}, must be \"parity\" or one row per step", gradients.dump()));
    c.steps = whole(member(json, "steps"), "steps", 1);
    return;
  }
  array(gradients, "gradients");
  if (gradients.empty()) malformed("gradients", "empty");
  c.steps = json.contains("steps") ? whole(json["steps"], "steps", 1)
                                   : static_cast<int64_t>(gradients.size());
  counted(gradients.size(), static_cast<size_t>(c.steps), "gradients", "rows for `steps`");
  const std::vector<const Parameter*> wanted = parameters(c);
  for (const Json& entry : gradients) {
    const std::string where = fmt::format("gradients[{}]", c.gradients.size());
    counted(array(entry, where).size(), wanted.size(), where, "parameters");
    std::vector<std::optional<Gradient>> row;
    for (const Json& gradient : entry) {
      const size_t p = row.size();
      if (gradient.is_null())
        row.emplace_back();
      else
        row.push_back(gradient_of(gradient, *wanted[p], fmt::format("{}[{}]", where, p)));
    }
    c.gradients.push_back(std::move(row));
  }
}

int64_t step_number(const std::string& key, const std::string& where, int64_t steps) {
  int64_t step = 0;
  const char* end = key.data() + key.size();
  const auto [last, error] = std::from_chars(key.data(), end, step);
  if (error != std::errc() || last != end || step < 1 || step > steps)
    malformed(where, fmt::format("step \"{}\" must be a whole number from 1 to {}", key, steps));
  return step;
}

void read_expected(const Json& json, Case& c) {
  if (!json.contains("expected") && (json.contains("checksum") || json.contains("evaluated")))
    return;
  const Json& expected = object(member(json, "expected"), "expected");
  if (expected.empty()) malformed("expected", "empty");
  const std::vector<const Parameter*> wanted = parameters(c);
  for (const auto& [key, values] : expected.items()) {
    std::vector<Numbers>& point = c.expected[step_number(key, "expected", c.steps)];
    const std::string where = "expected." + key;
    counted(array(values, where).size(), wanted.size(), where, "parameters");
    for (const Json& entry : values)
      point.push_back(numbers(entry, fmt::format("{}[{}]", where, point.size()),
                              wanted[point.size()]->values.size()));
  }
}

}  // namespace

std::vector<Json> split(std::string_view text) {
  Json document;
  try {
    document = Json::parse(text);
  } catch (const Json::exception& error) {
    throw Malformed(fmt::format("not JSON: {}", error.what()));
  }
  object(document, "document");
  if (const Json& format = member(document, "format"); format != kFormat)
    malformed("format", fmt::format("is {}, must be \"{}\"", format.dump(), kFormat));
  const Json& cases = array(member(document, "cases"), "cases");
  if (cases.empty()) malformed("cases", "empty");
  return {cases.begin(), cases.end()};
}

std::string name_of(const Json& json, size_t place) {
  if (json.is_object() && json.contains("name") && json["name"].is_string())
    return json["name"].get<std::string>();
  return fmt::format("cases[{}]", place);
}

Case read_case(const Json& json) {
  object(json, "case");
  Case c;
  text(member(json, "name"), "name");
  c.optimizer = text(member(json, "optimizer"), "optimizer");
  c.dtype = json.contains("dtype") ? text(json["dtype"], "dtype") : "float64";
  if (std::find(kDtypes.begin(), kDtypes.end(), c.dtype) == kDtypes.end())
    malformed("dtype",
              fmt::format("is \"{}\", must be one of {}", c.dtype, fmt::join(kDtypes, ", ")));
  read_groups(json, c);
  read_gradients(json, c);
  if (json.contains("lr_scale"))
    c.lr_scale = numbers(json["lr_scale"], "lr_scale", static_cast<size_t>(c.steps));
  read_expected(json, c);
  if (json.contains("checksum")) {
    if (object(json["checksum"], "checksum").empty()) malformed("checksum", "empty");
    for (const auto& [key, value] : json["checksum"].items())
      c.checksum[step_number(key, "checksum", c.steps)] = number(value, "checksum." + key);
  }
  c.tolerance = number(member(json, "tolerance"), "tolerance");
  if (!(c.tolerance >= 0) || std::isinf(c.tolerance))
    malformed("tolerance", fmt::format("is {}, must be finite and >= 0", c.tolerance));
  if (json.contains("lookahead")) c.lookahead = options(json["lookahead"], "lookahead");
  if (json.contains("schedule_free"))
    c.schedule_free = options(json["schedule_free"], "schedule_free");
  if (json.contains("mechanic")) c.mechanic = options(json["mechanic"], "mechanic");
  if (json.contains("hessian_every"))
    c.hessian_every = whole(json["hessian_every"], "hessian_every", 1);
  if (json.contains("evaluated")) {
    const std::vector<const Parameter*> wanted = parameters(c);
    counted(array(json["evaluated"], "evaluated").size(), wanted.size(), "evaluated", "parameters");
    for (const Json& entry : json["evaluated"])
      c.evaluated.push_back(numbers(entry, fmt::format("evaluated[{}]", c.evaluated.size()),
                                    wanted[c.evaluated.size()]->values.size()));
  }
  if (json.contains("schedule")) c.schedule = options(json["schedule"], "schedule");
  return c;
}

}  // namespace replay
