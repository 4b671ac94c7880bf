#include "checks.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

#include <torch/serialize.h>

#include <descent/optim/engine/stored.h>

#include "../replay/case.h"
#include "../replay/run.h"

namespace checks {
namespace {

/// Whether the rule takes a parameter of these sizes with these options.
bool fits(const RuleTable& rule, const OptionValues& options, const at::Tensor& p) {
  return rule.block_problem == nullptr || joins_group(rule, options) ||
         rule.block_problem(options_of(rule, options).get(), {&p, 1, p.numel()}).empty();
}

constexpr double kDecay = 0.1;

/// The ways in which one option can differ from its default.
std::vector<OptionValues> changes(const descent::OptionInfo& option) {
  if (const auto* flag = std::get_if<bool>(&option.value)) return {{{option.name, !*flag}}};
  std::vector<OptionValues> list;
  for (const auto& word : choices(option))
    if (word != to_text(option.value)) list.push_back({{option.name, word}});
  if (may_be_none(option))
    list.push_back({{option.name, !(option.value == descent::OptionValue("none"))
                                      ? descent::OptionValue("none")
                                  : option.allowed.ends_with("false") ? descent::OptionValue(false)
                                  : option.allowed.ends_with("1)")    ? descent::OptionValue(0.5)
                                  : option.allowed.ends_with("1]")    ? descent::OptionValue(0.5)
                                                                      : descent::OptionValue(4)}});
  if (const auto* x = std::get_if<double>(&option.value)) {
    const bool below_one = option.allowed.ends_with("1)") || option.allowed.ends_with("1]");
    const bool whole = option.allowed.find("a whole number") != std::string::npos;
    list.push_back({{option.name, whole            ? (*x == 0 ? 2 : *x + 1)
                                  : std::isinf(*x) ? 2.0
                                  : *x == 0        ? 0.5
                                  : below_one      ? 0.9 * *x
                                                   : 1.5 * *x}});
  }
  if (const auto* numbers = std::get_if<std::vector<double>>(&option.value)) {
    std::vector<double> other = *numbers;
    for (double& x : other) x *= 0.9;
    list.push_back({{option.name, other}});
  }
  return list;
}

std::string named(const OptionValues& options) {
  std::string text;
  for (const auto& [name, value] : options)
    text += (text.empty() ? "" : ", ") + name + "=" + to_text(value);
  return text;
}

bool accepted(const RuleTable& rule, const OptionValues& options) {
  if (!rule.problem(options_of(rule, options).get()).empty()) return false;
  // Where a rule has no other group for parameters that it refuses, it has to take them all.
  if (has_option(rule, "algorithm")) return true;
  const auto params = parameters(kSmallShapes, at::kFloat);
  return std::all_of(params.begin(), params.end(),
                     [&](const at::Tensor& p) { return fits(rule, options, p); });
}

/// Rules whose parameters move together measure a rate of 1 in units of their own.
bool moves_together(const RuleTable& rule) { return rule.weigh != nullptr; }

OptionValues base_of(const RuleTable& rule) {
  OptionValues base{{"lr", moves_together(rule) ? 1 : 0.02}};
  if (has_option(rule, "weight_decay")) base.emplace_back("weight_decay", kDecay);
  if (has_option(rule, "trust_coefficient")) base.emplace_back("trust_coefficient", 0.05);
  // What is new since Shampoo's last root is multiplied by up to eps^(-1/2), rounding included.
  if (has_option(rule, "update_freq")) base.emplace_back("eps", 0.5);
  // Far from the first, tiny steps of what finds its rate by itself.
  for (const char* name : {"d0", "init_value", "init_estim_sq_dist"})
    if (has_option(rule, name)) base.emplace_back(name, 0.02);
  if (has_option(rule, "nonstandard_constant")) base.emplace_back("nonstandard_constant", 1.0);
  return base;
}

/// Every way to change one option besides those of the base.
std::vector<OptionValues> single_changes(const RuleTable& rule) {
  std::vector<OptionValues> list;
  const OptionValues base = base_of(rule);
  for (descent::OptionInfo option : rule.defaults) {
    if (option.name == "lr" || option.name == "weight_decay") continue;
    for (const auto& [name, value] : base)
      if (name == option.name) option.value = value;
    for (auto& change : changes(option)) list.push_back(std::move(change));
  }
  return list;
}

void compare(Failures& failures, const std::string& what, const std::vector<at::Tensor>& found,
             const std::vector<at::Tensor>& wanted, double tolerance = 0) {
  const std::string text = difference(found, wanted, tolerance);
  if (!text.empty()) failures.push_back(what + ": " + text);
}

std::vector<at::Tensor> copies(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> list;
  for (const auto& x : tensors) list.push_back(x.detach().clone());
  return list;
}

std::vector<at::Tensor> leaves(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> list = copies(tensors);
  for (auto& x : list) x.requires_grad_();
  return list;
}

using Lay = std::function<at::Tensor(const at::Tensor&)>;

at::Tensor plain(const at::Tensor& x) { return x.clone(at::MemoryFormat::Contiguous); }
at::Tensor turned(const at::Tensor& x) { return x.t().contiguous().t(); }
at::Tensor with_gaps(const at::Tensor& x) {
  const int64_t last = x.dim() - 1;
  std::vector<int64_t> sizes = x.sizes().vec();
  sizes[static_cast<size_t>(last)] *= 2;
  const at::Tensor view =
      at::full(sizes, 7, x.options()).slice(last, 0, sizes[static_cast<size_t>(last)], 2);
  view.copy_(x);
  return view;
}
at::Tensor off_alignment(const at::Tensor& x) {
  const at::Tensor view =
      at::full({x.numel() + 1}, 7, x.options()).narrow(0, 1, x.numel()).view(x.sizes());
  view.copy_(x);
  return view;
}
at::Tensor channels_last(const at::Tensor& x) {
  return x.contiguous(at::MemoryFormat::ChannelsLast);
}
/// All rows are the first: strides of 0, as the backward pass of a sum leaves them.
at::Tensor first_row(const at::Tensor& x) { return x.narrow(0, 0, 1).expand(x.sizes()); }
at::Tensor first_row_copied(const at::Tensor& x) { return first_row(x).contiguous(); }

/// A few steps on one parameter and its gradients laid out as asked, beside a plain one.
std::vector<at::Tensor> steps_on(const RuleTable& rule, const OptionValues& options,
                                 const Shape& shape, at::ScalarType type, const Lay& parameter,
                                 const Lay& gradient) {
  const at::Tensor p = parameter(noise(shape, type, 1));
  const at::Tensor q = noise({5}, type, 2);
  p.requires_grad_();
  q.requires_grad_();
  Training run(rule, options, {p, q});
  for (int64_t t = 1; t <= 4; ++t) {
    p.mutable_grad() = gradient(noise(shape, type, 10 + t));
    q.mutable_grad() = noise({5}, type, 20 + t);
    take_step(*run.optimizer);
  }
  return copies(run.params);
}

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

const Shapes kSmallShapes{{3, 7}, {}, {0}, {1}, {33}, {2, 3, 4}, {64}};

std::vector<std::string> passes() {
  std::vector<std::string> names;
  for (const auto pass :
       {descent::Pass::Tensor, descent::Pass::Baseline, descent::Pass::V3, descent::Pass::V4})
    if (descent::supported(pass)) names.push_back(to_string(pass));
  return names;
}

bool may_be_none(const descent::OptionInfo& option) {
  return option.allowed.starts_with("none or ");
}

std::vector<std::string> choices(const descent::OptionInfo& option) {
  if (!std::holds_alternative<std::string>(option.value) || may_be_none(option)) return {};
  std::vector<std::string> words{""};
  for (size_t i = 0; i < option.allowed.size(); ++i) {
    const std::string_view rest = std::string_view(option.allowed).substr(i);
    if (rest.starts_with(", "))
      words.emplace_back(), i += 1;
    else if (rest.starts_with(" or "))
      words.emplace_back(), i += 3;
    else
      words.back() += option.allowed[i];
  }
  return words;
}

std::vector<Setting> settings(const RuleTable& rule) {
  const OptionValues base = base_of(rule);
  std::vector<Setting> list{{"base", base}};
  for (const auto& change : single_changes(rule))
    if (accepted(rule, joined(base, change))) list.push_back({named(change), joined(base, change)});
  return list;
}

std::vector<Setting> paired_settings(const RuleTable& rule) {
  const OptionValues base = base_of(rule);
  const auto single = single_changes(rule);
  std::vector<Setting> list;
  for (size_t i = 0; i < single.size(); ++i)
    for (size_t j = 0; j < i; ++j) {
      if (single[i][0].first == single[j][0].first) continue;
      const OptionValues both = joined(single[i], single[j]);
      if (accepted(rule, joined(base, both))) list.push_back({named(both), joined(base, both)});
    }
  return list;
}

OptionValues joined(OptionValues options, const OptionValues& more) {
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

std::shared_ptr<void> options_of(const RuleTable& rule, const OptionValues& options) {
  auto made = rule.make_options(nullptr);
  for (const auto& [name, value] : options) {
    if (is_base_option(rule, name)) continue;
    const std::string problem = rule.set(made.get(), name, value);
    TORCH_CHECK(problem.empty(), "the test's own options: ", problem);
  }
  return made;
}

bool is_base_option(const RuleTable& rule, const std::string& name) {
  static const auto base = descent::fields::describe(descent::BaseOptions{});  // asked very often
  return !has_option(rule, name) && std::any_of(base.begin(), base.end(), [&](const auto& option) {
    return option.name == name;
  });
}

descent::BaseOptions base_options_of(const RuleTable& rule, const OptionValues& options) {
  descent::BaseOptions base;
  for (const auto& [name, value] : options) {
    if (!is_base_option(rule, name)) continue;
    const std::string problem = descent::fields::set(base, name, value);
    TORCH_CHECK(problem.empty(), "the test's own base options: ", problem);
  }
  return base;
}

bool is_refused(const RuleTable& rule, const OptionValues& options, at::ScalarType type) {
  return !descent::engine::precision_problem(rule, options_of(rule, options).get(),
                                             base_options_of(rule, options), type)
              .empty();
}

bool has_option(const RuleTable& rule, const std::string& name) {
  return std::any_of(rule.defaults.begin(), rule.defaults.end(),
                     [&](const auto& option) { return option.name == name; });
}

bool is_set(const RuleTable& rule, const OptionValues& options, const std::string& name) {
  for (const auto& option : rule.describe(options_of(rule, options).get()))
    if (option.name == name) return option.value == descent::OptionValue(true);
  return false;
}

bool joins_group(const RuleTable& rule, const OptionValues& options) {
  return rule.joins_group != nullptr && rule.joins_group(options_of(rule, options).get());
}

bool draws_by_position(const RuleTable& rule) { return has_option(rule, "seed"); }

bool needs_gradient_norm(const RuleTable& rule, const OptionValues& options) {
  return rule.needs_gradient_norm != nullptr &&
         rule.needs_gradient_norm(options_of(rule, options).get());
}

double tolerance_of(const RuleTable& rule, const OptionValues& options, at::ScalarType type) {
  if (rule.tensor_update != nullptr) return 1e-5;
  const bool sums = form_of(rule, options_of(rule, options).get()).reads_twice ||
                    needs_gradient_norm(rule, options);
  if (!sums) return 0;
  return type == at::kDouble ? 1e-12 : 1e-5;
}

namespace {

void step_only(torch::optim::Optimizer& optimizer) {
  // Below what a rule that steps by the loss takes for the least one in some setting.
  optimizer.step([] { return at::scalar_tensor(0.25, at::kDouble); });
}

}  // namespace

void take_step(torch::optim::Optimizer& optimizer) {
  step_only(optimizer);
  auto* const ours = dynamic_cast<descent::OptimizerBase*>(&optimizer);
  if (ours != nullptr && ours->rule().hessian != nullptr) ours->update_hessian();
}

at::Tensor noise(at::IntArrayRef sizes, at::ScalarType type, int64_t seed) {
  static const at::Tensor table = [] {
    torch::manual_seed(20);
    return at::randn({int64_t{1} << 21}, at::kDouble);
  }();
  const int64_t n = c10::multiply_integers(sizes);
  return table.narrow(0, (seed * 7919) % (table.numel() - n), n)
      .reshape(sizes)
      .to(type, false, true);
}

std::vector<at::Tensor> parameters(const Shapes& shapes, at::ScalarType type, int64_t seed) {
  std::vector<at::Tensor> list;
  for (size_t i = 0; i < shapes.size(); ++i)
    list.push_back(noise(shapes[i], type, 100 * seed + static_cast<int64_t>(i)).requires_grad_());
  return list;
}

void set_gradients(const std::vector<at::Tensor>& params, int64_t t, double factor) {
  for (size_t i = 0; i < params.size(); ++i) {
    const at::Tensor& p = params[i];
    // One parameter in three misses a gradient now and then, so that step counts differ.
    if (i % 3 == 2 && t % 4 == 2) {
      p.mutable_grad() = at::Tensor();
      continue;
    }
    const at::Tensor g = noise(p.sizes(), p.scalar_type(), 1000 * t + static_cast<int64_t>(i));
    p.mutable_grad() = factor == 1 ? g : g * factor;
  }
}

namespace {

/// The same options in a group for parameters that the rule itself refuses.
OptionValues for_others(const OptionValues& options) {
  return joined(options, {{"algorithm", "adamw"}});
}

/// Adds the parameters that the rule takes as a group of the optimizer's defaults, and the others.
void add_groups(descent::OptimizerBase& optimizer, const OptionValues& options,
                const std::vector<at::Tensor>& params) {
  std::vector<at::Tensor> taken, others;
  for (const at::Tensor& p : params)
    (fits(optimizer.rule(), options, p) ? taken : others).push_back(p);
  if (!taken.empty()) optimizer.add_group(taken);
  if (!others.empty()) optimizer.add_group(others, for_others(options));
}

}  // namespace

std::unique_ptr<descent::OptimizerBase> make_fitting(const RuleTable& rule,
                                                     const std::vector<at::Tensor>& params,
                                                     const OptionValues& options) {
  std::vector<at::Tensor> taken, others;
  for (const at::Tensor& p : params) (fits(rule, options, p) ? taken : others).push_back(p);
  if (others.empty()) return descent::make_optimizer(rule.about.key, params, options);
  if (taken.empty()) return descent::make_optimizer(rule.about.key, others, for_others(options));
  auto optimizer = descent::make_optimizer(rule.about.key, taken, options);
  optimizer->add_group(others, for_others(options));
  return optimizer;
}

Training::Training(const RuleTable& rule, const OptionValues& options,
                   std::vector<at::Tensor> parameters)
    : params(std::move(parameters)), optimizer(make_fitting(rule, params, options)) {}

void Training::steps(int64_t from, int64_t to) {
  for (int64_t t = from; t <= to; ++t) {
    set_gradients(params, t);
    take_step(*optimizer);
  }
}

namespace {

void add_everything(std::vector<at::Tensor>& list, const descent::OptimizerBase& optimizer,
                    const at::Tensor& p) {
  list.push_back(p.detach().clone());
  const descent::ParamState* state = optimizer.state_of(p);
  list.push_back(at::scalar_tensor(state == nullptr ? -1 : state->step(), at::kLong));
  for (size_t s = 0; state != nullptr && s < optimizer.rule().scalars.size(); ++s)
    list.push_back(at::scalar_tensor(state->scalars[s], at::kDouble));
  if (state != nullptr)
    state->each_tensor([&](const std::string&, const at::Tensor& x) { list.push_back(x.clone()); });
}

}  // namespace

std::vector<at::Tensor> Training::everything() const {
  std::vector<at::Tensor> list;
  for (const auto& p : params) add_everything(list, *optimizer, p);
  return list;
}

std::vector<at::Tensor> everything(descent::OptimizerBase& optimizer) {
  std::vector<at::Tensor> list;
  for (auto& group : optimizer.param_groups())
    for (const auto& p : group.params()) add_everything(list, optimizer, p);
  return list;
}

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  if (a.scalar_type() != b.scalar_type() || a.sizes() != b.sizes()) return false;
  const at::Tensor x = a.detach().contiguous(), y = b.detach().contiguous();
  return x.nbytes() == 0 || std::memcmp(x.const_data_ptr(), y.const_data_ptr(), x.nbytes()) == 0;
}

std::string difference(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  return difference(a, b, 0);
}

std::string difference(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b,
                       double tolerance) {
  if (a.size() != b.size()) return c10::str(a.size(), " tensors where there should be ", b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    if (same_bits(a[i], b[i])) continue;
    if (a[i].sizes() != b[i].sizes() || a[i].scalar_type() != b[i].scalar_type())
      return c10::str("tensor ", i, " is ", a[i].scalar_type(), a[i].sizes(), ", should be ",
                      b[i].scalar_type(), b[i].sizes());
    const at::Tensor x = a[i].detach().to(at::kDouble), y = b[i].detach().to(at::kDouble);
    const double error = ((x - y).abs() / y.abs().clamp_min(1)).max().item<double>();
    if (!(error <= tolerance) || tolerance == 0)
      return c10::str("tensor ", i, " of sizes ", x.sizes(), " differs by ", error, " in ",
                      x.ne(y).sum().item<int64_t>(), " of ", x.numel(), " elements");
  }
  return "";
}

Failures on_all(const std::vector<Setting>& settings,
                const std::function<Failures(const OptionValues&)>& check) {
  Failures all;
  for (const auto& setting : settings)
    for (const auto& failure : check(setting.options))
      all.push_back("[" + setting.name + "] " + failure);
  return all;
}

Failures gives_the_same_bits_on_every_pass(const RuleTable& rule, const OptionValues& options,
                                           const Shapes& shapes, at::ScalarType type,
                                           int64_t steps) {
  if (rule.tensor_update != nullptr) return {};
  Failures failures;
  std::vector<at::Tensor> first;
  for (const auto& pass : passes()) {
    const PassScope scope(pass);
    Training run(rule, options, parameters(shapes, type));
    run.steps(1, steps);
    if (first.empty())
      first = run.everything();
    else
      compare(failures, pass + " is not " + passes().front(), run.everything(), first);
  }
  return failures;
}

Failures gives_the_same_bits_on_any_number_of_threads(const RuleTable& rule,
                                                      const OptionValues& options,
                                                      const Shapes& shapes, at::ScalarType type,
                                                      int64_t steps) {
  Failures failures;
  // A decomposition's operations stand in LAPACK, whose order of additions depends on the number of
  // threads.
  const double tolerance = rule.tensor_update != nullptr ? tolerance_of(rule, options, type) : 0;
  std::vector<at::Tensor> one;
  for (const int threads : {1, 2, 3}) {
    const ThreadScope scope(threads);
    Training run(rule, options, parameters(shapes, type));
    run.steps(1, steps);
    if (threads == 1)
      one = run.everything();
    else
      compare(failures, c10::str(threads, " threads are not one"), run.everything(), one,
              tolerance);
  }
  return failures;
}

// Each step rounds parameter and state to the short type once, by half a unit in the last place.
// Gradients keep their sign, so that no sum cancels and no rule that looks at signs sees another
// one.
Failures computes_16_bits_as_float(const RuleTable& rule, const OptionValues& options,
                                   at::ScalarType type) {
  constexpr int64_t kSteps = 8;
  const double half_unit = type == at::kBFloat16 ? std::ldexp(1, -9) : std::ldexp(1, -12);
  const auto defaults = rule.make_options(nullptr);
  // A step that a loss bounds is short, one by a rate that is found grows.
  const double large = has_option(rule, "trust_coefficient") ? 4
                       : moves_together(rule) && !rule.needs_loss
                           ? 1
                           : std::max(0.1, 10 * *rule.lr(defaults.get()));
  const OptionValues large_steps = joined(options, {{"lr", large}});
  const auto start = parameters({{40}, {3, 7}, {}, {100}}, type);
  std::vector<at::Tensor> wide;
  for (const auto& p : start) wide.push_back(p.detach().to(at::kFloat).requires_grad_());
  Training found(rule, large_steps, start), wanted(rule, large_steps, wide);
  Failures failures;
  // A rule with norms rounds its state between its two readings, one that begins with a state rounds
  // that, and one that centralizes the gradient rounds this.
  const auto made = options_of(rule, large_steps);
  const bool rounds_once = (rule.forms.empty() || !form_of(rule, made.get()).reads_twice) &&
                           rule.initial == nullptr &&
                           !(rule.centralizes != nullptr && rule.centralizes(made.get(), 2));
  double largest = 1;
  for (int64_t t = 1; t <= kSteps; ++t) {
    for (size_t i = 0; i < start.size(); ++i) {
      const auto sizes = start[i].sizes();
      const at::Tensor sign = noise(sizes, type, 50 + static_cast<int64_t>(i)).sign();
      const at::Tensor g = sign * (0.5 + noise(sizes, type, 1000 * t).abs());
      start[i].mutable_grad() = g;
      wide[i].mutable_grad() = g.to(at::kFloat);
    }
    take_step(*found.optimizer);
    take_step(*wanted.optimizer);
    // The first step begins without a state, so it differs by one rounding: that of the result.
    if (t == 1 && rounds_once)
      for (size_t i = 0; i < start.size(); ++i)
        if (!same_bits(start[i], wide[i].detach().to(type)))
          failures.push_back(c10::str("parameter ", i, " is not float's, rounded once to ", type));
    for (const auto& p : wide) largest = std::max(largest, p.detach().abs().max().item<double>());
  }
  const double bound = 8 * kSteps * half_unit * largest;
  for (size_t i = 0; i < start.size(); ++i) {
    const double error =
        (start[i].detach().to(at::kFloat) - wide[i].detach()).abs().max().item<double>();
    if (!(error <= bound))
      failures.push_back(c10::str(type, " is off float by ", error, ", may be by ", bound));
    const at::Tensor began = noise(start[i].sizes(), type, static_cast<int64_t>(i));
    // Where a rate is still to be found, 16 bits may hold none of the moves.
    const double moved = (wide[i].detach() - began.to(at::kFloat)).abs().max().item<double>();
    if (moves_together(rule) && moved < kSteps * half_unit * largest) continue;
    if (same_bits(start[i], began)) failures.push_back(c10::str("nothing moved in ", type));
  }
  return failures;
}

Failures takes_any_layout(const RuleTable& rule, const OptionValues& options, const Shape& plane,
                          at::ScalarType type) {
  const double tolerance = tolerance_of(rule, options, type);
  Failures failures;
  const auto wanted = steps_on(rule, options, plane, type, plain, plain);
  const std::vector<std::tuple<const char*, Lay, Lay>> layouts{
      {"transposed", turned, turned},
      {"transposed, plain gradient", turned, plain},
      {"transposed gradient", plain, turned},
      {"with gaps", with_gaps, plain},
      {"with gaps, both", with_gaps, with_gaps},
      {"gradient with gaps", plain, with_gaps},
      {"off alignment", off_alignment, plain},
      {"gradient off alignment", plain, off_alignment},
      {"both off alignment", off_alignment, off_alignment}};
  for (const auto& [name, parameter, gradient] : layouts)
    compare(failures, name, steps_on(rule, options, plane, type, parameter, gradient), wanted,
            tolerance);

  compare(failures, "expanded gradient", steps_on(rule, options, plane, type, plain, first_row),
          steps_on(rule, options, plane, type, plain, first_row_copied), tolerance);
  compare(failures, "expanded gradient, transposed",
          steps_on(rule, options, plane, type, turned, first_row),
          steps_on(rule, options, plane, type, plain, first_row_copied), tolerance);

  const Shape image{2, 3, 4, 5};
  const auto flat = steps_on(rule, options, image, type, plain, plain);
  compare(failures, "channels last",
          steps_on(rule, options, image, type, channels_last, channels_last), flat, tolerance);
  compare(failures, "channels last, plain gradient",
          steps_on(rule, options, image, type, channels_last, plain), flat, tolerance);
  compare(failures, "channels last gradient",
          steps_on(rule, options, image, type, plain, channels_last), flat, tolerance);
  return failures;
}

Failures follows_a_change_of_layout(const RuleTable& rule, const OptionValues& options,
                                    at::ScalarType type) {
  Failures failures;
  const Shapes shapes{{6, 9}, {4}};
  Training wanted(rule, options, parameters(shapes, type));
  wanted.steps(1, 6);
  for (const auto& [name, lay] : {std::pair<const char*, Lay>{"transposed", turned},
                                  std::pair<const char*, Lay>{"with gaps", with_gaps}}) {
    Training found(rule, options, parameters(shapes, type));
    found.steps(1, 3);
    found.params[0].set_data(lay(found.params[0].detach()));
    found.steps(4, 6);
    compare(failures, std::string(name) + " from step 4 on", found.everything(),
            wanted.everything(), tolerance_of(rule, options, type));
  }
  return failures;
}

Failures ignores_parameters_without_gradient(const RuleTable& rule, const OptionValues& options) {
  Failures failures;
  const Shapes shapes{{3, 7}, {5}};
  Training run(rule, options, parameters(shapes, at::kFloat));
  const at::Tensor& p = run.params[0];
  const at::Tensor& q = run.params[1];
  const at::Tensor before = q.detach().clone();
  for (int64_t t = 1; t <= 2; ++t) {
    p.mutable_grad() = noise(p.sizes(), at::kFloat, 30 + t);
    take_step(*run.optimizer);
  }
  if (!same_bits(q, before)) failures.push_back("moved without a gradient");
  if (run.optimizer->state_of(q) != nullptr) failures.push_back("got a state without a gradient");

  q.mutable_grad() = noise(q.sizes(), at::kFloat, 40);
  take_step(*run.optimizer);
  p.mutable_grad() = at::Tensor();
  const auto resting = p.detach().clone();
  q.mutable_grad() = noise(q.sizes(), at::kFloat, 41);
  take_step(*run.optimizer);
  if (!same_bits(p, resting)) failures.push_back("moved at a step without a gradient");
  const bool shares = joins_group(rule, options) || !rule.shared.empty() || draws_by_position(rule);
  if (shares || needs_gradient_norm(rule, options)) return failures;

  const auto step_of = [&](const at::Tensor& x) { return run.optimizer->state_of(x)->step(); };
  if (step_of(p) != 3 || step_of(q) != 2)
    failures.push_back(c10::str("steps are ", step_of(p), " and ", step_of(q), ", not 3 and 2"));
  // What the other parameters did must not have reached q.
  Training alone(rule, options, {before.clone().requires_grad_()});
  for (const int64_t seed : {40, 41}) {
    alone.params[0].mutable_grad() = noise(q.sizes(), at::kFloat, seed);
    take_step(*alone.optimizer);
  }
  compare(failures, "a late starter", {q.detach()}, copies(alone.params));
  return failures;
}

Failures never_writes_gradients(const RuleTable& rule, const OptionValues& options) {
  Failures failures;
  for (const auto& pass : passes()) {
    const PassScope scope(pass);
    Training run(rule, options, parameters(kSmallShapes, at::kFloat));
    for (int64_t t = 1; t <= 3; ++t) {
      set_gradients(run.params, t, 3);
      std::vector<at::Tensor> before, after;
      for (const auto& p : run.params)
        if (p.grad().defined()) before.push_back(p.grad().clone());
      take_step(*run.optimizer);
      for (const auto& p : run.params)
        if (p.grad().defined()) after.push_back(p.grad());
      compare(failures, c10::str("gradients of step ", t, " on ", pass), after, before);
    }
  }
  return failures;
}

Failures keeps_no_gradients_memory(const RuleTable& rule, const OptionValues& options,
                                   at::ScalarType type) {
  Failures failures;
  Training usual(rule, options, parameters(kSmallShapes, type));
  Training reusing(rule, options, parameters(kSmallShapes, type));
  std::vector<at::Tensor> memory;
  for (const auto& p : reusing.params) memory.push_back(at::empty_like(p));
  for (int64_t t = 1; t <= 4; ++t) {
    usual.steps(t, t);
    set_gradients(reusing.params, t);
    for (size_t i = 0; i < memory.size(); ++i) {
      at::Tensor& slot = reusing.params[i].mutable_grad();
      if (slot.defined()) slot = memory[i].copy_(slot);
    }
    take_step(*reusing.optimizer);
  }
  compare(failures, "gradients in one memory", reusing.everything(), usual.everything());
  return failures;
}

Failures stays_at_rate_zero(const RuleTable& rule, const OptionValues& options) {
  // Rprop's rate is a step length, which has a lower bound of its own; fixed_decay asks for no rate.
  if (has_option(rule, "step_min") || is_set(rule, options, "fixed_decay")) return {};
  Failures failures;
  for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16}) {
    Training run(rule, options, parameters(kSmallShapes, type));
    descent::set_lr(*run.optimizer, 0);
    run.steps(1, 4);
    compare(failures, c10::str(type, " at lr 0"), copies(run.params),
            copies(parameters(kSmallShapes, type)));
  }
  return failures;
}

