#include <algorithm>
#include <array>
#include <limits>

#include <descent/networks/exported/document.h>

namespace descent::networks {
namespace {

struct NumberType {
  int code;
  at::ScalarType type;
};
constexpr std::array kNumberTypes{NumberType{1, at::kByte},
                                  NumberType{2, at::kChar},
                                  NumberType{3, at::kShort},
                                  NumberType{4, at::kInt},
                                  NumberType{5, at::kLong},
                                  NumberType{6, at::kHalf},
                                  NumberType{7, at::kFloat},
                                  NumberType{8, at::kDouble},
                                  NumberType{9, at::kComplexHalf},
                                  NumberType{10, at::kComplexFloat},
                                  NumberType{11, at::kComplexDouble},
                                  NumberType{12, at::kBool},
                                  NumberType{13, at::kBFloat16},
                                  NumberType{28, at::kUInt16},
                                  NumberType{29, at::kFloat8_e4m3fn},
                                  NumberType{30, at::kFloat8_e5m2},
                                  NumberType{31, at::kFloat8_e4m3fnuz},
                                  NumberType{32, at::kFloat8_e5m2fnuz},
                                  NumberType{33, at::kFloat8_e8m0fnu},
                                  NumberType{34, at::kUInt32},
                                  NumberType{35, at::kUInt64}};

// In the order of their codes, from 1.
constexpr std::array kLayouts{at::kSparse,    at::kSparseCsr, at::kSparseCsc, at::kSparseBsr,
                              at::kSparseBsc, at::kMkldnn,    at::kStrided};
constexpr std::array kMemoryFormats{at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast,
                                    at::MemoryFormat::ChannelsLast3d, at::MemoryFormat::Preserve};

template <class List>
auto by_code(const List& list, const Json& code, const char* what) {
  const int64_t k = whole(code, what);
  if (k < 1 || k > static_cast<int64_t>(list.size())) {
    refuse("its program has the ", what, " ", k, ", which is unknown here");
  }
  return list[static_cast<size_t>(k - 1)];
}

}  // namespace

const Json& field(const Json& object, std::string_view key) {
  const Json* const found = object.find(key);
  if (!found) refuse("its program has no '", key, "' where one must be");
  return *found;
}

const Json* optional_field(const Json& object, std::string_view key) {
  const Json* const found = object.find(key);
  return found && found->is_null() ? nullptr : found;
}

std::span<const Json> items(const Json& object, std::string_view key) {
  const Json* const list = optional_field(object, key);
  if (!list) return {};
  if (!list->is_list()) {
    refuse("its program has a value of type ", list->type_name(), " in place of the list '", key,
           "'");
  }
  return list->items();
}

const JsonMember& choice(const Json& value) {
  if (!value.is_object() || value.size() != 1) {
    refuse("its program has a value of type ", value.type_name(),
           " where an object of one field must be");
  }
  return value.members()[0];
}

namespace {
[[noreturn]] void refuse_type(const Json& value, const char* kind, std::string_view what) {
  refuse("its program has a value of type ", value.type_name(), " in place of ", kind, ": ", what);
}
}  // namespace

int64_t whole(const Json& value, std::string_view what) {
  if (value.kind() != Json::Kind::Whole) refuse_type(value, "a whole number of 64 bits", what);
  return value.whole();
}

double real(const Json& value, std::string_view what) {
  if (value.kind() == Json::Kind::Real) return value.real();
  if (value.kind() == Json::Kind::Whole) return static_cast<double>(value.whole());
  const std::string_view word = value.is_text() ? value.text() : "";
  if (word == "Infinity") return std::numeric_limits<double>::infinity();
  if (word == "-Infinity") return -std::numeric_limits<double>::infinity();
  if (word == "NaN") return std::numeric_limits<double>::quiet_NaN();
  refuse_type(value, "a number", what);
}

bool truth(const Json& value, std::string_view what) {
  if (value.kind() != Json::Kind::Bool) refuse_type(value, "true or false", what);
  return value.boolean();
}

std::string_view text(const Json& value, std::string_view what) {
  if (!value.is_text()) refuse_type(value, "a text", what);
  return value.text();
}

at::ScalarType number_type(const Json& code) {
  const int64_t wanted = whole(code, "dtype");
  for (const auto& row : kNumberTypes) {
    if (row.code == wanted) return row.type;
  }
  refuse("its program has the dtype ", wanted, ", which is unknown here");
}

int code_of(at::ScalarType type) {
  for (const auto& row : kNumberTypes) {
    if (row.type == type) return row.code;
  }
  refuse("files of torch.export have no dtype ", type);
}

at::Layout layout(const Json& code) { return by_code(kLayouts, code, "layout"); }
at::MemoryFormat memory_format(const Json& code) {
  return by_code(kMemoryFormats, code, "memory format");
}

}  // namespace descent::networks
