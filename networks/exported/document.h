#pragma once
// The JSON of an exported program, read with a sentence about whatever is not as it must be. The
// layout is that of torch/_export/serde/schema.py: objects with fields, and unions, which are
// objects with one field.
#include <string>
#include <string_view>
#include <utility>

#include <ATen/core/Tensor.h>
#include <nlohmann/json.hpp>

#include <descent/networks/refuse.h>

namespace descent::networks {

using Json = nlohmann::json;

/// Everything throws std::invalid_argument. `what` names what is read.
Json parse(std::string_view bytes, const std::string& what);

/// A field that must be there.
const Json& field(const Json& object, const char* key);
/// A field that may be missing or null; null: it is.
const Json* optional_field(const Json& object, const char* key);
/// The field is a list; it is empty where it is missing or null.
const Json& items(const Json& object, const char* key);
/// The one field of a union, with its name.
std::pair<const std::string&, const Json&> choice(const Json& value);

int64_t whole(const Json& value, const char* what);
/// Also of the texts "Infinity", "-Infinity" and "NaN".
double real(const Json& value, const char* what);
bool truth(const Json& value, const char* what);
const std::string& text(const Json& value, const char* what);
inline const std::string& text_field(const Json& object, const char* key) {
  return text(field(object, key), key);
}

/// The enumerations of schema.py, whose numbers are not those of C++.
at::ScalarType number_type(const Json& code);
Json code_of(at::ScalarType type);
at::Layout layout(const Json& code);
constexpr int kStridedCode = 7;
at::MemoryFormat memory_format(const Json& code);

}  // namespace descent::networks