Failures decays_as_its_mode_says(const RuleTable& rule, const OptionValues& options) {
  if (!has_option(rule, "decay_mode")) return {};
  Failures failures;
  const auto made = options_of(rule, options);
  // Where the gradient is taken elsewhere than at p, the coupled decay is too.
  if (rule.look_ahead != nullptr && rule.look_ahead(made.get()) != 0) return {};
  const bool fixed = is_set(rule, options, "fixed_decay");
  const double rate = fixed ? 1 : *rule.lr(made.get());
  const bool maximize = is_set(rule, options, "maximize");
  for (const std::string mode : {"coupled", "decoupled"}) {
    const OptionValues without = joined(options, {{"decay_mode", mode}, {"weight_decay", 0.0}});
    if (!accepted(rule, without)) continue;
    if (mode == "decoupled" ? rule.decays_itself || rule.applies_keep : rule.couples_itself)
      continue;  // recorded trajectories hold it
    Training found(rule, without, parameters(kSmallShapes, at::kDouble));
    Training wanted(rule, without, parameters(kSmallShapes, at::kDouble));
    // The first step is without decay: FTRL's starts from what the parameter was before it.
    found.steps(1, 1);
    wanted.steps(1, 1);
    for (size_t g = 0; g < found.optimizer->param_groups().size(); ++g)
      found.optimizer->group_options(g).set({{"weight_decay", kDecay}});
    // An estimate of the Hessian would see the decay in the one's gradients and not in the other's.
    for (int64_t t = 2; t <= 5; ++t) {
      set_gradients(found.params, t);
      step_only(*found.optimizer);
      set_gradients(wanted.params, t);
      const at::NoGradGuard no_grad;
      for (const auto& p : wanted.params) {
        if (!p.grad().defined()) continue;
        const descent::ParamState* const state = wanted.optimizer->state_of(p);
        const int64_t step = state == nullptr ? 1 : state->step() + 1;
        const bool decays =
            fixed || rule.decays == nullptr || rule.decays(made.get(), {step, false, p.dim()});
        if (mode == "decoupled")
          p.mul_(decays ? 1 - rate * kDecay : 1);
        else
          p.mutable_grad() = p.grad() + (maximize ? -kDecay : kDecay) * p;
      }
      step_only(*wanted.optimizer);
    }
    compare(failures, mode + " decay", copies(found.params), copies(wanted.params));
  }
  return failures;
}

