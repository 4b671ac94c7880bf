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

/// A dict or a list of a file, and where it stands.
struct Place {
  const pickle::Value* value;
  std::string name;  ///< in what holds it
  size_t within;     ///< the number of the place that holds it
  int depth;
};

/// "optimizers.0"
std::string path_of(const std::vector<Place>& places, size_t k) {
  std::string path = places[k].name;
  while (places[k].depth > 1) path.insert(0, places[k = places[k].within].name + ".");
  return path;
}

/// All state_dicts of that kind in a file, and what they are called. Values may refer to each other
/// in circles, and a damaged file may be nested without end, with names of any length.
struct StateDicts {
  static constexpr int kDeepest = 32;
  static constexpr size_t kMostNames = 10;

  StateDicts(const pickle::Value& top, const StateDictKind& kind) {
    std::vector<Place> places{{&top, "", 0, 0}};
    std::vector<size_t> open{0};
    std::unordered_set<const void*> seen;
    while (!open.empty()) {
      const size_t k = open.back();
      open.pop_back();
      const pickle::Value& value = *places[k].value;
      const void* const object = identity(value);
      const int depth = places[k].depth;
      if (object == nullptr || depth > kDeepest || !seen.insert(object).second) continue;
      if (const auto* const* dict = std::get_if<pickle::Dict*>(&value); dict && kind.is(**dict)) {
        found.push_back(*dict);
        if (found.size() <= kMostNames) names.push_back(path_of(places, k));
        continue;
      }
      const auto parts = parts_of(value);
      for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
        if (identity(*part->second) == nullptr) continue;
        open.push_back(places.size());
        places.push_back({part->second, part->first, k, depth + 1});
      }
    }
    if (found.size() > names.size()) names.emplace_back("...");
  }

  std::vector<const pickle::Dict*> found;
  std::vector<std::string> names;  ///< of the first of them
};

bool is_state_dict(const pickle::Dict& dict) {
  const auto* state = dict.find("state");
  const auto* groups = dict.find("param_groups");
  return state != nullptr && std::holds_alternative<pickle::Dict*>(*state) && groups != nullptr &&
         std::holds_alternative<pickle::List*>(*groups);
}

}  // namespace

const StateDictKind kOptimizerStateDict{"an optimizer", "optimizers",
                                        "a dict with state and param_groups", is_state_dict};

const pickle::Dict& find_state_dict(const pickle::Value& top, std::string_view key,
                                    const StateDictKind& kind) {
  if (key.empty()) {
    const auto [found, names] = StateDicts(top, kind);
    TORCH_CHECK(!found.empty(), "holds no state_dict of ", kind.of, ", ", kind.must_be);
    TORCH_CHECK(found.size() == 1, "holds ", found.size(), " state_dicts of ", kind.several, ", ",
                joined(names), "; one must be named as key");
    return *found[0];
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
