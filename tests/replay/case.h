#pragma once
// A recorded trajectory as a file holds it: where the parameters start, the gradients of every
// step, and where the parameters must be after some of the steps.
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <descent/base/fields.h>

namespace replay {

using Json = nlohmann::ordered_json;
using Numbers = std::vector<double>;

/// What is wrong with a file or a case, and where in it.
struct Malformed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Parameter {
  std::vector<int64_t> shape;
  Numbers values;  ///< row-major
};

/// What a parameter's gradient is at a step: all its numbers, or those of some of its rows.
struct Gradient {
  Numbers values;
  std::optional<std::vector<int64_t>> rows{};  ///< of a sparse gradient; they may repeat
};

struct Group {
  descent::OptionValues options;  ///< those that differ from the optimizer's defaults
  std::vector<Parameter> params;
};

struct Case {
  std::string optimizer;  ///< the registry's name
  std::string dtype;      ///< float64, float32, bfloat16 or float16
  std::vector<Group> groups;
  int64_t steps = 0;
  /// [step][parameter], null where there is no gradient at that step; empty: the parity problem.
  std::vector<std::vector<std::optional<Gradient>>> gradients;
  Numbers lr_scale;  ///< one factor per step, or empty
  std::map<int64_t, std::vector<Numbers>>
      expected;                        ///< step -> parameters; a case may have none of
                                       ///< these if it has one of the next two
  std::map<int64_t, double> checksum;  ///< step -> sum_i theta_i cos(0.37 i + 0.1)
  double tolerance = 0;
  std::optional<descent::OptionValues> lookahead;      ///< the wrapper's options
  std::optional<descent::OptionValues> schedule_free;  ///< the same
  std::optional<descent::OptionValues> mechanic;       ///< the same
  int64_t hessian_every = 0;       ///< update_hessian() after every so many steps; 0: never
  std::vector<Numbers> evaluated;  ///< the parameters after the last step and eval(), or none
  std::optional<descent::OptionValues> schedule;  ///< "name" and the schedule's parameters
};

/// The cases of a file's text, still to be read one by one so that a bad one does not hide the
/// others. Throws Malformed if the text is not a document of this format.
std::vector<Json> split(std::string_view text);

/// The case's name, or its place in the file if it has none.
std::string name_of(const Json& json, size_t place);

/// Throws Malformed, naming key and place, if anything is missing, of the wrong kind or the wrong
/// size.
Case read_case(const Json& json);

}  // namespace replay
