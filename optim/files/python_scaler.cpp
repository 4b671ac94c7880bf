#include <cmath>
#include <ostream>

#include <descent/base/atomic_file.h>
#include <descent/optim/files/incoming.h>
#include <descent/optim/files/python.h>
#include <descent/optim/files/state_dict.h>
#include <descent/optim/training/grad_scaler.h>
#include <descent/pickle/pickle.h>

namespace descent {
namespace {

using State = GradScaler::State;

/// Calls f(key, member) for each entry of Python's dict.
template <class Numbers, class F>
void each(Numbers& state, F&& f) {
  f("scale", state.scale);
  f("growth_factor", state.growth_factor);
  f("backoff_factor", state.backoff_factor);
  f("growth_interval", state.growth_interval);
  f("_growth_tracker", state._growth_tracker);
}

bool is_scaler(const pickle::Dict& dict) { return dict.find("_growth_tracker") != nullptr; }
constexpr StateDictKind kScalers{"a GradScaler", "GradScalers", "a dict with _growth_tracker",
                                 is_scaler};
/// What a disabled scaler saves; looked for only where a key says so, or in the whole file.
constexpr StateDictKind kDisabled{"a GradScaler", "GradScalers", "a dict with _growth_tracker",
                                  [](const pickle::Dict& dict) { return dict.items.empty(); }};

bool is_of_disabled(const pickle::Value& top, std::string_view key) {
  if (key.empty()) {
    const auto* const* dict = std::get_if<pickle::Dict*>(&top);
    return dict != nullptr && (*dict)->items.empty();
  }
  try {
    find_state_dict(top, key, kDisabled);
    return true;
  } catch (const c10::Error&) {
    return false;
  }
}

std::optional<State> read(pickle::File& file, std::string_view key) {
  if (is_of_disabled(file.top(), key)) return {};
  const pickle::Dict& dict = find_state_dict(file.top(), key, kScalers);
  State state;
  std::vector<std::string> missing, extra;
  for (const auto& [name, part] : parts_of(dict)) extra.push_back(name);
  each(state, [&](const char* name, auto& member) {
    const pickle::Value* const value = dict.find(name);
    if (value == nullptr) return missing.emplace_back(name), void();
    std::erase(extra, name);
    const std::optional<double> x = number_in(*value, file);
    constexpr bool whole = std::is_same_v<decltype(member), int64_t&>;
    TORCH_CHECK(x && (!whole || (*x == std::trunc(*x) && std::abs(*x) < 0x1p53)),
                "GradScaler: the state_dict's ", name, " is ", pickle::to_text(*value),
                whole ? ", must be a whole number" : ", must be a number");
    member = static_cast<std::remove_reference_t<decltype(member)>>(*x);
  });
  TORCH_CHECK(missing.empty() && extra.empty(), "GradScaler: the state_dict ",
              key_problem(missing, extra), ", must be as Python's GradScaler writes it");
  return state;
}

}  // namespace

void save_python(const GradScaler& scaler, const std::filesystem::path& path) {
  pickle::Writer out;
  out.begin_dict();
  if (const auto state = scaler.state_dict())
    each(*state, [&](const char* key, auto number) {
      out.text(key);
      if constexpr (std::is_same_v<decltype(number), int64_t>)
        out.integer(number);
      else
        out.real(number);
    });
  out.end_dict();
  write_atomically(path, [&](std::ostream& stream) { out.write(stream); });
}

void load_python(GradScaler& scaler, const std::filesystem::path& path, std::string_view key) {
  try {
    pickle::File file(path);
    scaler.load_state_dict(read(file, key));
  } catch (const c10::Error& error) {
    TORCH_CHECK(false, path.string(), ": ", error.what_without_backtrace());
  }
}

}  // namespace descent