Failures ascends_as_it_descends_on_the_opposite(const RuleTable& rule,
                                                const OptionValues& options) {
  if (!has_option(rule, "maximize")) return {};
  Failures failures;
  Training up(rule, joined(options, {{"maximize", true}}), parameters(kSmallShapes, at::kFloat));
  Training down(rule, joined(options, {{"maximize", false}}), parameters(kSmallShapes, at::kFloat));
  for (int64_t t = 1; t <= 8; ++t) {
    set_gradients(up.params, t);
    take_step(*up.optimizer);
    set_gradients(down.params, t, -1);
    take_step(*down.optimizer);
  }
  compare(failures, "maximize", up.everything(), down.everything());
  if (same_bits(up.params[0], parameters(kSmallShapes, at::kFloat)[0]))
    failures.push_back("maximize moved nothing");
  return failures;
}

Failures does_not_see_how_parameters_are_grouped(const RuleTable& rule,
                                                 const OptionValues& options) {
  if (joins_group(rule, options)) return {};
  Failures failures;
  Training together(rule, options, parameters(kSmallShapes, at::kFloat));
  together.steps(1, 5);
  auto params = parameters(kSmallShapes, at::kFloat);
  Training apart(rule, options, {params[0]});
  for (size_t i = 1; i < params.size(); i += 2)
    add_groups(*apart.optimizer, options,
               {params.begin() + static_cast<int64_t>(i),
                params.begin() + static_cast<int64_t>(std::min(i + 2, params.size()))});
  apart.params = params;
  apart.steps(1, 5);
  compare(failures, "in several groups", apart.everything(), together.everything());
  return failures;
}

