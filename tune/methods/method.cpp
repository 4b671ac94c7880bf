#include <stdexcept>
#include <utility>

#include <descent/base/nearest.h>
#include <descent/base/text.h>
#include <descent/tune/methods/method.h>
#include <descent/tune/methods/search.h>

namespace descent {
namespace {

/// One method of each kind, in the order of the variant.
template <size_t... I>
std::vector<Method> all(std::index_sequence<I...>) {
  return {Method(std::in_place_index<I>)...};
}
std::vector<Method> all() { return all(std::make_index_sequence<std::variant_size_v<Method>>()); }

std::string key_of(const Method& method) {
  return std::visit([](const auto& m) { return std::string(m.key); }, method);
}

}  // namespace

std::vector<std::string> methods() {
  std::vector<std::string> names;
  for (const Method& method : all()) names.push_back(key_of(method));
  return names;
}

Method make_method(std::string_view name, const OptionValues& options) {
  for (Method& method : all()) {
    if (!same_word(key_of(method), name)) continue;
    std::visit(
        [&](auto& m) {
          for (const auto& [option, value] : options)
            if (const std::string wrong = fields::set(m, option, value); !wrong.empty())
              search::refuse(m.key, wrong);
          if (const std::string wrong = fields::problem(m); !wrong.empty())
            search::refuse(m.key, wrong);
        },
        method);
    return method;
  }
  throw std::invalid_argument("no method is called " + std::string(name) +
                              did_you_mean(name, methods()) + " (there are " + joined(methods()) +
                              ")");
}

std::vector<OptionInfo> options_of(const Method& method) {
  return std::visit([](const auto& m) { return fields::describe(m); }, method);
}

std::string to_text(const Method& method) {
  std::string text = key_of(method);
  char separator = ':';
  for (const OptionInfo& option : options_of(method)) {
    text += separator + option.name + "=" + to_text(option.value);
    separator = ',';
  }
  return text;
}

namespace search {

std::unique_ptr<Search> make_search(const Method& method, const Setting& setting) {
  return std::visit(
      [&](const auto& m) {
        if (const std::string wrong = fields::problem(m); !wrong.empty()) refuse(m.key, wrong);
        return make_search(m, setting);
      },
      method);
}

void refuse(const char* key, const std::string& what) {
  throw std::invalid_argument(std::string(key) + ": " + what);
}

}  // namespace search
}  // namespace descent
