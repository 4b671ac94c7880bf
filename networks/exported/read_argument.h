#pragma once
#include <functional>
#include <optional>
#include <string_view>

#include <ATen/core/jit_type.h>

#include <descent/networks/exported/document.h>
#include <descent/networks/exported/graph.h>

namespace descent::networks {

/// What the operation's schema says of an argument.
struct Wanted {
  c10::TypePtr type{};                 ///< null: it takes anything
  std::optional<int32_t> list_size{};  ///< of int[2], which a single number may stand for
};

/// An argument of the program in the form that is wanted. `slot_of` finds names.
Argument read_argument(const Json& value, const Wanted& wanted,
                       const std::function<int64_t(std::string_view)>& slot_of);

}  // namespace descent::networks