Failures continues_from_an_archive(const RuleTable& rule, const OptionValues& options,
                                   at::ScalarType type) {
  Failures failures;
  Training whole(rule, options, parameters(kSmallShapes, type));
  whole.steps(1, 5);
  std::stringstream stream;
  torch::save(static_cast<const torch::optim::Optimizer&>(*whole.optimizer), stream);
  const std::string archive = stream.str();
  const auto middle = copies(whole.params);
  whole.steps(6, 10);

  // One optimizer that is new, and one that has already gone another way with a state to be
  // replaced.
  // What groups there are may depend on the options.
  OptionValues others = options;
  if (!has_option(rule, "algorithm"))
    std::erase_if(others, [&](const auto& option) {
      const bool of_decay = option.first == "cautious_decay" || option.first == "decay_scale" ||
                            option.first == "max_lr";
      return of_decay || !is_base_option(rule, option.first);
    });
  Training fresh(rule, others, leaves(middle));
  Training used(rule, others, leaves(middle));
  used.steps(3, 4);
  for (size_t i = 0; i < middle.size(); ++i) used.params[i].detach().copy_(middle[i]);
  for (auto* run : {&fresh, &used}) {
    const std::string name = run == &fresh ? "a fresh optimizer" : "a used optimizer";
    std::stringstream in(archive);
    torch::load(static_cast<torch::optim::Optimizer&>(*run->optimizer), in);
    if (run->optimizer->group_options().text() != whole.optimizer->group_options().text())
      failures.push_back(name + " has the options " + run->optimizer->group_options().text());
    run->steps(6, 10);
    compare(failures, name + " goes another way", run->everything(), whole.everything());
  }
  return failures;
}

