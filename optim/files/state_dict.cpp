#include <unordered_set>
#include <utility>

#include <c10/util/Exception.h>

#include <descent/base/nearest.h>
#include <descent/base/text.h>
#include <descent/optim/files/state_dict.h>

namespace descent {

PythonParts parts_of(const pickle::Dict& dict) {
  PythonParts parts;
  for (const auto& [key, part] : dict.items) {
    const auto* const* text = std::get_if<const std::string*>(&key);
    parts.emplace_back(text != nullptr ? **text : pickle::to_text(key), &part);
  }
  return parts;
}

PythonParts parts_of(const pickle::Value& value) {
  if (const auto* const* dict = std::get_if<pickle::Dict*>(&value)) return parts_of(**dict);
  PythonParts parts;
  if (const auto* const* list = std::get_if<pickle::List*>(&value))
    for (size_t i = 0; i < (*list)->items.size(); ++i)
      parts.emplace_back(std::to_string(i), &(*list)->items[i]);
  return parts;
}

std::optional<double> number_in(const pickle::Value& value, pickle::File& file) {
  if (const auto* x = std::get_if<double>(&value)) return *x;
  if (const auto* x = std::get_if<int64_t>(&value)) return static_cast<double>(*x);
  const auto* const* place = std::get_if<const pickle::Stored*>(&value);
  if (place == nullptr || c10::isComplexType((*place)->type)) return {};
  for (const int64_t size : (*place)->sizes)
    if (size != 1) return {};
  return file.tensor(**place).item<double>();
}

namespace {

/// What a dict or list is, apart from who refers to it.
const void* identity(const pickle::Value& value) {
  if (const auto* const* dict = std::get_if<pickle::Dict*>(&value)) return *dict;
  if (const auto* const* list = std::get_if<pickle::List*>(&value)) return *list;
  return nullptr;
}

/// A state_dict within a file, and where.
struct Place {
  const pickle::Dict* state_dict;
  std::string name;
};

/// All state_dicts of that kind in a file. Values may refer to each other in circles, and a
/// damaged file may be nested without end.
std::vector<Place> find_all(const pickle::Value& top, const StateDictKind& kind) {
  constexpr int kDeepest = 32;
  struct Open {
    const pickle::Value* value;
    std::string name;
    int depth;
  };
  std::vector<Place> found;
  std::vector<Open> open{{&top, "", 0}};
  std::unordered_set<const void*> seen;
  while (!open.empty()) {
    const auto [value, name, depth] = std::move(open.back());
    open.pop_back();
    const void* const object = identity(*value);
    if (object == nullptr || depth > kDeepest || !seen.insert(object).second) continue;
    if (const auto* const* dict = std::get_if<pickle::Dict*>(value); dict && kind.is(**dict)) {
      found.push_back({*dict, name});
      continue;
    }
    auto parts = parts_of(*value);
    for (auto part = parts.rbegin(); part != parts.rend(); ++part)
      open.push_back(
          {part->second, name.empty() ? part->first : name + "." + part->first, depth + 1});
  }
  return found;
}

}  // namespace

const pickle::Dict& find_state_dict(const pickle::Value& top, std::string_view key,
                                    const StateDictKind& kind) {
  if (key.empty()) {
    const auto found = find_all(top, kind);
    std::vector<std::string> names;
    for (const auto& place : found) names.push_back(place.name);
    TORCH_CHECK(!found.empty(), "holds no state_dict of ", kind.of, ", ", kind.must_be);
    TORCH_CHECK(found.size() == 1, "holds ", found.size(), " state_dicts of ", kind.several, ", ",
                joined(names), "; one must be named as key");
    return *found[0].state_dict;
  }
  // A name may hold dots itself: as much of the key as fits is taken at each level.
  const pickle::Value* value = &top;
  std::string_view rest = key;
  while (!rest.empty()) {
    const pickle::Value* next = nullptr;
    size_t length = 0;
    std::vector<std::string> names;
    for (const auto& [name, part] : parts_of(*value)) {
      names.push_back(name);
      const bool fits = rest == name || rest.starts_with(name + ".");
      if (fits && name.size() >= length) next = part, length = name.size();
    }
    TORCH_CHECK(next != nullptr, "has nothing at key = ", key, did_you_mean(rest, names));
    value = next;
    rest.remove_prefix(std::min(length + 1, rest.size()));
  }
  const auto* const* dict = std::get_if<pickle::Dict*>(value);
  TORCH_CHECK(dict != nullptr && kind.is(**dict), "has no state_dict of ", kind.of,
              " at key = ", key, ", must be ", kind.must_be);
  return **dict;
}

}  // namespace descent
