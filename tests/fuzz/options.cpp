#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <descent/base/fields.h>

#include "fuzz.h"

namespace descent::fuzz {
namespace {

DESCENT_ENUM(Mode, Coupled, Decoupled)

/// An option of each kind.
struct Options {
  double lr = 1e-3;
  std::array<double, 2> betas{0.9, 0.99};
  bool nesterov = false;
  int64_t steps = 1;
  std::vector<int64_t> milestones{};
  std::optional<double> limit{};
  Mode mode = Mode::Coupled;
  DESCENT_OPTIONS((lr, non_negative), (betas, unit), (nesterov), (steps, non_negative),
                  (milestones, non_negative), (limit, positive), (mode))
};

}  // namespace

void take(std::string_view text) {
  const OptionValue value = value_from_text(text);
  if (!std::holds_alternative<std::string>(value)) {
    const OptionValue again = value_from_text(to_text(value));
    expect(to_text(again) == to_text(value), "another value after writing and reading");
  }
  Options options;
  for (const auto& [name, of] : parse_options(text))
    if (fields::set(options, name, of).empty()) fields::problem(options);
}

}  // namespace descent::fuzz
