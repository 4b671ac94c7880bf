#pragma once
// One list of fields per struct. Range checks, saving, loading, comparing, printing, the registry
// and the tables of the documents are all derived from that list, so an option is written down
// three times in one file: declared, listed, used. A member that the list forgets does not compile.
// This header knows nothing of LibTorch.
//
//   struct Options {
//     double lr = 1e-3;                      ///< step size
//     std::array<double, 2> betas{0.9, 0.99};
//     bool nesterov = false;
//     DESCENT_OPTIONS((lr, non_negative), (betas, unit), (nesterov))
//   };
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#if defined(__CUDACC__)
#define DESCENT_FN __host__ __device__ __forceinline__
#elif defined(__GNUC__)
#define DESCENT_FN inline __attribute__((always_inline))
#else
#define DESCENT_FN inline
#endif

namespace descent {

/// The numbers that an option may hold: what an error message says, and the test.
struct Domain {
  const char* text;
  bool (*holds)(double);
};
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

namespace fields {
/// Marks a member that text cannot hold.
struct NotText {};
}  // namespace fields

/// The domains that lists of options name. DESCENT_OPTIONS finds them without a prefix.
namespace domains {

inline constexpr Domain finite{"finite", [](double x) { return std::isfinite(x); }};
inline constexpr Domain non_negative{"finite and >= 0",
                                     [](double x) { return x >= 0 && x < kInfinity; }};
inline constexpr Domain non_negative_or_infinite{">= 0", [](double x) { return x >= 0; }};
inline constexpr Domain positive{"finite and > 0", [](double x) { return x > 0 && x < kInfinity; }};
inline constexpr Domain positive_or_infinite{"> 0", [](double x) { return x > 0; }};
inline constexpr Domain non_positive{"finite and <= 0",
                                     [](double x) { return x <= 0 && x > -kInfinity; }};
inline constexpr Domain unit{"in [0, 1)", [](double x) { return x >= 0 && x < 1; }};
inline constexpr Domain open_unit{"in (0, 1)", [](double x) { return x > 0 && x < 1; }};
inline constexpr Domain closed_unit{"in [0, 1]", [](double x) { return x >= 0 && x <= 1; }};
inline constexpr Domain positive_unit{"in (0, 1]", [](double x) { return x > 0 && x <= 1; }};
inline constexpr Domain at_least_one{"finite and >= 1",
                                     [](double x) { return x >= 1 && x < kInfinity; }};
inline constexpr Domain below_one{"finite and < 1",
                                  [](double x) { return x > -kInfinity && x < 1; }};
inline constexpr Domain one_to_16{"in [1, 16]", [](double x) { return x >= 1 && x <= 16; }};
inline constexpr Domain one_to_99{"in [1, 99]", [](double x) { return x >= 1 && x <= 99; }};
inline constexpr Domain at_least_four{"finite and >= 4",
                                      [](double x) { return x >= 4 && x < kInfinity; }};
inline constexpr Domain above_one_or_infinite{"> 1", [](double x) { return x > 1; }};
inline constexpr Domain above_one{"finite and > 1",
                                  [](double x) { return x > 1 && x < kInfinity; }};

/// No domain: a member that text cannot hold, such as a function. It is listed and passed over.
inline constexpr fields::NotText not_text{};

}  // namespace domains

/// A rule's word on options that are in range one by one but not together.
struct Conflict {
  const char* field;    ///< the option at fault
  const char* allowed;  ///< what it must be, continuing "<field> = <value>, must be ..."
};

/// An option's value apart from its type: what the registry, files and the command line carry.
struct OptionValue : std::variant<bool, double, std::vector<double>, std::string> {
  using Base = std::variant<bool, double, std::vector<double>, std::string>;
  OptionValue(bool x) : Base(x) {}
  OptionValue(double x) : Base(x) {}
  OptionValue(int x) : Base(static_cast<double>(x)) {}
  OptionValue(int64_t x) : Base(static_cast<double>(x)) {}
  OptionValue(const char* x) : Base(std::string(x)) {}
  OptionValue(std::string x) : Base(std::move(x)) {}
  OptionValue(std::vector<double> x) : Base(std::move(x)) {}
  OptionValue(std::initializer_list<double> x) : Base(std::vector<double>(x)) {}
};
using OptionValues = std::vector<std::pair<std::string, OptionValue>>;

/// "0.001", "true", "[0.9, 0.999]", "outside": shortest digits that read back exactly.
std::string to_text(const OptionValue& value);
/// The inverse of to_text; lists may also be written "0.9,0.999" or "0.9:0.999".
OptionValue value_from_text(std::string_view text);
/// Options written as "lr=0.1,betas=[0.9,0.95],nesterov=true" or as a JSON object; throws
/// std::invalid_argument that names what cannot be read, or is given twice.
OptionValues parse_options(std::string_view text);

/// "FirstGrad" -> "first_grad": an enum value as options and files write it.
std::string snake_case(std::string_view camel);
/// Whether two spellings mean the same word: case, '_' and '-' do not matter.
bool same_word(std::string_view a, std::string_view b);

/// One option of a struct as a listing shows it: the rule's defaults, or a group's options.
struct OptionInfo {
  std::string name;
  OptionValue value;    ///< what the struct holds
  std::string allowed;  ///< "in [0, 1)", "true or false", "outside, inside or hat"
};

namespace fields {

template <class T>
struct IsArray : std::false_type {};
template <std::size_t N>
struct IsArray<std::array<double, N>> : std::true_type {};
/// A list of any length: std::vector<double>, std::vector<int64_t> or derived from them.
template <class T>
concept List =
    std::is_base_of_v<std::vector<double>, T> || std::is_base_of_v<std::vector<int64_t>, T>;
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

inline constexpr Domain anything{"", [](double) { return true; }};

/// Converts to whatever a member is, so that an aggregate can be tried with so many of them.
struct AnyMember {
  template <class T>
  operator T() const;
};

/// How many members the aggregate S has.
template <class S, class... Members>
constexpr std::size_t count_members() {
  if constexpr (requires { S{Members{}..., AnyMember{}}; })
    return count_members<S, Members..., AnyMember>();
  else
    return sizeof...(Members);
}

/// Hands one member of a list to the function that goes through the list.
template <class F, class T, class... Of>
constexpr void visit(F& f, const char* name, T& member, const Of&... domain) {
  f(name, member, domain...);
}
template <class F, class T>
constexpr void visit(F&, const char*, T&, NotText) {}

template <class E>
std::string choices() {
  std::string text;
  const auto names = names_of(E{});
  for (std::size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + snake_case(names[i]);
  return text;
}

template <class T>
std::string allowed(const Domain& domain) {
  if constexpr (std::is_same_v<T, bool>)
    return "true or false";
  else if constexpr (std::is_enum_v<T>)
    return choices<T>();
  else if constexpr (IsArray<T>::value)
    return std::to_string(std::tuple_size_v<T>) + " numbers, each " + domain.text;
  else if constexpr (List<T>)
    return "numbers, each " + allowed<typename T::value_type>(domain);
  else if constexpr (IsOptional<T>::value)
    return "none or " + allowed<typename T::value_type>(domain);
  else if constexpr (std::is_same_v<T, int64_t>)
    return "a whole number, " + std::string(domain.text);
  else
    return domain.text;
}

template <class T>
OptionValue value_of(const T& field) {
  if constexpr (std::is_enum_v<T>) {
    const auto names = names_of(T{});
    const auto i = static_cast<std::size_t>(field);
    return i < names.size() ? snake_case(names[i]) : std::to_string(i);
  } else if constexpr (IsArray<T>::value || List<T>) {
    return std::vector<double>(field.begin(), field.end());
  } else if constexpr (IsOptional<T>::value) {
    return field ? value_of(*field) : OptionValue("none");
  } else {
    return field;
  }
}

template <class T>
bool holds(const T& field, const Domain& domain) {
  if constexpr (std::is_same_v<T, bool>)
    return true;
  else if constexpr (std::is_enum_v<T>)
    return static_cast<std::size_t>(field) < names_of(T{}).size();
  else if constexpr (IsArray<T>::value || List<T>) {
    for (const auto x : field)
      if (!domain.holds(static_cast<double>(x))) return false;
    return true;
  } else if constexpr (IsOptional<T>::value)
    return !field || holds(*field, domain);
  else
    return domain.holds(static_cast<double>(field));
}

/// Writes `value` into `field`; false if the kind does not fit.
template <class T>
bool assign(T& field, const OptionValue& value) {
  if (const auto* text = std::get_if<std::string>(&value);
      text && !std::is_enum_v<T> && !IsOptional<T>::value) {
    const OptionValue parsed = value_from_text(*text);
    return !std::holds_alternative<std::string>(parsed) && assign(field, parsed);
  }
  if constexpr (std::is_same_v<T, bool>) {
    if (const auto* x = std::get_if<bool>(&value)) return field = *x, true;
  } else if constexpr (std::is_enum_v<T>) {
    if (const auto* word = std::get_if<std::string>(&value)) {
      const auto names = names_of(T{});
      for (std::size_t i = 0; i < names.size(); ++i)
        if (same_word(*word, names[i])) return field = static_cast<T>(i), true;
    }
  } else if constexpr (IsArray<T>::value) {
    if (const auto* x = std::get_if<std::vector<double>>(&value); x && x->size() == field.size()) {
      for (std::size_t i = 0; i < field.size(); ++i) field[i] = (*x)[i];
      return true;
    }
  } else if constexpr (List<T>) {
    const auto* one = std::get_if<double>(&value);
    const auto* many = std::get_if<std::vector<double>>(&value);
    if (!one && !many) return false;
    std::vector<typename T::value_type> list;
    for (const double x : many ? *many : std::vector<double>{*one})
      if (!assign(list.emplace_back(), OptionValue(x))) return false;
    return field = T(std::move(list)), true;
  } else if constexpr (IsOptional<T>::value) {
    if (value == OptionValue("none")) return field.reset(), true;
    typename T::value_type x{};
    if (assign(x, value)) return field = x, true;
  } else if constexpr (std::is_same_v<T, int64_t>) {
    if (const auto* x = std::get_if<double>(&value);
        x && *x == std::floor(*x) && std::abs(*x) < 9.0e15)
      return field = static_cast<int64_t>(*x), true;
  } else {
    if (const auto* x = std::get_if<double>(&value)) return field = *x, true;
  }
  return false;
}

std::string out_of_range(std::string_view name, const OptionValue& value, std::string_view allowed);

/// What is wrong with the options, "lr = -1, must be finite and >= 0", or "" when nothing is.
template <class Options>
std::string problem(const Options& options) {
  std::string text;
  Options::each(options, [&](const char* name, const auto& field, const Domain& domain = anything) {
    using T = std::decay_t<decltype(field)>;
    if (text.empty() && !holds(field, domain))
      text = out_of_range(name, value_of(field), allowed<T>(domain));
  });
  if constexpr (requires { options.conflict(); }) {
    if (text.empty())
      if (const std::optional<Conflict> found = options.conflict())
        Options::each(options, [&](const char* name, const auto& field, const Domain& = anything) {
          if (std::string_view(name) == found->field)
            text = out_of_range(name, value_of(field), found->allowed);
        });
  }
  return text;
}

/// Every option with its value in `options` and what it may hold, in the order of the list.
template <class Options>
std::vector<OptionInfo> describe(const Options& options) {
  std::vector<OptionInfo> list;
  Options::each(options, [&](const char* name, const auto& field, const Domain& domain = anything) {
    using T = std::decay_t<decltype(field)>;
    list.push_back({name, value_of(field), allowed<T>(domain)});
  });
  return list;
}

std::string unknown_option(std::string_view name, const std::vector<OptionInfo>& known);

/// Two numbers that lie somewhere else, read and written as std::array<double, 2> is.
struct PairView {
  double &first, &second;

  double& operator[](std::size_t i) const { return i == 0 ? first : second; }
  operator std::array<double, 2>() const { return {first, second}; }
  const PairView& operator=(const std::array<double, 2>& pair) const {
    first = pair[0];
    second = pair[1];
    return *this;
  }
};

/// A member of another class's options as a member of ours is used.
template <class T>
T& shown(T& member) {
  return member;
}
inline PairView shown(std::tuple<double, double>& pair) {
  return {std::get<0>(pair), std::get<1>(pair)};
}

/// Sets one option by name; what is wrong, or "". A number out of range is problem()'s to find.
template <class Options>
std::string set(Options& options, std::string_view wanted, const OptionValue& value) {
  bool found = false;
  std::string text;
  Options::each(options, [&](const char* name, auto& field, const Domain& domain = anything) {
    using T = std::decay_t<decltype(field)>;
    if (wanted != name) return;
    found = true;
    if (!assign(field, value)) text = out_of_range(name, value, allowed<T>(domain));
  });
  return found ? text : unknown_option(wanted, describe(options));
}

}  // namespace fields
}  // namespace descent

// A loop over the arguments of a macro (C++20's __VA_OPT__): up to 64 of them.
#define DESCENT_PARENS ()
#define DESCENT_EXPAND(...) \
  DESCENT_EXPAND3(DESCENT_EXPAND3(DESCENT_EXPAND3(DESCENT_EXPAND3(__VA_ARGS__))))
#define DESCENT_EXPAND3(...) \
  DESCENT_EXPAND2(DESCENT_EXPAND2(DESCENT_EXPAND2(DESCENT_EXPAND2(__VA_ARGS__))))
#define DESCENT_EXPAND2(...) \
  DESCENT_EXPAND1(DESCENT_EXPAND1(DESCENT_EXPAND1(DESCENT_EXPAND1(__VA_ARGS__))))
#define DESCENT_EXPAND1(...) __VA_ARGS__
#define DESCENT_EACH(m, ...) __VA_OPT__(DESCENT_EXPAND(DESCENT_EACH_(m, __VA_ARGS__)))
#define DESCENT_EACH_(m, x, ...) m(x) __VA_OPT__(DESCENT_AGAIN DESCENT_PARENS(m, __VA_ARGS__))
#define DESCENT_AGAIN() DESCENT_EACH_
#define DESCENT_OPTION(item) DESCENT_OPTION_ item
#define DESCENT_OPTION_(name, ...) \
  ::descent::fields::visit(f, #name, self.name __VA_OPT__(, ) __VA_ARGS__);
#define DESCENT_ONE(item) +1
#define DESCENT_PLACE(item) DESCENT_PLACE_ item
#define DESCENT_PLACE_(name, ...)                                     \
  template <class Own, class Theirs>                                  \
  static decltype(auto) place_of_##name(Own& own_, Theirs& theirs_) { \
    if constexpr (requires { theirs_.name(); })                       \
      return ::descent::fields::shown(theirs_.name());                \
    else                                                              \
      return (own_.name);                                             \
  }
#define DESCENT_SEEN(item) DESCENT_SEEN_ item
#define DESCENT_SEEN_(name, ...)                                                       \
  decltype(Own::place_of_##name(std::declval<Own&>(), std::declval<Theirs&>())) name = \
      Own::place_of_##name(own_, theirs_);
#define DESCENT_TAKE(item) DESCENT_TAKE_ item
#define DESCENT_TAKE_(name, ...) name = from_.name;
#define DESCENT_GIVE(item) DESCENT_GIVE_ item
#define DESCENT_GIVE_(name, ...) to_.name = name;
#define DESCENT_BUFFER(name) f(#name, self.name);
#define DESCENT_NAME(name) #name,

/// Lists a struct's options: (name) or (name, domain). Every member has to be listed, because a
/// forgotten one would be neither checked nor saved nor printed; one that text cannot hold, a
/// function for example, is listed as (name, not_text).
#define DESCENT_OPTIONS(...)                                                              \
  template <class Self, class F>                                                          \
  static constexpr void each([[maybe_unused]] Self& self, [[maybe_unused]] F&& f) {       \
    static_assert(::descent::fields::count_members<std::remove_const_t<Self>>() ==        \
                      0 DESCENT_EACH(DESCENT_ONE, __VA_ARGS__),                           \
                  "DESCENT_OPTIONS must list every member of the aggregate");             \
    using namespace ::descent::domains;                                                   \
    DESCENT_EACH(DESCENT_OPTION, __VA_ARGS__)                                             \
  }                                                                                       \
  DESCENT_EACH(DESCENT_PLACE, __VA_ARGS__)                                                \
  /** The options where they lie: in an object of Theirs what it has, the rest in Own. */ \
  template <class Own, class Theirs>                                                      \
  class View {                                                                            \
    Own& own_;                                                                            \
    Theirs& theirs_;                                                                      \
                                                                                          \
   public:                                                                                \
    DESCENT_EACH(DESCENT_SEEN, __VA_ARGS__)                                               \
    View(Own& of_own, Theirs& of_theirs) : own_(of_own), theirs_(of_theirs) {}            \
    operator Own() const {                                                                \
      Own to_ = own_;                                                                     \
      DESCENT_EACH(DESCENT_GIVE, __VA_ARGS__)                                             \
      return to_;                                                                         \
    }                                                                                     \
    View& operator=(const Own& from_) {                                                   \
      DESCENT_EACH(DESCENT_TAKE, __VA_ARGS__)                                             \
      return *this;                                                                       \
    }                                                                                     \
  };

/// Lists a state's buffers, by Python torch.optim's names.
#define DESCENT_BUFFERS(...)                                                        \
  static constexpr std::size_t listed = 0 DESCENT_EACH(DESCENT_ONE, __VA_ARGS__);   \
  template <class Self, class F>                                                    \
  static constexpr void each([[maybe_unused]] Self& self, [[maybe_unused]] F&& f) { \
    DESCENT_EACH(DESCENT_BUFFER, __VA_ARGS__)                                       \
  }

// A value may be called as a class is: in an enum class it hides nothing, whatever -Wshadow says.
#if defined(__GNUC__)
#define DESCENT_SHADOWS_NOTHING(...)                                            \
  _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wshadow\"") \
      __VA_ARGS__ _Pragma("GCC diagnostic pop")
#else
#define DESCENT_SHADOWS_NOTHING(...) __VA_ARGS__
#endif

/// An enum whose values options and files write in snake_case.
#define DESCENT_ENUM(Name, ...)                                                        \
  DESCENT_SHADOWS_NOTHING(enum class Name{__VA_ARGS__};)                               \
  inline auto names_of(Name) {                                                         \
    return std::to_array<std::string_view>({DESCENT_EACH(DESCENT_NAME, __VA_ARGS__)}); \
  }
