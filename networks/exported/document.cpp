#include <algorithm>
#include <array>
#include <limits>

#include <descent/networks/exported/document.h>

namespace descent::networks {
namespace {

constexpr int kDeepest = 200;

/// Bytes for a value: a program has 18. A file of fewer would need many times its size in memory.
constexpr size_t kFewestBytes = 8;
constexpr size_t kFreeValues = 256;  // of a short text

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

Json parse(std::string_view bytes, const std::string& what) {
  size_t values = 0;
  try {
    return Json::parse(bytes, [&](int depth, Json::parse_event_t, const Json&) {
      if (depth > kDeepest) refuse("its record '", what, "' is nested too deeply");
      if (++values > bytes.size() / kFewestBytes * 2 + kFreeValues) {
        refuse("its record '", what, "' has more values than a program has");
      }
      return true;
    });
  } catch (const Json::exception&) {
    refuse("its record '", what, "' is no JSON");
  }
}

const Json& field(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (found == object.end()) refuse("its program has no '", key, "' where one must be");
  return *found;
}

const Json* optional_field(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

const Json& items(const Json& object, const char* key) {
  static const Json none = Json::array();
  const Json* const list = optional_field(object, key);
  if (!list) return none;
  if (!list->is_array()) {
    refuse("its program has a value of type ", list->type_name(), " in place of the list '", key,
           "'");
  }
  return *list;
}

std::pair<const std::string&, const Json&> choice(const Json& value) {
  if (!value.is_object() || value.size() != 1) {
    refuse("its program has a ", value.type_name(), " of ", value.size(),
           " values where an object of one field must be");
  }
  return {value.begin().key(), value.begin().value()};
}

namespace {
[[noreturn]] void refuse_type(const Json& value, const char* kind, const char* what) {
  refuse("its program has a value of type ", value.type_name(), " in place of ", kind, ": ", what);
}
}  // namespace

int64_t whole(const Json& value, const char* what) {
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() ||
                     value.get<uint64_t>() <= uint64_t{std::numeric_limits<int64_t>::max()});
  if (!fits) refuse_type(value, "a whole number of 64 bits", what);
  return value.get<int64_t>();
}

double real(const Json& value, const char* what) {
  if (value == "Infinity") return std::numeric_limits<double>::infinity();
  if (value == "-Infinity") return -std::numeric_limits<double>::infinity();
  if (value == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (!value.is_number()) refuse_type(value, "a number", what);
  return value.get<double>();
}

bool truth(const Json& value, const char* what) {
  if (!value.is_boolean()) refuse_type(value, "true or false", what);
  return value.get<bool>();
}

const std::string& text(const Json& value, const char* what) {
  if (!value.is_string()) refuse_type(value, "a text", what);
  return value.get_ref<const std::string&>();
}

at::ScalarType number_type(const Json& code) {
  const int64_t wanted = whole(code, "dtype");
  for (const auto& row : kNumberTypes) {
    if (row.code == wanted) return row.type;
  }
  refuse("its program has the dtype ", wanted, ", which is unknown here");
}

Json code_of(at::ScalarType type) {
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
