#pragma once
// The JSON of an exported program, read with a sentence about whatever is not as it must be. The
// layout is that of torch/_export/serde/schema.py: objects with fields, and unions, which are
// objects with one field.
#include <span>
#include <string_view>

#include <ATen/core/Tensor.h>

#include <descent/networks/exported/json.h>
#include <descent/networks/refuse.h>

namespace descent::networks {

// Everything throws std::invalid_argument. `what` names what is read.

/// A field that must be there.
const Json& field(const Json& object, std::string_view key);
/// A field that may be missing or null; null: it is.
const Json* optional_field(const Json& object, std::string_view key);
/// The field is a list; it is empty where it is missing or null.
std::span<const Json> items(const Json& object, std::string_view key);
/// The one field of a union, with its name.
const JsonMember& choice(const Json& value);

int64_t whole(const Json& value, std::string_view what);
/// Also of the texts "Infinity", "-Infinity" and "NaN".
double real(const Json& value, std::string_view what);
bool truth(const Json& value, std::string_view what);
std::string_view text(const Json& value, std::string_view what);
inline std::string_view text_field(const Json& object, std::string_view key) {
  return text(field(object, key), key);
}

/// The enumerations of schema.py, whose numbers are not those of C++.
at::ScalarType number_type(const Json& code);
int code_of(at::ScalarType type);
at::Layout layout(const Json& code);
constexpr int kStridedCode = 7;
at::MemoryFormat memory_format(const Json& code);

}  // namespace descent::networks
