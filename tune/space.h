#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <descent/base/fields.h>

namespace descent {

/// Numbers between lo and hi, all alike.
struct Range {
  double lo = 0, hi = 1;
};

/// Numbers between lo > 0 and hi, all powers alike: for rates and decays.
struct LogRange {
  double lo = 1e-5, hi = 1;
};

/// Whole numbers from lo to hi, both included.
struct Integer {
  int64_t lo = 0, hi = 1;
};

/// Whole numbers from lo >= 1 to hi, all powers alike: for widths and batch sizes.
struct LogInteger {
  int64_t lo = 1, hi = 2;
};

/// One of a list, without an order: words, numbers, true and false, lists of numbers.
struct Choice {
  std::vector<OptionValue> values;
  Choice(std::initializer_list<OptionValue> list) : values(list) {}
  explicit Choice(std::vector<OptionValue> list) : values(std::move(list)) {}
};

using Scale = std::variant<Range, LogRange, Integer, LogInteger, Choice>;

/// What is searched for: its name, as the options of an optimizer have one, and its values.
struct Parameter {
  std::string name;
  Scale scale;
};

/// The parameters of a study. Every search works in the unit cube, of which each parameter takes
/// one side: from 0 at lo to 1 at hi, in the logarithm for log scales. A whole number and a value
/// of a list have equal parts of their side, the log scale's whole numbers from log(n - 1/2) to
/// log(n + 1/2).
///
///   Space space{{"lr", LogRange{1e-5, 1}}, {"nesterov", Choice{true, false}}};
///
/// Throws std::invalid_argument that names the parameter for lo >= hi, ends that are not finite, a
/// log scale from lo <= 0, whole numbers beyond 2^53, an empty list, a value given twice or nan, a
/// word that holds one of |,[]=:, no name, a name given twice, and no parameters.
class Space {
 public:
  Space(std::initializer_list<Parameter> parameters) : Space(std::vector<Parameter>(parameters)) {}
  explicit Space(std::vector<Parameter> parameters);

  const std::vector<Parameter>& parameters() const { return parameters_; }
  size_t size() const { return parameters_.size(); }
  std::vector<std::string> names() const;

  /// How many values a parameter has; 0 for numbers without end.
  int64_t count(size_t parameter) const;
  /// Whether a parameter's values have no order.
  bool is_list(size_t parameter) const;

  /// The values at a point of the unit cube, by name, as make_optimizer() takes them.
  OptionValues values(const std::vector<double>& point) const;
  /// The point of such values: for a whole number or a value of a list a place inside of its part.
  /// Throws std::invalid_argument for a name that is missing, unknown or given twice, and a value
  /// outside of its scale.
  std::vector<double> point(const OptionValues& values) const;
  /// The place on a parameter's side of the number of its scale that is nearest to x; the parameter
  /// is no list.
  double place_near(size_t parameter, double x) const;
  /// The same point, with whole numbers and values of lists at those places of their parts.
  std::vector<double> snapped(std::vector<double> point) const;

 private:
  std::vector<Parameter> parameters_;
};

/// "lr=log:1e-05:1,width=log_integer:8:512,depth=integer:1:4,dropout=range:0:0.5,mode=choice:a|b".
std::string to_text(const Space& space);
/// The inverse, with spaces where one likes; throws std::invalid_argument that quotes what cannot be
/// read.
Space parse_space(std::string_view text);

}  // namespace descent
