#pragma once
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <CLI/CLI.hpp>

#include <descent/base/fields.h>

#include "arguments.h"

namespace descent::cli {

/// An option whose value is one of the enum E (DESCENT_ENUM): its help lists them after `about`,
/// and what is none of them is refused with the nearest. `value` is an E, which is the default, or
/// a std::optional<E>.
template <class E, class Value>
CLI::Option* add_choice(CLI::App& command, const std::string& name, Value& value,
                        const std::string& about) {
  const auto choose = [name, &value](const std::string& text) {
    E chosen{};
    if (!fields::assign(chosen, OptionValue(text))) {
      std::vector<std::string> names;
      for (const std::string_view each : names_of(E{})) names.push_back(snake_case(each));
      refuse_name(name, text, names);
    }
    value = chosen;
  };
  auto* const option =
      command.add_option_function<std::string>(name, choose, about + fields::choices<E>());
  if constexpr (std::is_same_v<Value, E>) option->default_str(to_text(fields::value_of(value)));
  return option;
}

}  // namespace descent::cli
