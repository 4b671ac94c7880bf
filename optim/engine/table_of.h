#pragma once
// What the engine knows of a rule, from the members that the rule has.
#include <algorithm>
#include <bit>
#include <cstring>

#include <descent/optim/engine/loops.h>
#include <descent/optim/engine/on_arrays.h>

namespace descent::engine {

template <class R, std::size_t F>
RuleForm form() {
  RuleForm form;
  form.buffers = used_buffers<R, F>();
  form.reads_twice = Text<R, F>::reads_twice;
  // p both ways, g, each buffer both ways; with norms also what is read ahead of that.
  const auto used = static_cast<int>(std::count(form.buffers.begin(), form.buffers.end(), true));
  if constexpr (!Text<R, F>::reads_twice)
    form.traffic = 12 + 8 * used;
  else if constexpr (Text<R, F>::template measure_only_reads<float>)
    form.traffic = 8 + 12 + 8 * used;
  else
    form.traffic = 8 + 8 * used + 8 + 4 * used;
  using L = typename decltype(loops_of<R>())::type;
  form.kernels[0] = {kernels<L, F, false, float>(), kernels<L, F, false, double>()};
  form.arrays[0] = OnArrays<L, F, false>::kernels();
  if constexpr (requires(typename R::Options o) { o.decay_mode; }) {
    form.kernels[1] = {kernels<L, F, true, float>(), kernels<L, F, true, double>()};
    form.arrays[1] = OnArrays<L, F, true>::kernels();
  }
  return form;
}

template <class R, std::size_t... F>
std::vector<RuleForm> all_forms(std::index_sequence<F...>) {
  return {form<R, F>()...};
}

template <class R>
inline constexpr bool decays_itself = requires {
  R::decays_itself;
};

/// The weight decay of p <- p (1 - lr wd) ahead of the rule's text; none: nothing decays there.
template <class R>
std::optional<double> decay_ahead([[maybe_unused]] const typename R::Options& options) {
  if constexpr (requires { R::decay_ahead(options); }) return R::decay_ahead(options);
  if constexpr (requires { options.decay_mode; } && !decays_itself<R>)
    if (options.decay_mode == DecayMode::Decoupled) return options.weight_decay;
  return {};
}

/// Where a member stands among the rule's Coefficients.
template <class R, class Member>
constexpr int place_of(Member member) {
  using C = typename R::template Coefficients<double>;
  C c{};
  c.*member = 1;
  const auto raw = std::bit_cast<std::array<double, sizeof(C) / sizeof(double)>>(c);
  return static_cast<int>(std::find(raw.begin(), raw.end(), 1.0) - raw.begin());
}

/// What concerns the options only, for every shape of rule.
template <class R>
RuleTable options_table() {
  using O = typename R::Options;
  RuleTable t;
  t.about = R::about;
  t.defaults = fields::describe(O{});
  t.make_options = [](const void* from) -> std::shared_ptr<void> {
    return std::make_shared<O>(from ? *static_cast<const O*>(from) : O{});
  };
  t.assign = [](void* o, const void* from) { *static_cast<O*>(o) = *static_cast<const O*>(from); };
  t.member = [](void* o, std::string_view wanted) {
    void* found = nullptr;
    O::each(*static_cast<O*>(o),
            [&](const char* name, auto& member, const Domain& = fields::anything) {
              if (wanted == name) found = &member;
            });
    return found;
  };
  t.problem = [](const void* o) { return fields::problem(*static_cast<const O*>(o)); };
  t.set = [](void* o, std::string_view name, const OptionValue& value) {
    return fields::set(*static_cast<O*>(o), name, value);
  };
  t.describe = [](const void* o) { return fields::describe(*static_cast<const O*>(o)); };
  t.lr = [](void* o) { return &static_cast<O*>(o)->lr; };
  t.coupled = [](const void* options) {
    if constexpr (
        requires(O o) { o.decay_mode; } && !requires { R::couples_itself; }) {
      const O& o = *static_cast<const O*>(options);
      return o.decay_mode == DecayMode::Coupled && o.weight_decay != 0;
    } else {
      return false;
    }
  };
  t.prologue = [](const void* options) {
    [[maybe_unused]] const O& o = *static_cast<const O*>(options);
    Prologue<double> prologue{1, 0, 1};
    if constexpr (requires { o.maximize; }) prologue.scale = o.maximize ? -1 : 1;
    if constexpr (requires { o.decay_mode; }) prologue.decay = o.weight_decay;
    if (const auto wd = decay_ahead<R>(o)) prologue.keep = 1 - o.lr * *wd;
    return prologue;
  };
  t.weight_decay = [](const void* options) {
    return decay_ahead<R>(*static_cast<const O*>(options)).value_or(0);
  };
  t.takes_decay = [](const void* options) {
    const O& o = *static_cast<const O*>(options);
    if constexpr (requires { R::takes_decay(o); })
      return R::takes_decay(o);
    else
      return requires { R::decays_in_update; }
    || decay_ahead<R>(o);
  };
  t.decays_itself = decays_itself<R>;
  if constexpr (requires { R::applies_keep; }) t.applies_keep = R::applies_keep;
  if constexpr (requires { R::couples_itself; }) t.couples_itself = R::couples_itself;
  if constexpr (requires { &R::change_mode; })
    t.change_mode = [](const void* o, const TensorStep& step, bool training) {
      R::change_mode(*static_cast<const O*>(o), step, training);
    };
  if constexpr (requires { &R::settle; })
    t.settle = [](void* options) { R::settle(*static_cast<O*>(options)); };
  typename R::template State<char> state{};
  R::template State<char>::each(state,
                                [&](const char* name, char&) { t.buffers.emplace_back(name); });
  return t;
}

/// Where the form that the options choose stands in the rule's list; -1 if it does not.
template <class R>
int form_index([[maybe_unused]] const typename R::Options& options) {
  if constexpr (requires { R::forms; }) {
    const auto wanted = R::form(options);
    for (std::size_t i = 0; i < std::size(R::forms); ++i)
      if (R::forms[i] == wanted) return static_cast<int>(i);
    return -1;
  } else {
    return 0;
  }
}

/// A struct of nothing but doubles, from where they lie.
template <class Numbers>
Numbers read_numbers(const double* from) {
  std::array<double, sizeof(Numbers) / sizeof(double)> raw;
  std::copy_n(from, raw.size(), raw.begin());
  return std::bit_cast<Numbers>(raw);
}

/// Calls f with a rule's Scalars or Shared made from the numbers, which become what f leaves there.
template <class Numbers, class F>
auto with_numbers(double* at, F f) {
  auto numbers = read_numbers<Numbers>(at);
  const auto result = f(numbers);
  const auto raw = std::bit_cast<std::array<double, sizeof(Numbers) / sizeof(double)>>(numbers);
  std::copy(raw.begin(), raw.end(), at);
  return result;
}

/// The names of a rule's Scalars or Shared and the numbers that they begin with.
template <class Numbers, std::size_t Most>
void list_numbers(std::vector<std::string>& names, std::array<double, Most>& first) {
  const Numbers beginning;
  Numbers::each(beginning, [&](const char* name, double value) {
    first.at(names.size()) = value;
    names.emplace_back(name);
  });
  static_assert(sizeof(Numbers) == Numbers::listed * sizeof(double),
                "DESCENT_BUFFERS must list every member of Scalars and of Shared");
  static_assert(Numbers::listed <= Most);
}

/// Whether two Options are equal in everything but what is the group's own.
template <class R>
bool alike_but_for(const typename R::Options& one, const typename R::Options& other) {
  bool alike = true;
  R::Options::each(one, [&](const char* name, const auto& x, const Domain& = fields::anything) {
    const auto place = reinterpret_cast<const char*>(&x) - reinterpret_cast<const char*>(&one);
    const auto& y = *reinterpret_cast<const std::remove_reference_t<decltype(x)>*>(
        reinterpret_cast<const char*>(&other) + place);
    const bool own = std::any_of(R::own.begin(), R::own.end(),
                                 [&](std::string_view of_group) { return of_group == name; });
    alike = alike && (own || x == y);
  });
  return alike;
}

template <class R>
RuleTable make_table() {
  using O = typename R::Options;
  using C = typename R::template Coefficients<double>;
  static_assert(count_buffers<R>() <= kMaxBuffers);
  static_assert(count_buffers<R>() == R::template State<float>::listed,
                "DESCENT_BUFFERS must list every member of State");
  static_assert(kPrologue + sizeof(C) / sizeof(double) <= kMaxConstants);
  RuleTable t = options_table<R>();
  t.forms = all_forms<R>(std::make_index_sequence<forms_of<R>().size()>{});
  t.slow_buffer = slow_buffer<R>();
  t.form = [](const void* o) { return form_index<R>(*static_cast<const O*>(o)); };
  t.problem = [](const void* o) -> std::string {
    const O& options = *static_cast<const O*>(o);
    std::string found = fields::problem(options);
    if (found.empty() && form_index<R>(options) < 0)
      found = "the options choose a form that is not in the rule's list `forms`, must choose one";
    return found;
  };
  t.begin = [](const void* o, const StepInfo& at, [[maybe_unused]] double* scalars,
               [[maybe_unused]] const double* shared, double* coefficients) {
    const O& options = *static_cast<const O*>(o);
    C c;
    if constexpr (requires { typename R::Scalars; }) {
      c = with_numbers<typename R::Scalars>(
          scalars, [&](auto& remembered) { return R::begin(options, at, remembered); });
    } else if constexpr (requires { typename R::Shared; }) {
      c = R::begin(options, at, read_numbers<typename R::Shared>(shared));
    } else {
      c = R::begin(options, at);
    }
    std::memcpy(coefficients, &c, sizeof(C));
    return static_cast<int>(sizeof(C) / sizeof(double));
  };
  if constexpr (requires { typename R::Scalars; })
    list_numbers<typename R::Scalars>(t.scalars, t.first_scalars);
  if constexpr (requires { typename R::Shared; })
    list_numbers<typename R::Shared>(t.shared, t.first_shared);
  if constexpr (requires { &R::advance; })
    t.advance = [](const void* o, double* shared) {
      with_numbers<typename R::Shared>(shared, [&](auto& remembered) {
        R::advance(*static_cast<const O*>(o), remembered);
        return 0;
      });
    };
  if constexpr (requires { &R::weigh; }) {
    t.weigh = [](const void* o, const Totals& totals, double* shared) {
      return with_numbers<typename R::Shared>(
          shared, [&](auto& s) { return R::weigh(*static_cast<const O*>(o), totals, s); });
    };
    for (const char* name : R::own) t.own.emplace_back(name);
    t.alike = [](const void* one, const void* other) {
      return alike_but_for<R>(*static_cast<const O*>(one), *static_cast<const O*>(other));
    };
  }
  if constexpr (requires { R::decays_in_update; }) {
    t.lr_place = place_of<R>(&C::lr);
    t.decay_place = place_of<R>(&C::decay);
  }
  if constexpr (requires { &C::agreed_decay; })
    t.agreed_decay_place = place_of<R>(&C::agreed_decay);
  if constexpr (requires(const O& o, const StepInfo& at) { R::second_moment(o, at); })
    t.second_moment = [](const void* o, const StepInfo& at) {
      return R::second_moment(*static_cast<const O*>(o), at);
    };
  if constexpr (requires { &R::takes_sparse; })
    t.takes_sparse = [](const void* o) { return R::takes_sparse(*static_cast<const O*>(o)); };
  if constexpr (requires { R::sparse_only; }) t.sparse_only = R::sparse_only;
  if constexpr (requires { R::adds_values; }) t.adds_values = R::adds_values;
  if constexpr (requires { R::needs_loss; }) t.needs_loss = R::needs_loss;
  if constexpr (requires { R::beyond_half; }) t.beyond_half = R::beyond_half;
  if constexpr (requires { R::rests_at_zero; }) t.rests_at_zero = R::rests_at_zero;
  if constexpr (requires { R::hessian; }) {
    t.hessian = R::hessian;
    t.hessian_beta = [](const void* o) { return R::hessian_beta(*static_cast<const O*>(o)); };
  }
  if constexpr (requires { &R::trust; })
    t.trust = [](const void* o, const Sums& sums, const StepInfo& at,
                 [[maybe_unused]] double* scalars) {
      const O& options = *static_cast<const O*>(o);
      if constexpr (requires { R::trust(options, sums, at); })
        return R::trust(options, sums, at);
      else
        return with_numbers<typename R::Scalars>(
            scalars, [&](auto& remembered) { return R::trust(options, sums, at, remembered); });
    };
  if constexpr (requires(const O& o, const Array& p) { R::initial(o, p); })
    t.initial = [](const void* o, const Array& p, Array* s) {
      OnArrays<R, 0, false>::store(R::initial(*static_cast<const O*>(o), p), s);
    };
  if constexpr (requires { &R::decays; })
    t.decays = [](const void* o, const StepInfo& at) {
      return R::decays(*static_cast<const O*>(o), at);
    };
  if constexpr (requires { &R::centralizes; })
    t.centralizes = [](const void* o, int64_t dim) {
      return R::centralizes(*static_cast<const O*>(o), dim);
    };
  if constexpr (requires { &R::look_ahead; })
    t.look_ahead = [](const void* o) { return R::look_ahead(*static_cast<const O*>(o)); };
  if constexpr (requires { &R::pull; })
    t.pull = [](const void* o) { return R::pull(*static_cast<const O*>(o)); };
  if constexpr (requires { R::divides_by_lr; }) {
    t.divides_by_lr = R::divides_by_lr;
    if constexpr (!requires { R::rests_at_zero; }) t.rests_at_zero = R::divides_by_lr;
  }
  if constexpr (requires { &R::gradient_scale; }) {
    t.needs_gradient_norm = [](const void* o) {
      return R::needs_gradient_norm(*static_cast<const O*>(o));
    };
    t.gradient_scale = [](const void* o, double norm) {
      return R::gradient_scale(*static_cast<const O*>(o), norm);
    };
  }
  return t;
}

/// A tensor algorithm has one function on tensors and no loops.
template <class R>
concept TensorAlgorithm = requires(const typename R::Options& o, const TensorStep& step) {
  R::update(o, step);
};

template <class R>
RuleTable make_tensor_table() {
  using O = typename R::Options;
  RuleTable t = options_table<R>();
  t.tensor_update = [](const void* o, const TensorStep& step) {
    R::update(*static_cast<const O*>(o), step);
  };
  t.state_problem = [](const void* o, const at::Tensor* s, const TensorBlock& block) {
    return R::state_problem(*static_cast<const O*>(o), s, block);
  };
  if constexpr (requires { &R::block_problem; })
    t.block_problem = [](const void* o, const TensorBlock& block) {
      return R::block_problem(*static_cast<const O*>(o), block);
    };
  if constexpr (requires { &R::joins_group; })
    t.joins_group = [](const void* o) { return R::joins_group(*static_cast<const O*>(o)); };
  return t;
}

template <class R>
RuleTable table_of() {
  if constexpr (TensorAlgorithm<R>)
    return make_tensor_table<R>();
  else
    return make_table<R>();
}

}  // namespace descent::engine