Failures stays_finite(const RuleTable& rule, const OptionValues& options) {
  Failures failures;
  for (const double start : {0.0, 1.0})
    for (const double slope : {0.0, 1e-30, 1e-8}) {
      const at::Tensor p = at::full({3, 5}, start, at::kFloat).requires_grad_();
      Training run(rule, options, {p});
      for (int t = 0; t < 8; ++t) {
        p.mutable_grad() = at::full({3, 5}, t % 3 == 2 ? 0.0 : slope, at::kFloat);
        take_step(*run.optimizer);
      }
      for (const auto& x : run.everything())
        if (x.is_floating_point() && !x.isfinite().all().item<bool>()) {
          failures.push_back(c10::str("not finite from ", start, " with gradients of ", slope));
          break;
        }
    }
  return failures;
}

Failures ignores_no_option(const RuleTable& rule, const std::vector<std::string>& exempt) {
  const auto path = [&](const OptionValues& options) {
    Training run(rule, options, parameters(kSmallShapes, at::kDouble));
    run.steps(1, 10);
    return run.everything();
  };
  // An option may need another one, as nesterov does momentum, or two.
  const auto single = single_changes(rule);
  std::vector<OptionValues> contexts{base_of(rule)};
  for (const auto& change : single) contexts.push_back(joined(base_of(rule), change));
  for (const auto& setting : paired_settings(rule)) contexts.push_back(setting.options);
  Failures failures;
  for (const auto& option : rule.defaults) {
    if (std::find(exempt.begin(), exempt.end(), option.name) != exempt.end()) continue;
    std::vector<OptionValues> candidates = changes(option);
    if (std::holds_alternative<double>(option.value))
      for (const double x : {1e-3, 1.0, 5.0})
        if (x >= 1 || option.allowed.find("a whole number") == std::string::npos)
          candidates.push_back({{option.name, x}});
    bool differs = false;
    for (const auto& context : contexts)
      for (const auto& candidate : candidates) {
        if (differs) continue;
        const OptionValues changed = joined(context, candidate);
        if (!accepted(rule, context) || !accepted(rule, changed)) continue;
        differs = !difference(path(changed), path(context)).empty();
      }
    if (!differs) failures.push_back("makes no difference: " + option.name);
  }
  return failures;
}

Failures follows_the_recording(const RuleTable& rule, const std::string& file,
                               const std::string& name) {
  const auto cases = replay::split(read(file));
  for (size_t i = 0; i < cases.size(); ++i) {
    if (replay::name_of(cases[i], i) != name) continue;
    replay::Case recorded = replay::read_case(cases[i]);
    recorded.optimizer = rule.about.key;
    const replay::Outcome outcome = replay::run(recorded, "");
    if (outcome.passed) return {};
    return {name + ": " + outcome.message};
  }
  return {file + " has no case " + name};
}

}  // namespace checks
