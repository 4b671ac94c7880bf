#pragma once
// A rule's text, whatever its shape: with forms or without, with norms or without.
#include <array>
#include <cstring>
#include <optional>

#include <descent/optim/engine/table.h>

namespace descent::engine {

/// The struct whose text the loops of R are compiled from: its member Loops, which several rules may
/// share, or R itself.
template <class R>
constexpr auto loops_of() {
  if constexpr (requires { typename R::Loops; })
    return std::type_identity<typename R::Loops>{};
  else
    return std::type_identity<R>{};
}

/// Stands for the Form of a rule that has only one.
struct OneForm {};

template <class R>
constexpr auto forms_of() {
  if constexpr (requires { R::forms; })
    return std::to_array(R::forms);
  else
    return std::array<OneForm, 1>{};
}

template <class R>
constexpr int count_buffers() {
  using S = typename R::template State<float>;
  return std::is_empty_v<S> ? 0 : static_cast<int>(sizeof(S) / sizeof(float));
}

/// The buffer that holds the slow weights, which is the last one of a rule that draws them.
template <class R>
constexpr std::optional<std::size_t> slow_buffer() {
  if constexpr (requires { &R::pull; })
    return count_buffers<R>() - 1;
  else
    return {};
}

/// The buffers that update sees.
template <class R, std::size_t F>
constexpr std::array<bool, kMaxBuffers> used_buffers() {
  std::array<bool, kMaxBuffers> used{};
  for (int i = 0; i < count_buffers<R>(); ++i) {
    if constexpr (requires { R::buffers(forms_of<R>()[F]); })
      used[i] = R::buffers(forms_of<R>()[F])[i];
    else
      used[i] = true;
  }
  if (slow_buffer<R>()) used[*slow_buffer<R>()] = false;
  return used;
}

/// The rule's text with its form filled in; `T` is a number type, `S` its scalar.
template <class R, std::size_t F>
struct Text {
  static constexpr bool formed = requires { R::forms; };

  /// Whether this form has measure and apply instead of update.
  static constexpr bool reads_twice = [] {
    if constexpr (requires { R::reads_twice(forms_of<R>()[F]); })
      return R::reads_twice(forms_of<R>()[F]);
    else
      return requires { &R::trust; }
    || requires { &R::weigh; };
  }();
  /// Whether what measure returns is added up as it is, not squared.
  static constexpr bool adds_values = requires { R::adds_values; };
  static constexpr bool measures_gradients = requires { R::measures_gradients; };
  /// Whether measure, or apply, takes its state as const.
  template <class T, class State = const typename R::template State<T>>
  static constexpr bool measure_only_reads =
      requires(const T& p, State& s, const typename R::template Coefficients<T>& k) {
    requires formed;
    R::template measure<R::forms[F]>(p, p, s, k);
  }
  || requires(const T& p, State& s, const typename R::template Coefficients<T>& k) {
    R::measure(p, p, s, k);
  };
  template <class T, class State = const typename R::template State<T>>
  static constexpr bool apply_only_reads = requires(T& p, State& s,
                                                    const typename R::template Coefficients<T>& k) {
    requires formed;
    R::template apply<R::forms[F]>(p, p, s, k, T{});
  }
  || requires(T& p, State& s, const typename R::template Coefficients<T>& k) {
    R::apply(p, p, s, k, T{});
  };

  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, typename R::template State<T>& s,
                                const typename R::template Coefficients<S>& k) {
    if constexpr (formed)
      R::template update<R::forms[F]>(p, g, s, k);
    else
      R::update(p, g, s, k);
  }
  template <class T, class S>
  DESCENT_FN static Pair<T> measure(const T& p, const T& g, typename R::template State<T>& s,
                                    const typename R::template Coefficients<S>& k) {
    if constexpr (formed)
      return R::template measure<R::forms[F]>(p, g, s, k);
    else
      return R::measure(p, g, s, k);
  }
  template <class T, class S>
  DESCENT_FN static void apply(T& p, const T& g, typename R::template State<T>& s,
                               const typename R::template Coefficients<S>& k, const S& trust) {
    if constexpr (formed)
      R::template apply<R::forms[F]>(p, g, s, k, trust);
    else
      R::apply(p, g, s, k, trust);
  }
};

/// Prologue and Coefficients as the kernels use them, from the numbers in memory.
template <class R, class T>
struct Constants {
  Prologue<T> prologue;
  typename R::template Coefficients<T> coefficients;
};
template <class R, class T>
DESCENT_FN Constants<R, T> constants(const void* k) {
  using C = Constants<R, T>;
  static_assert(
      std::is_trivially_copyable_v<C> &&
          sizeof(C) == sizeof(typename R::template Coefficients<T>) + kPrologue * sizeof(T),
      "all members of Coefficients<T> must be of type T");
  C c;
  std::memcpy(&c, k, sizeof(C));
  return c;
}

/// g after the steps common to all rules, and p after a decoupled decay.
template <bool Coupled, class P, class S>
DESCENT_FN void prepare(P& p, P& g, const Prologue<S>& k) {
  g = k.scale * g;
  if constexpr (Coupled)
    g = g + k.decay * p;
  else
    p = k.keep * p;
}

}  // namespace descent::engine
