#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <unordered_set>
#include <utility>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <omp.h>

#include <descent/optim/engine/agreed_decay.h>
#include <descent/optim/engine/engine.h>
#include <descent/optim/engine/gradient_factor.h>
#include <descent/optim/engine/one_parameter.h>
#include <descent/optim/engine/stored.h>
#include <descent/optim/pieces/decay_scale.h>
#include <descent/optim/pieces/slow_weights.h>
#include <descent/tensors/centralized.h>
#include <descent/tensors/computed_in.h>
#include <descent/tensors/fit.h>
#include <descent/tensors/restore.h>

#if AT_PARALLEL_OPENMP && !defined(_OPENMP)
#error "this file needs OpenMP: without it a step would silently run on one thread"
#endif

namespace descent {

using namespace engine;

namespace {

/// Below this many elements one thread is faster than waking another.
constexpr int64_t kSerial = 32768;
/// Rules with norms read a tensor twice: up to this many elements one thread does both while it is
/// in its cache.
constexpr int64_t kWhole = 65536;
/// From so many elements on, a parameter with its gradient and state does not stay in a core's cache.
constexpr int64_t kFar = 131072;

/// Whether `x` lies in memory as the dense tensor `p` of the same sizes does, and its memory holds
/// its values: some of LibTorch's views stand for the negative of what is there.
bool same_layout(const at::Tensor& x, const at::Tensor& p, bool p_is_contiguous) {
  if (x.is_neg()) return false;
  return (p_is_contiguous && x.is_contiguous()) || x.strides() == p.strides();
}

/// How many items ahead a thread fetches a span. Processors foresee the rest of a long tensor, but
/// not where the next short one lies.
constexpr std::ptrdiff_t kFetchAhead = 4;

/// n elements of a span, from `first` on.
Span part(Span span, int64_t element_size, int64_t first, int64_t n) {
  const int64_t bytes = first * element_size;
  span.p = static_cast<char*>(span.p) + bytes;
  span.g = static_cast<const char*>(span.g) + bytes;
  for (auto& s : span.s)
    if (s != nullptr) s = static_cast<char*>(s) + bytes;
  span.n = n;
  return span;
}

/// The numbers of a tensor one after another: in the order of memory where it is dense, as the
/// loops read them.
at::Tensor in_memory_order(const at::Tensor& x) {
  if (x.is_non_overlapping_and_dense()) return x.as_strided({x.numel()}, {1});
  return x.contiguous().view(-1);
}

/// The sum of a tensor's numbers, or of their squares, as the loops make it.
double sum_of(const at::Tensor& x, Isa isa, bool squares) {
  if (!x.device().is_cpu()) {
    const at::Tensor wide = x.to(at::kDouble);
    return (squares ? wide * wide : wide).sum().item<double>();
  }
  const at::Tensor flat = in_memory_order(x);
  const NumberType type = x.scalar_type() == at::kDouble ? NumberType::Double : NumberType::Float;
  const auto* numbers = static_cast<const char*>(flat.const_data_ptr());
  const int64_t n = flat.numel(), piece = piece_length(n);
  double total = 0;
  for (int64_t i = 0; i < n; i += piece)
    total += (squares ? square_sum : value_sum)(type, isa, numbers + i * x.element_size(),
                                                std::min(piece, n - i));
  return total;
}
double sum_of_squares(const at::Tensor& x, Isa isa) { return sum_of(x, isa, true); }

/// As == of IntArrayRef, which calls memcmp for what are one to four numbers.
bool same_sizes(const c10::TensorImpl& x, const c10::TensorImpl& y) {
  const at::IntArrayRef a = x.sizes(), b = y.sizes();
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i]) return false;
  return true;
}

/// In bytes.
int64_t size_of(NumberType type) {
  return has_16_bits(type) ? 2 : type == NumberType::Double ? 8 : 4;
}

thread_local double gradient_factor = 1;
thread_local const double* known_squares = nullptr;

/// Creates the buffers that are used and missing, as they are ahead of a parameter's first step;
/// whether there were any.
bool create_missing(const RuleTable& rule, const void* options, const BaseOptions& base,
                    const std::array<bool, kMaxBuffers>& used, const at::Tensor& p,
                    ParamState& state) {
  const auto is_missing = [&](size_t b) { return used[b] && !state.buffer(b).defined(); };
  const size_t count = rule.buffers.size();
  size_t b = 0;
  while (b < count && !is_missing(b)) ++b;
  if (b == count) return false;
  std::array<Array, kMaxBuffers> first;
  if (rule.initial != nullptr)
    rule.initial(options, Array(p.detach().to(tensors::computed_in(p))), first.data());
  for (; b < count; ++b) {
    if (!is_missing(b)) continue;
    if (is_mixed(base, p.scalar_type()))
      set_values(state, b, p, base,
                 rule.initial != nullptr ? first[b].tensor() : at::zeros_like(p));
    else
      state.buffer(b) =
          rule.initial != nullptr ? at::empty_like(p).copy_(first[b].tensor()) : at::zeros_like(p);
  }
  return true;
}

}  // namespace

engine::GradientFactor::GradientFactor(double factor)
    : before_(std::exchange(gradient_factor, gradient_factor * factor)) {}
engine::GradientFactor::~GradientFactor() { gradient_factor = before_; }
double engine::GradientFactor::now() { return gradient_factor; }

engine::KnownSquares::KnownSquares(double sum)
    : sum_(sum), before_(std::exchange(known_squares, &sum_)) {}
engine::KnownSquares::~KnownSquares() { known_squares = before_; }
const double* engine::KnownSquares::now() { return known_squares; }

at::Tensor OptimizerBase::step(torch::optim::Optimizer::LossClosure closure) {
  const char* const name = rule_->about.name;
  TORCH_CHECK(engine_->training, name,
              ": step() while the parameters are those of an evaluation, must follow train()");
  TORCH_CHECK(engine::OneParameter::now() != nullptr || !engine::OneByOne::holds_for(*this), name,
              ": step() while backward() takes the steps, must follow detach()");
  TORCH_CHECK(!rule_->needs_loss || closure, name,
              ": step() has no closure, must have one: the step's size depends on the loss");
  at::Tensor loss;
  if (engine_->looks_ahead(*this)) {
    loss = engine_->loss_ahead(*this, closure);
  } else if (closure) {
    const at::AutoGradMode with_gradients(true);
    loss = closure();
  }
  const at::NoGradGuard no_grad;
  TORCH_CHECK(
      !rule_->needs_loss || (loss.defined() && loss.numel() == 1), name, ": the closure returned ",
      loss.defined() ? c10::str("sizes ", loss.sizes()) : "nothing", ", must return one number");
  engine_->step(*this, rule_->needs_loss ? loss.item<double>() : 0);
  return loss;
}

std::unique_ptr<torch::optim::OptimizerOptions> OptimizerBase::Engine::adopted(
    const torch::optim::OptimizerOptions& options, const void* rest,
    const BaseOptions& base) const {
  const char* const name = rule.about.name;
  if (const auto* ours = dynamic_cast<const GroupOptions*>(&options)) {
    TORCH_CHECK(&ours->rule() == &rule, name, ": a group's options are those of ",
                ours->rule().about.name, ", must be ", name, "::GroupOptions");
    return options.clone();
  }
  auto made = holders.adopt_options(rule, options, rest);
  TORCH_CHECK(made != nullptr, name, ": a group's options are ",
              c10::demangle(typeid(options).name()), ", must be ", name, "::GroupOptions",
              holders.libtorch == nullptr
                  ? ""
                  : c10::str(" or torch::optim::", holders.libtorch, "Options"));
  descent::group_options(*made).set_base(base);
  return made;
}

// A dynamic_cast walks over all bases, which is much for a step of a small network.
GroupOptions* OptimizerBase::Engine::own_part(torch::optim::OptimizerOptions& options) {
  auto* const start = reinterpret_cast<char*>(&options);
  if (options_class_ != nullptr && typeid(options) == *options_class_)
    return reinterpret_cast<GroupOptions*>(start + own_options_);
  auto* const found = dynamic_cast<GroupOptions*>(&options);
  if (found != nullptr) {
    options_class_ = &typeid(options);
    own_options_ = reinterpret_cast<char*>(found) - start;
  }
  return found;
}

ParamState& OptimizerBase::Engine::adopt(std::unique_ptr<torch::optim::OptimizerParamState>& slot,
                                         const at::Tensor& p) const {
  auto* held = slot.get();
  if (held == nullptr || typeid(*held) != *holders.state_class) {
    auto made = held == nullptr ? nullptr : holders.adopt_state(holders, *held, p);
    TORCH_CHECK(made != nullptr, rule.about.name, ": state() holds ",
                held == nullptr ? "nothing" : c10::demangle(typeid(*held).name()),
                " for a parameter of sizes ", p.sizes(), ", must hold the state of this class",
                holders.libtorch == nullptr
                    ? ""
                    : c10::str(" or a torch::optim::", holders.libtorch, "ParamState"),
                "; erase it to start anew");
    slot = std::move(made);
    held = slot.get();
  }
  ParamState& state = holders.own_part(*held);
  TORCH_CHECK(&state.rule() == &rule, rule.about.name, ": state() holds the state of ",
              state.rule().about.name, " for a parameter of sizes ", p.sizes(),
              ", must hold the state of this class; erase it to start anew");
  // A program may have moved it from another parameter.
  if (state.parameter._unsafe_get_target() != p.unsafeGetTensorImpl())
    state.parameter = p.getIntrusivePtr();
  return state;
}

void OptimizerBase::make_states() {
  const at::NoGradGuard no_grad;
  for (size_t g = 0; g < param_groups().size(); ++g) {
    const void* const options = adopt_options(g).value();
    const BaseOptions base = adopt_options(g).base();
    const auto& used = form_of(*rule_, options).buffers;
    for (const auto& p : param_groups()[g].params()) {
      auto made = engine_->holders.make_state(engine_->holders, p);
      create_missing(*rule_, options, base, used, p, engine_->holders.own_part(*made));
      state()[p.unsafeGetTensorImpl()] = std::move(made);
    }
  }
}

void OptimizerBase::Engine::step(OptimizerBase& optimizer, double loss) {
  const RealViews views{*this};
  collect(optimizer);
#if defined(DESCENT_HAS_CUDA)
  refuse_capture();
#endif
  if (rule.advance != nullptr)
    for (size_t g = 0; g < groups_.size(); ++g)
      rule.advance(groups_[g].options, shared_of(g).data());
  if (rule.tensor_update != nullptr) {
    run_tensor_algorithm(optimizer);
  } else {
    prepare(optimizer);
    run(loss);
  }
  copies_.clear();
  ++steps;
  if (rule.pull != nullptr) pull_slow_weights(optimizer);
}

std::array<double, kMaxShared>& OptimizerBase::Engine::shared_of(size_t group) {
  const size_t place = rule.weigh != nullptr ? 0 : group;
  if (place >= shared.size()) shared.resize(place + 1, rule.first_shared);
  return shared[place];
}

std::string OptimizerBase::Engine::beside_first(const OptimizerBase& optimizer,
                                                const GroupOptions& options) const {
  const GroupOptions& first = optimizer.adopt_options(0);
  if (!rule.alike(first.value(), options.value())) {
    const auto wanted = rule.describe(first.value()), found = rule.describe(options.value());
    for (size_t i = 0; i < found.size(); ++i)
      if (std::find(rule.own.begin(), rule.own.end(), found[i].name) == rule.own.end() &&
          !(found[i].value == wanted[i].value))
        return c10::str(found[i].name, " = ", to_text(found[i].value), ", must be ",
                        to_text(wanted[i].value), " as in group 0: it is one for all groups");
  }
  const double lr = options.get_lr(), of_first = first.get_lr();
  if (rule.rests_at_zero && lr != of_first && lr != 0 && of_first != 0)
    return c10::str("lr = ", lr, ", must be ", of_first, " as in group 0, or 0");
  return "";
}

/// Refuses what cannot be written to ahead of the first parameter.
void OptimizerBase::Engine::change_mode(OptimizerBase& optimizer, bool to_training) {
  if (rule.change_mode == nullptr || training == to_training) return;
  const at::NoGradGuard no_grad;
  optimizer.check_states();
  const auto for_each = [&](const auto& work) {
    for (size_t g = 0; g < optimizer.param_groups().size(); ++g) {
      const auto& params = optimizer.param_groups()[g].params();
      for (size_t i = 0; i < params.size(); ++i) {
        ParamState* const state = optimizer.state_of(params[i]);
        if (state != nullptr && state->buffer(0).defined()) work(g, i, params[i], *state);
      }
    }
  };
  for_each([&](size_t g, size_t i, const at::Tensor& p, const ParamState&) {
    const std::string problem = tensors::misfit(p, p.sizes());
    TORCH_CHECK(problem.empty(), rule.about.name, ": params[", i, "] of group ", g, " ", problem);
  });
  for_each([&](size_t g, size_t i, const at::Tensor& p, ParamState& state) {
    for (size_t b = 0; b < rule.buffers.size(); ++b)
      if (at::Tensor& buffer = state.buffer(b); buffer.defined() && buffer.device() != p.device())
        buffer = buffer.to(p.device());
    at::Tensor wide = value_of(p, state);
    rule.change_mode(optimizer.adopt_options(g).value(),
                     {wide,
                      wide,
                      &state.buffer(0),
                      {state.step(), false, p.dim()},
                      p.scalar_type(),
                      static_cast<int64_t>(i)},
                     to_training);
    set_value(p, state, wide);
  });
  training = to_training;
}

/// h <- b h + (1 - b) g^2
void OptimizerBase::Engine::update_hessian(OptimizerBase& optimizer) {
  const at::NoGradGuard no_grad;
  const RealViews views{*this};
  collect(optimizer);
  for (auto& item : items_) {
    ensure_state(optimizer, item);
    const double beta = rule.hessian_beta(groups_[item.group].options);
    const auto found = std::find(rule.buffers.begin(), rule.buffers.end(), rule.hessian);
    const auto b = static_cast<size_t>(found - rule.buffers.begin());
    const at::ScalarType type = tensors::computed_in(*item.parameter);
    const at::Tensor h = values_of(*item.state, b).to(type);
    const at::Tensor g = item.gradient->to(h.device(), type);
    write_values(*item.state, b, beta * h + (1 - beta) * (g * g));
  }
}

bool OptimizerBase::Engine::looks_ahead(OptimizerBase& optimizer) const {
  if (rule.look_ahead == nullptr) return false;
  for (size_t g = 0; g < optimizer.param_groups().size(); ++g)
    if (rule.look_ahead(optimizer.adopt_options(g).value()) != 0) return true;
  return false;
}

at::Tensor OptimizerBase::Engine::loss_ahead(OptimizerBase& optimizer,
                                             const torch::optim::Optimizer::LossClosure& closure) {
  TORCH_CHECK(
      closure, rule.about.name,
      ": step() has no closure, must have one: the gradient is wanted elsewhere than at the "
      "parameters");
  const at::NoGradGuard no_grad;
  const auto& groups = optimizer.param_groups();
  for (size_t g = 0; g < groups.size(); ++g) optimizer.adopt_options(g).check();
  optimizer.check_states();
  tensors::KeptValues parameters;
  for (size_t g = 0; g < groups.size(); ++g) {
    const double distance = rule.look_ahead(optimizer.adopt_options(g).value());
    if (distance == 0) continue;
    for (const auto& p : groups[g].params()) {
      const ParamState* const state = optimizer.state_of(p);
      if (state == nullptr || !state->buffer(0).defined()) continue;
      const std::string problem = tensors::misfit(p, p.sizes());
      TORCH_CHECK(problem.empty(), rule.about.name, ": a parameter ", problem);
      parameters.keep(p);
      p.add_(values_of(*state, 0), distance);
    }
  }
  const at::AutoGradMode with_gradients(true);
  return closure();
}

void OptimizerBase::Engine::pull_slow_weights(OptimizerBase& optimizer) {
  const auto& groups = optimizer.param_groups();
  for (size_t g = 0; g < groups.size(); ++g) {
    const SlowPull pull = rule.pull(optimizer.adopt_options(g).value());
    if (steps % pull.k != 0) continue;
    for (const auto& p : groups[g].params()) {
      ParamState* const state = optimizer.state_of(p);
      if (state == nullptr) continue;
      const size_t b = *rule.slow_buffer;
      const BaseOptions base = optimizer.adopt_options(g).base();
      if (state->buffer(b).defined()) fit_buffer(*state, b, p, base, /*in_layout=*/false);
      if (!is_mixed(base, p.scalar_type())) {
        synchronize(state->buffer(b), p, pull.alpha);
        continue;
      }
      at::Tensor slow, wide = value_of(p, *state);
      if (state->buffer(b).defined()) slow = state->buffer(b).to(wide.scalar_type());
      synchronize(slow, wide, pull.alpha);
      set_values(*state, b, p, base, slow);
      set_value(p, *state, wide);
    }
  }
}

std::optional<NumberType> OptimizerBase::Engine::type_for_loops(const at::Tensor& p,
                                                                bool contiguous,
                                                                const BaseOptions& base) const {
  if (rule.forms.empty() || !p.device().is_cpu()) return {};
  if (!contiguous && needs_order(p, base)) return {};
  if ((!contiguous && !p.is_non_overlapping_and_dense()) || p.is_neg()) return {};
  return number_type(p.scalar_type());
}

void OptimizerBase::Engine::collect_groups(OptimizerBase& optimizer) {
  groups_.clear();
  places_each_ = 0;
  int64_t before = 0;
  for (size_t g = 0; g < optimizer.param_groups().size(); ++g) {
    GroupOptions& options = optimizer.adopt_options(g);
    options.check();
    options.settle();
    if (rule.weigh != nullptr && g > 0) {
      const std::string problem = beside_first(optimizer, options);
      TORCH_CHECK(problem.empty(), rule.about.name, ": group ", g, " has ", problem);
    }
    const void* const o = options.value();
    const RuleForm* const form = rule.forms.empty() ? nullptr : &form_of(rule, o);
    const BaseOptions base = options.base();
    const auto& params = optimizer.param_groups()[g].params();
    Prologue<double> prologue = rule.prologue(o);
    prologue.scale *= GradientFactor::now();
    groups_.push_back({o, form, rule.coupled(o), prologue,
                       rule.rests_at_zero && options.get_lr() == 0, base, is_asked(base),
                       params.data(), before, 1, 0});
    set_decay(groups_.back(), options.get_lr());
    before += static_cast<int64_t>(params.size());
    if (form == nullptr) continue;
    const auto used = std::count(form->buffers.begin(), form->buffers.end(), true);
    places_each_ = std::max(places_each_, 2 + static_cast<size_t>(used));
  }
}

/// By the base options, where they say more than the rule does. Stable's rate is not known yet.
void OptimizerBase::Engine::set_decay(Group& group, double lr) const {
  const BaseOptions& base = group.base;
  if (base.decay_scale == DecayScale::Lr && !base.cautious_decay) return;
  group.decay_per_rate = rules::decay_per_rate(base, lr);
  const double wd = rule.weight_decay(group.options);
  if (wd == 0) return;
  const double decay = lr * group.decay_per_rate * wd;
  group.prologue.keep = base.cautious_decay ? 1 : 1 - decay;
  if (base.cautious_decay) group.agreed_decay = decay;
}

/// The same of a rule that decays in its update.
void OptimizerBase::Engine::set_decay(Numbers& numbers) const {
  const Group& group = groups_[numbers.group];
  if (rule.decay_place < 0) return;
  double& decay = numbers.doubles[static_cast<size_t>(kPrologue + rule.decay_place)];
  decay *= group.decay_per_rate;
  if (!group.base.cautious_decay) return;
  numbers.agreed_decay = numbers.doubles[static_cast<size_t>(kPrologue + rule.lr_place)] * decay;
  decay = 0;
}

/// L = lr/(sqrt(q) + eps), where q is the mean of exp_avg_sq as this step will leave it over all
/// elements of all parameters that have a gradient: it takes a reading of its own.
void OptimizerBase::Engine::set_stable_decay() {
  const auto is_stable = [&](const Numbers& numbers) {
    return groups_[numbers.group].base.decay_scale == DecayScale::Stable;
  };
  if (std::none_of(numbers_.begin(), numbers_.end(), is_stable)) return;
  const auto place = [&](std::string_view name) {
    const auto found = std::find(rule.buffers.begin(), rule.buffers.end(), name);
    return static_cast<size_t>(found - rule.buffers.begin());
  };
  const size_t square = place("exp_avg_sq"), largest = place("max_exp_avg_sq");
  double sum = 0, n = 0;
  for (const Item& item : items_) {
    const Numbers& numbers = numbers_[item.numbers];
    const Group& group = groups_[item.group];
    const auto [beta, correction, eps] = rule.second_moment(group.options, numbers.at);
    const at::ScalarType type = tensors::computed_in(*item.parameter);
    const at::Tensor g = item.gradient->to(item.parameter->device(), type) * group.prologue.scale;
    at::Tensor v = beta * values_of(*item.state, square).to(type) + (1 - beta) * (g * g);
    if (group.form->buffers[largest]) v = v.maximum(values_of(*item.state, largest).to(type));
    sum += sum_of(v, isa_, false) / correction;
    n += static_cast<double>(item.parameter->numel());
  }
  for (Numbers& numbers : numbers_) {
    if (!is_stable(numbers)) continue;
    const Group& group = groups_[numbers.group];
    const double eps = rule.second_moment(group.options, numbers.at).eps;
    const double lr = *rule.lr(const_cast<void*>(group.options));
    const double decay = rule.weight_decay(group.options) * lr / (std::sqrt(sum / n) + eps);
    if (group.base.cautious_decay) {
      numbers.agreed_decay = decay;
    } else {
      numbers.doubles[2] = 1 - decay;
      numbers.floats[2] = static_cast<float>(numbers.doubles[2]);
    }
  }
}

void OptimizerBase::Engine::collect(OptimizerBase& optimizer) {
  const char* const name = rule.about.name;
  const Pass pass = current_pass();
  isa_ = pass == Pass::V4 ? Isa::V4 : pass == Pass::V3 ? Isa::V3 : Isa::Baseline;
  items_.clear();
  ++serial_;
  collect_groups(optimizer);
  const OneParameter::Place* const only = OneParameter::now();
  const auto& groups = optimizer.param_groups();
  // Steps of one parameter are many: each looks at all others only if the lists have changed.
  const bool at_place =
      only != nullptr && only->group < groups.size() &&
      only->index < groups[only->group].params().size() &&
      groups[only->group].params()[only->index].unsafeGetTensorImpl() == only->parameter;
  auto& states = optimizer.state();
  size_t count = at_place ? 1 : 0;
  if (!at_place)
    for (const auto& group : groups) count += group.params().size();
  items_.reserve(count);
  if (places_.size() < count * places_each_) places_.resize(count * places_each_);
  // What these rules do to gradients and buffers ahead of the loops is done in full each time.
  const bool may_be_plain = pass != Pass::Tensor && !rule.forms.empty() && rule.pull == nullptr &&
                            rule.centralizes == nullptr && !rule.sparse_only;
  std::unordered_set<const void*> newcomers;
  for (uint32_t g = 0; g < groups.size(); ++g) {
    const auto& params = groups[g].params();
    const BaseOptions& base = groups_[g].base;
    auto fits_precision = at::ScalarType::Undefined;  // the last type that did
    const bool is_of_another = at_place && only->group != g;
    const size_t first = at_place ? only->index : 0, end = at_place ? first + 1 : params.size();
    for (size_t i = first; i < end && !is_of_another; ++i) {
      const at::Tensor& p = params[i];
      TORCH_CHECK(p.defined(), name, ": params[", i, "] is undefined, must be a tensor");
      if (groups_[g].is_asked && p.scalar_type() != fits_precision) {
        fits_precision = p.scalar_type();
        const std::string problem =
            precision_problem(rule, groups_[g].options, base, fits_precision);
        TORCH_CHECK(problem.empty(), name, ": group ", g, " has ", problem);
      }
      const at::Tensor& gradient = p.unsafeGetTensorImpl()->grad();
      const bool is_others = only != nullptr && p.unsafeGetTensorImpl() != only->parameter;
      if (groups_[g].rests || !gradient.defined() || is_others) {
        if (rule.pull != nullptr) check_pulled(optimizer, p, g, i);
        continue;
      }
      Item& item = items_.emplace_back();
      item.parameter = &p;
      item.gradient = &gradient;
      item.group = g;
      item.reads_twice = !rule.forms.empty() && groups_[g].form->reads_twice;
      item.mixed = is_mixed(base, p.scalar_type());
      const bool plain = may_be_plain && !item.mixed && point_at_memory(item);
      if (!plain) {
        const bool sparse = gradient.layout() == at::kSparse && rule.takes_sparse != nullptr;
        TORCH_CHECK(sparse || (gradient.layout() == at::kStrided && !rule.sparse_only), name,
                    ": the gradient of params[", i, "] of group ", g, " has layout ",
                    gradient.layout(), ", must be ",
                    rule.sparse_only               ? "sparse (COO)"
                    : rule.takes_sparse != nullptr ? "strided or sparse (COO)"
                                                   : "strided");
        TORCH_CHECK(gradient.sizes() == p.sizes(), name, ": the gradient of params[", i,
                    "] of group ", g, " has sizes ", gradient.sizes(), ", must be ", p.sizes());
        if (p.is_complex()) {
          optimizer.check_param(name, p, i);
          reals_.reserve(2 * count);  // items point into it
          take_real_views(item, g, i);
        }
        const at::Tensor& stepped = *item.parameter;
        item.contiguous = stepped.is_contiguous();
        check_memory_of(stepped, item.contiguous, *item.gradient, g, i);
        if (sparse) check_sparse(p, gradient, g, i);
        item.present = sparse && rule.takes_sparse(groups_[g].options) == Sparse::Present;
        if (!item.present && pass != Pass::Tensor)
          item.type = type_for_loops(stepped, item.contiguous, base);
      }
      const auto known = states.find(p.unsafeGetTensorImpl());
      bool once = true;
      if (known != states.end()) {
        item.state = &adopt(known->second, p);
        once = std::exchange(item.state->collected, serial_) != serial_;
        item.ready = plain && !item.state->has_beside() && point_at_buffers(item);
        if (!item.ready) {
          if (!at::isFloatingType(p.scalar_type())) optimizer.check_param(name, p, i);
          item.state->check(p, g, i);
          for (size_t b = 0; b < rule.buffers.size(); ++b) {
            at::Tensor& buffer = item.state->buffer(b);
            TORCH_CHECK(!buffer.defined() || buffer.is_complex() == p.is_complex(), name,
                        ": params[", i, "] of group ", g, " has dtype ", p.scalar_type(), ", its ",
                        rule.buffers[b], " has dtype ", buffer.scalar_type(),
                        "; erase its state to start anew");
            if (buffer.defined() && p.is_complex())
              buffer = at::view_as_real(buffer.resolve_conj());
          }
        }
      } else {
        // LibTorch lets users push parameters into a group's list: then this is their door.
        optimizer.check_param(name, p, i);
        once = newcomers.insert(p.unsafeGetTensorImpl()).second;
      }
      TORCH_CHECK(once, name, ": params[", i, "] of group ", g,
                  " is in the groups twice, must be there once");
    }
    if (rule.tensor_update != nullptr)
      optimizer.check_blocks(groups[g], optimizer.adopt_options(g));
  }
  options_known.resize(groups.size());
  check_apart(optimizer);
}

/// The parameter as it stands in its group's list.
const at::Tensor& OptimizerBase::Engine::owner(const Item& item) const {
  if (reals_.empty()) return *item.parameter;
  const std::less<const at::Tensor*> is_before;
  const at::Tensor *const begin = reals_.data(), *const end = begin + reals_.size();
  if (is_before(item.parameter, begin) || !is_before(item.parameter, end)) return *item.parameter;
  return *complex_[static_cast<size_t>(item.parameter - begin) / 2];
}

/// A complex parameter is stepped as its real view (..., 2), and so are its gradient and state.
void OptimizerBase::Engine::take_real_views(Item& item, uint32_t group, size_t position) {
  const at::Tensor &p = *item.parameter, &gradient = *item.gradient;
  TORCH_CHECK(gradient.is_complex() && gradient.layout() == at::kStrided && !p.is_conj(),
              rule.about.name, ": the gradient of params[", position, "] of group ", group,
              " has dtype ", gradient.scalar_type(), " and layout ", gradient.layout(),
              ", must be complex and strided as the parameter, which may be no conjugated view");
  item.parameter = &reals_.emplace_back(at::view_as_real(p.detach()));
  complex_.push_back(&p);
  item.gradient = &reals_.emplace_back(at::view_as_real(gradient.resolve_conj()));
}

void OptimizerBase::Engine::make_complex_again() {
  if (reals_.empty()) return;
  for (const Item& item : items_) {
    const at::Tensor& p = owner(item);
    if (!p.is_complex() || item.state == nullptr) continue;
    for (size_t b = 0; b < rule.buffers.size(); ++b)
      if (at::Tensor& buffer = item.state->buffer(b);
          buffer.defined() && !buffer.is_complex() && buffer.dim() == p.dim() + 1)
        buffer = at::view_as_complex(buffer);
  }
  reals_.clear();
  complex_.clear();
}

/// Reads of parameter and gradient, each once, what the loops have to know: whether they are plain
/// tensors of one type and the same sizes, all in memory, and where. False: something has to be
/// looked at in full.
bool OptimizerBase::Engine::point_at_memory(Item& item) {
  const c10::TensorImpl& p = *item.parameter->unsafeGetTensorImpl();
  const c10::TensorImpl& g = *item.gradient->unsafeGetTensorImpl();
  c10::StorageImpl* const of_p = tensors::plain_storage(*item.parameter);
  const c10::StorageImpl* const of_g = tensors::plain_storage(*item.gradient);
  if (of_p == nullptr || of_g == nullptr || p.dtype() != g.dtype() || !same_sizes(p, g))
    return false;
  item.type = number_type(item.parameter->scalar_type());
  if (!item.type) return false;
  const auto size = static_cast<int64_t>(p.itemsize());
  item.contiguous = true;
  item.n = p.numel();
  void** const places = places_of(item);
  places[0] = static_cast<char*>(of_p->mutable_data()) + p.storage_offset() * size;
  places[1] = const_cast<char*>(static_cast<const char*>(of_g->data())) + g.storage_offset() * size;
  return true;
}

/// The same of the buffers, for a parameter of which point_at_memory() was true.
bool OptimizerBase::Engine::point_at_buffers(Item& item) {
  const c10::TensorImpl& p = *item.parameter->unsafeGetTensorImpl();
  const auto& used = groups_[item.group].form->buffers;
  void** place = places_of(item) + 2;
  for (size_t b = 0; b < rule.buffers.size(); ++b) {
    const at::Tensor& buffer = item.state->buffer(b);
    if (!buffer.defined()) {
      if (used[b]) return false;
      continue;
    }
    const c10::TensorImpl& x = *buffer.unsafeGetTensorImpl();
    c10::StorageImpl* const storage = tensors::plain_storage(buffer);
    if (storage == nullptr || x.dtype() != p.dtype() || !same_sizes(x, p)) return false;
    if (used[b])
      *place++ = static_cast<char*>(storage->mutable_data()) +
                 x.storage_offset() * static_cast<int64_t>(x.itemsize());
  }
  return true;
}

/// Refuses what cannot be read or written in full: nothing else stands between a loop and memory
/// that is not the tensor's.
void OptimizerBase::Engine::check_memory_of(const at::Tensor& p, bool contiguous,
                                            const at::Tensor& gradient, uint32_t group,
                                            size_t position) const {
  if (!tensors::has_its_memory(p) || !(contiguous || p.is_non_overlapping_and_dense())) {
    const std::string problem = tensors::misfit(p, p.sizes());
    TORCH_CHECK(problem.empty(), rule.about.name, ": params[", position, "] of group ", group, " ",
                problem);
  }
  TORCH_CHECK(
      gradient.scalar_type() == p.scalar_type() || at::isFloatingType(gradient.scalar_type()),
      rule.about.name, ": the gradient of params[", position, "] of group ", group, " has dtype ",
      gradient.scalar_type(), ", must be a real floating-point type");
  if (gradient.layout() != at::kStrided) return;
  TORCH_CHECK((!gradient.is_meta() || p.is_meta()) && !gradient._is_zerotensor(), rule.about.name,
              ": the gradient of params[", position, "] of group ", group,
              " has no memory, must have values there");
  TORCH_CHECK(tensors::has_its_memory(gradient), rule.about.name, ": the gradient of params[",
              position, "] of group ", group, " has a memory of ", gradient.storage().nbytes(),
              " bytes, must have one of ", gradient.numel() * gradient.element_size());
}

void OptimizerBase::Engine::check_sparse(const at::Tensor& p, const at::Tensor& gradient,
                                         uint32_t group, size_t position) const {
  const Group& of = groups_[group];
  const auto refuse = [&](bool is, const auto&... words) {
    TORCH_CHECK(!is, rule.about.name, ": the gradient of params[", position, "] of group ", group,
                " is sparse, ", words...);
  };
  refuse(of.coupled || of.prologue.keep != 1 || of.agreed_decay != 0, "so weight_decay must be 0");
  refuse(of.base.master != Master::None, "so master must be none");
  refuse(of.base.rounding != Rounding::Nearest, "so rounding must be nearest");
  refuse(of.base.state_bits != 0, "so state_bits must be 0");
  refuse(gradient.sparse_dim() == 0, "and must have a sparse axis");
  refuse(gradient.device() != p.device(), "and must be on the parameter's device");
  const at::Tensor indices = gradient._indices();
  if (indices.numel() == 0) return;
  for (int64_t axis = 0; axis < gradient.sparse_dim(); ++axis) {
    const at::Tensor along = indices.select(0, axis);
    const auto least = along.min().item<int64_t>(), largest = along.max().item<int64_t>();
    refuse(least < 0 || largest >= p.size(axis), "and has the index ", least < 0 ? least : largest,
           " along axis ", axis, ", must be in [0, ", p.size(axis), ")");
  }
}

/// Slow weights are drawn together with a parameter that has no gradient too.
void OptimizerBase::Engine::check_pulled(OptimizerBase& optimizer, const at::Tensor& p,
                                         uint32_t group, size_t position) const {
  const ParamState* const state = optimizer.state_of(p);
  if (state == nullptr) return;
  state->check(p, group, position);
  const std::string problem = tensors::misfit(p, p.sizes());
  TORCH_CHECK(problem.empty(), rule.about.name, ": params[", position, "] of group ", group, " ",
              problem);
}

/// Refuses parameters that share memory: two threads could write there at once. Compares addresses
/// only where one has changed since the last step, which a hash of all of them tells.
void OptimizerBase::Engine::check_apart(const OptimizerBase& optimizer) {
  // Of tensors with gaps the addresses do not tell; they are stepped one after another.
  const auto each = [&](const auto& visit) {
    for (uint32_t i = 0; i < items_.size(); ++i) {
      if (items_[i].ready) {
        const auto* const begin = static_cast<const char*>(*places_of(items_[i]));
        const int64_t n = items_[i].n;
        if (n != 0) visit(begin, begin + n * size_of(*items_[i].type), i);
        continue;
      }
      const at::Tensor& p = *items_[i].parameter;
      if (!items_[i].contiguous && !p.is_non_overlapping_and_dense()) continue;
      const auto* const begin = static_cast<const char*>(p.mutable_data_ptr());
      if (begin != nullptr && p.numel() != 0) visit(begin, begin + p.nbytes(), i);
    }
  };
  uint64_t hash = 1;
  each([&](const char* begin, const char* end, uint32_t) {
    const auto mixed = [](const char* x, uint64_t by) {
      return reinterpret_cast<uintptr_t>(x) * by;
    };
    hash ^= mixed(begin, 0xbf58476d1ce4e5b9u) + mixed(end, 0x94d049bb133111ebu);
    hash *= 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
  });
  if (hash == found_apart_) return;

  struct Memory {
    const char* begin;
    const char* end;
    uint32_t item;
  };
  std::vector<Memory> all;
  all.reserve(items_.size());
  each([&](const char* begin, const char* end, uint32_t i) { all.push_back({begin, end, i}); });
  std::sort(all.begin(), all.end(), [](const Memory& x, const Memory& y) {
    return x.begin != y.begin ? x.begin < y.begin : x.item < y.item;
  });
  for (size_t i = 1; i < all.size(); ++i) {
    const Item& one = items_[all[i - 1].item];
    const Item& other = items_[all[i].item];
    const auto position = [&](const Item& item) {
      return &owner(item) - optimizer.param_groups()[item.group].params().data();
    };
    TORCH_CHECK(all[i].begin >= all[i - 1].end, rule.about.name, ": params[", position(other),
                "] of group ", other.group, " shares memory with params[", position(one),
                "] of group ", one.group, ", must have its own; to tie weights use one tensor");
  }
  found_apart_ = hash;
}

/// Creates what is missing of an item's state and brings what is there into the parameter's dtype,
/// device and layout; collect() has compared the sizes.
void OptimizerBase::Engine::ensure_state(OptimizerBase& optimizer, Item& item) const {
  const at::Tensor& p = *item.parameter;
  if (item.state == nullptr) {
    auto state = holders.make_state(holders, owner(item));
    item.state = &holders.own_part(*state);
    optimizer.state()[owner(item).unsafeGetTensorImpl()] = std::move(state);
  }
  const auto& used = groups_[item.group].form->buffers;
  const void* const options = groups_[item.group].options;
  const BaseOptions& base = groups_[item.group].base;
  item.fresh = create_missing(rule, options, base, used, p, *item.state);
  // A loop wants the buffers to lie as the parameter does; ATen's operations do not.
  const auto fit = [&](size_t b) {
    fit_buffer(*item.state, b, p, base, /*in_layout=*/item.type.has_value());
  };
  for (size_t b = 0; b < rule.buffers.size(); ++b)
    if (used[b]) fit(b);
  if (groups_[item.group].is_asked || item.state->has_beside()) fit_beside(*item.state, p, base);
  if (rule.pull != nullptr) {
    const size_t slow = *rule.slow_buffer;
    if (item.state->buffer(slow).defined())
      fit(slow);
    else if (rule.pull(options).slow_init == SlowInit::Initial)
      set_values(*item.state, slow, p, base, p.detach());
  }
}

/// Elementwise items come first.
void OptimizerBase::Engine::sort_by_readings() {
  elementwise_ = 0;
  for (auto& item : items_) {
    if (item.reads_twice) continue;
    Item& first = items_[elementwise_++];
    if (&first == &item) continue;
    std::swap_ranges(places_of(item), places_of(item) + places_each_, places_of(first));
    std::swap(item, first);
  }
}

void OptimizerBase::Engine::prepare(OptimizerBase& optimizer) {
  numbers_.clear();
  buckets_.assign(std::bit_ceil(items_.size() / 8 + 1), kNone);
  blocks_ = norm_blocks_ = 0;
  sort_by_readings();
  for (auto& item : items_) {
    if (item.ready) continue;
    ensure_state(optimizer, item);
    const at::Tensor& p = *item.parameter;
    if (item.gradient->layout() == at::kSparse) {
      copies_.reserve(2 * items_.size());  // items point into it
      const at::Tensor sum = item.gradient->coalesce();
      item.gradient = &copies_.emplace_back(item.present ? sum : sum.to_dense());
    }
    if (rule.centralizes != nullptr && rule.centralizes(groups_[item.group].options, p.dim())) {
      copies_.reserve(2 * items_.size());  // items point into it
      item.gradient = &copies_.emplace_back(tensors::centralized(*item.gradient));
    }
    if (!item.type) continue;
    const at::Tensor& g = *item.gradient;
    if (g.scalar_type() != p.scalar_type() || !g.device().is_cpu() ||
        !same_layout(g, p, item.contiguous)) {
      copies_.reserve(2 * items_.size());
      item.gradient = &copies_.emplace_back(at::empty_like(p).copy_(g));
    }
    point_at_all(item);
  }
  for (auto& item : items_) {
    const StepInfo at{++item.state->step(), item.fresh, item.parameter->dim()};
    item.numbers = numbers_for(item.group, at, *item.state);
    item.state->scalars.set(numbers_[item.numbers].after);
    uint32_t& blocks = item.reads_twice ? norm_blocks_ : blocks_;
    item.first_block = blocks;
    if (!item.type) continue;
    if (item.mixed) {
      layouts_.resize(items_.size());
      layouts_[static_cast<size_t>(&item - items_.data())] = layout_for(item);
    }
    // The loops write behind autograd's back: a graph that has saved this parameter must notice.
    auto* const impl = item.parameter->unsafeGetTensorImpl();
    if (!impl->is_inference()) impl->bump_version();
    blocks += static_cast<uint32_t>((item.n + kBlock - 1) / kBlock);
  }
}

uint32_t OptimizerBase::Engine::numbers_for(uint32_t group, const StepInfo& at,
                                            const ParamState& state) {
  const auto scalars = state.scalars.values();
  const auto is_of = [&](const Numbers& numbers) {
    return numbers.group == group && numbers.at == at && numbers.before == scalars;
  };
  // Most parameters have the numbers of the one before them.
  if (!numbers_.empty() && is_of(numbers_.back()))
    return static_cast<uint32_t>(numbers_.size() - 1);
  const auto mixed = [](uint64_t hash, uint64_t x) { return (hash ^ x) * 0x9e3779b97f4a7c15; };
  uint64_t hash =
      mixed(mixed(group, static_cast<uint64_t>(at.step)), static_cast<uint64_t>(at.dim));
  for (const double x : scalars) hash = mixed(hash, std::bit_cast<uint64_t>(x));
  // The upper bits of a product are the mixed ones.
  uint32_t& bucket = buckets_[(hash >> 32) & (buckets_.size() - 1)];
  for (uint32_t i = bucket; i != kNone; i = numbers_[i].next)
    if (is_of(numbers_[i])) return i;
  Numbers& numbers = numbers_.emplace_back();
  numbers.group = group;
  numbers.next = std::exchange(bucket, static_cast<uint32_t>(numbers_.size() - 1));
  numbers.at = at;
  numbers.before = numbers.after = scalars;
  const Prologue<double>& prologue = groups_[group].prologue;
  numbers.doubles[0] = prologue.scale;
  numbers.doubles[1] = prologue.decay;
  numbers.doubles[2] = prologue.keep;
  const void* const options = groups_[group].options;
  numbers.agreed_decay = groups_[group].agreed_decay;
  if (rule.decays != nullptr && !rule.decays(options, at))
    numbers.doubles[2] = 1, numbers.agreed_decay = 0;
  const int count =
      kPrologue + rule.begin(options, at, numbers.after.data(), shared_of(group).data(),
                             numbers.doubles.data() + kPrologue);
  set_decay(numbers);
  for (int i = 0; i < count; ++i) numbers.floats[i] = static_cast<float>(numbers.doubles[i]);
  return static_cast<uint32_t>(numbers_.size() - 1);
}

const void* OptimizerBase::Engine::constants(const Item& item) const {
  const Numbers& numbers = numbers_[item.numbers];
  return item.type == NumberType::Double ? static_cast<const void*>(numbers.doubles.data())
                                         : numbers.floats.data();
}

const Kernels& OptimizerBase::Engine::kernels(const Item& item) const {
  const Group& group = groups_[item.group];
  return group.form
      ->kernels[group.coupled][item.type == NumberType::Double][static_cast<size_t>(isa_)];
}

/// Calls work(loops, k) with what the loops of an item's step are.
template <class Work>
void OptimizerBase::Engine::with_loops(const Item& item, const Work& work) const {
  const double decay = numbers_[item.numbers].agreed_decay;
  if (decay == 0) return work(kernels(item), constants(item));
  const AgreedDecay agreed{kernels(item), constants(item), decay};
  work(with_agreed_decay(item.type == NumberType::Double), &agreed);
}

void OptimizerBase::Engine::run(double loss) {
  scale_gradients();
  set_stable_decay();
  if (rule.weigh != nullptr) return run_jointly(loss);
#if defined(DESCENT_HAS_CUDA)
  step_on_cuda();
#endif
  for (auto& item : items_)
    if (!item.type && !item.on_cuda) step_tensor(item);
  if (blocks_ + norm_blocks_ == 0) return;
  if (norm_blocks_ > 0) sums_.resize(static_cast<size_t>(2 * 2 * kPieces));

  int64_t elements = 0;
  for (const auto& item : items_) elements += item.n;
  const bool alone = elements < kSerial || at::in_parallel_region();
  const int64_t threads =
      alone ? 1 : std::min<int64_t>(at::get_num_threads(), blocks_ + norm_blocks_);
  const auto work = [&](int64_t thread, int64_t count) {
    run_elementwise(thread, count);
    run_with_norms(thread, count);
  };
  if (threads <= 1) return work(0, 1);
  const auto team = static_cast<int>(threads);
#pragma omp parallel num_threads(team)
  work(omp_get_thread_num(), omp_get_num_threads());
}

void OptimizerBase::Engine::point_at_all(Item& item) {
  void** place = places_of(item);
  item.n = item.parameter->numel();
  *place++ = item.parameter->mutable_data_ptr();
  *place++ = const_cast<void*>(item.gradient->const_data_ptr());
  const auto& used = groups_[item.group].form->buffers;
  for (size_t b = 0; b < rule.buffers.size(); ++b)
    if (used[b]) *place++ = item.state->buffer(b).mutable_data_ptr();
}

/// Where an item's numbers lie.
Span OptimizerBase::Engine::span(const Item& item) const {
  void* const* place = places_of(item);
  Span span{place[0], place[1], {}, item.n, item.n >= kFar};
  place += 2;
  const auto& used = groups_[item.group].form->buffers;
  for (size_t b = 0; b < rule.buffers.size(); ++b)
    if (used[b]) span.s[b] = *place++;
  return span;
}

/// What the random bits of this step follow from.
Draw OptimizerBase::Engine::draw_for(const Item& item) const {
  const Group& group = groups_[item.group];
  return {static_cast<uint64_t>(group.base.seed),
          static_cast<uint32_t>(group.before + (&owner(item) - group.params)),
          static_cast<uint32_t>(item.state->step())};
}

Layout OptimizerBase::Engine::layout_for(const Item& item) const {
  const BaseOptions& base = groups_[item.group].base;
  Layout layout{};
  layout.whole = span(item);
  layout.type = *item.type;
  layout.master = base.master;
  layout.by_chance = base.rounding == Rounding::Stochastic;
  if (base.master != Master::None)
    layout.beside = item.state->beside().parameter().mutable_data_ptr();
  layout.draw = draw_for(item);
  for (size_t b = 0; b < rule.buffers.size(); ++b) {
    if (layout.whole.s[b] == nullptr) continue;
    layout.kept[b] = kept_as(rule, b, *item.parameter, base);
    if (!has_codes(layout.kept[b])) continue;
    layout.coded = true;
    layout.absmax[b] = item.state->beside().absmax(b).mutable_data_ptr<float>();
  }
  return layout;
}

void OptimizerBase::Engine::sweep(const Item& item, int64_t first, int64_t n) const {
  with_loops(item, [&](const Kernels& loops, const void* k) {
    if (item.mixed) return sweep_layout(layout_of(item), isa_, loops, first, n, k);
    const Span part = descent::part(span(item), size_of(*item.type), first, n);
    if (has_16_bits(*item.type))
      sweep_short(*item.type, isa_, loops, part, k);
    else
      loops.sweep(part, k);
  });
}

void OptimizerBase::Engine::measure(const Item& item, int64_t first, int64_t n,
                                    double* sums) const {
  const Kernels& loops = kernels(item);
  const void* const k = constants(item);
  if (item.mixed) return measure_layout(layout_of(item), isa_, loops, first, n, k, sums);
  const Span part = descent::part(span(item), size_of(*item.type), first, n);
  if (has_16_bits(*item.type))
    measure_short(*item.type, isa_, loops, part, k, sums);
  else
    loops.measure(part, k, sums);
}

void OptimizerBase::Engine::apply(const Item& item, int64_t first, int64_t n, double trust) const {
  with_loops(item, [&](const Kernels& loops, const void* k) {
    if (item.mixed) return apply_layout(layout_of(item), isa_, loops, first, n, k, trust);
    const Span part = descent::part(span(item), size_of(*item.type), first, n);
    if (has_16_bits(*item.type))
      apply_short(*item.type, isa_, loops, part, k, trust);
    else
      loops.apply(part, k, trust);
  });
}

/// All threads that share a tensor ask; one of them remembers what the rule does.
double OptimizerBase::Engine::trust(const Item& item, double first, double second,
                                    bool remembers) const {
  const Numbers& numbers = numbers_[item.numbers];
  auto scalars = numbers.after;
  const double ratio =
      rule.trust(groups_[item.group].options, {first, second, item.parameter->numel()}, numbers.at,
                 scalars.data());
  if (remembers) item.state->scalars.set(scalars);
  return ratio;
}

void OptimizerBase::Engine::run_elementwise(int64_t thread, int64_t threads) const {
  const int64_t begin = blocks_ * thread / threads, end = blocks_ * (thread + 1) / threads;
  if (begin == end) return;
  const auto last = items_.begin() + static_cast<std::ptrdiff_t>(elementwise_);
  // Asks for the first four cache lines. No function: GCC takes one for without effect and drops it.
  const auto fetch = [](const void* start) {
    for (int line = 0; line < 4; ++line)
      __builtin_prefetch(static_cast<const char*>(start) + 64 * line);
  };
  auto item = std::upper_bound(items_.begin(), last, begin,
                               [](int64_t block, const Item& x) { return block < x.first_block; });
  for (--item; item != last && item->first_block < end; ++item) {
    if (last - item > kFetchAhead) {
      void* const* const later = places_of(item[kFetchAhead]);
      for (size_t k = 0; k < places_each_; ++k) fetch(later[k]);
    }
    const int64_t from = std::max<int64_t>(0, begin - item->first_block) * kBlock;
    const int64_t to = std::min((end - item->first_block) * kBlock, item->n);
    if (from < to) sweep(*item, from, to - from);
  }
}

// A tensor is read twice, so both times should fall into one stay in the cache. Short tensors are
// one thread's, from start to end. On a long one all threads work together, tensor after tensor;
// the second reading runs backwards, because what was read last is still there.
void OptimizerBase::Engine::run_with_norms(int64_t thread, int64_t threads) {
  const auto together = [&](const Item& item) { return item.n > kWhole && threads > 1; };
  const int64_t first_block = norm_blocks_ * thread / threads;
  const int64_t end_block = norm_blocks_ * (thread + 1) / threads;
  bool odd = false;
  for (const bool long_ones : {true, false}) {
    for (size_t at = elementwise_; at < items_.size(); ++at) {
      const Item& item = items_[at];
      if (item.n == 0 || together(item) != long_ones) continue;
      if (!long_ones && (item.first_block < first_block || item.first_block >= end_block)) continue;
      const int64_t length = piece_length(item.n), pieces = (item.n + length - 1) / length;
      const auto size = [&](int64_t i) { return std::min(length, item.n - i * length); };
      const int64_t begin = long_ones ? pieces * thread / threads : 0;
      const int64_t end = long_ones ? pieces * (thread + 1) / threads : pieces;
      // Each thread has sums of its own for short tensors. Long ones take two sets of common sums
      // in turn: a quick thread may be at the next tensor while a slow one still adds up this.
      double own[2 * kWhole / kBlock];
      double* const sums =
          !long_ones && pieces <= kWhole / kBlock ? own : sums_.data() + (odd ? 2 * kPieces : 0);
      odd = !odd;
      for (int64_t i = begin; i < end; ++i) measure(item, i * length, size(i), sums + 2 * i);
      if (long_ones) {
#pragma omp barrier
      }
      double first = 0, second = 0;
      for (int64_t i = 0; i < pieces; ++i) {
        first += sums[2 * i];
        second += sums[2 * i + 1];
      }
      const double ratio = trust(item, first, second, !long_ones || thread == 0);
      if (long_ones)
        for (int64_t i = end; i-- > begin;) apply(item, i * length, size(i), ratio);
      else
        apply(item, 0, item.n, ratio);
    }
  }
}

/// Calls work(i) for each piece, on all threads where there is enough to do.
template <class Work>
void OptimizerBase::Engine::for_each_piece(const Work& work) const {
  const auto count = static_cast<int64_t>(pieces_.size());
  const bool alone = norm_blocks_ * kBlock < kSerial || at::in_parallel_region();
  const auto threads = static_cast<int>(std::min<int64_t>(at::get_num_threads(), count));
  if (alone || threads <= 1) {
    for (int64_t i = 0; i < count; ++i) work(i);
    return;
  }
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t i = 0; i < count; ++i) work(i);
}

// All tensors are measured before any moves. The sums of pieces are added up in the order of the
// parameters, so that no thread count changes a bit.
void OptimizerBase::Engine::run_jointly(double loss) {
  pieces_.clear();
  for (const Item& item : items_)
    for (int64_t first = 0, length = piece_length(item.n); first < item.n; first += length)
      pieces_.push_back({&item, first, std::min(length, item.n - first)});
  sums_.resize(std::max(sums_.size(), 2 * pieces_.size()));
  for_each_piece([&](int64_t i) {
    const Piece& piece = pieces_[static_cast<size_t>(i)];
    measure(*piece.item, piece.first, piece.n, &sums_[static_cast<size_t>(2 * i)]);
  });
  Totals totals{0, 0, loss};
  size_t i = 0;
  for (const Item& item : items_) {
    double sums[2] = {0, 0};
    if (!item.type) measure_tensor(item, sums);
    for (; i < pieces_.size() && pieces_[i].item == &item; ++i) {
      sums[0] += sums_[2 * i];
      sums[1] += sums_[2 * i + 1];
    }
    totals.first += sums[0];
    totals.second += sums[1];
  }
  if (items_.empty()) return;
  const std::optional<double> weight =
      rule.weigh(groups_.front().options, totals, shared_of(0).data());
  if (!weight) return;
  for_each_piece([&](int64_t j) {
    const Piece& piece = pieces_[static_cast<size_t>(j)];
    apply(*piece.item, piece.first, piece.n, *weight);
  });
  for (const Item& item : items_)
    if (!item.type) apply_tensor(item, *weight);
}

double engine::gradient_squares(OptimizerBase& optimizer) {
  const RuleTable& rule = optimizer.rule();
  if (rule.needs_gradient_norm == nullptr) return 0;
  const Pass pass = current_pass();
  const Isa isa = pass == Pass::V4 ? Isa::V4 : pass == Pass::V3 ? Isa::V3 : Isa::Baseline;
  // In the order in which a step has them: elementwise forms first.
  struct Squares {
    bool of_norms;
    double sum;
  };
  std::vector<Squares> all;
  bool is_needed = false;
  for (size_t g = 0; g < optimizer.param_groups().size(); ++g)
    is_needed |= rule.needs_gradient_norm(optimizer.group_options(g).value());
  for (size_t g = 0; is_needed && g < optimizer.param_groups().size(); ++g) {
    const GroupOptions& options = optimizer.group_options(g);
    if (rule.rests_at_zero && options.get_lr() == 0) continue;
    const bool of_norms = form_of(rule, options.value()).reads_twice;
    for (const at::Tensor& p : optimizer.param_groups()[g].params()) {
      at::Tensor gradient = p.grad();
      // One that does not fit is refused by the step.
      if (!gradient.defined() || gradient.layout() != at::kStrided || gradient.sizes() != p.sizes())
        continue;
      if (gradient.scalar_type() != p.scalar_type() || !same_layout(gradient, p, p.is_contiguous()))
        gradient = at::empty_like(p).copy_(gradient);
      all.push_back({of_norms, sum_of_squares(gradient.to(tensors::computed_in(p)), isa)});
    }
  }
  size_t elementwise = 0;
  for (Squares& one : all)
    if (!one.of_norms) std::swap(one, all[elementwise++]);
  double total = 0;
  for (const Squares& one : all) total += one.sum;
  return total;
}

double OptimizerBase::Engine::gradient_squares(const Item& item) const {
  const int64_t n = item.n;
  if (!item.type)
    return sum_of_squares(item.gradient->to(tensors::computed_in(*item.parameter)), isa_);
  const int64_t piece = piece_length(n), bytes = item.parameter->element_size();
  const auto* const g = static_cast<const char*>(item.gradient->const_data_ptr());
  double total = 0;
  for (int64_t i = 0; i < n; i += piece) {
    const int64_t end = std::min(i + piece, n);
    if (!has_16_bits(*item.type)) {
      total += square_sum(*item.type, isa_, g + i * bytes, end - i);
      continue;
    }
    double sum = 0;
    for (int64_t block = i; block < end; block += kBlock) {
      float wide[kBlock];
      const int64_t count = std::min(kBlock, end - block);
      widen(*item.type, isa_, reinterpret_cast<const uint16_t*>(g) + block, wide, count);
      sum += square_sum(NumberType::Float, isa_, wide, count);
    }
    total += sum;
  }
  return total;
}

/// Where an option scales gradients by the norm of all of them (LAMB's max_grad_norm), that needs a
/// reading ahead of the step.
void OptimizerBase::Engine::scale_gradients() {
  if (rule.needs_gradient_norm == nullptr ||
      std::none_of(groups_.begin(), groups_.end(),
                   [&](const Group& group) { return rule.needs_gradient_norm(group.options); }))
    return;
  const double* const known = KnownSquares::now();
  const auto count = known != nullptr ? 0 : static_cast<int64_t>(items_.size());
  sums_.resize(std::max(sums_.size(), static_cast<size_t>(count)));
  const bool alone = (blocks_ + norm_blocks_) * kBlock < kSerial || at::in_parallel_region();
  const auto measure_item = [&](int64_t i) {
    if (items_[i].type) sums_[i] = gradient_squares(items_[i]);
  };
  if (alone || at::get_num_threads() == 1) {  // a region of one thread would allocate
    for (int64_t i = 0; i < count; ++i) measure_item(i);
  } else {
#pragma omp parallel for num_threads(at::get_num_threads()) schedule(static, 1)
    for (int64_t i = 0; i < count; ++i) measure_item(i);
  }
  double total = known != nullptr ? *known : 0;
  for (int64_t i = 0; i < count; ++i)
    total += !items_[i].type ? gradient_squares(items_[i]) : sums_[i];
  const double norm = GradientFactor::now() * std::sqrt(total);
  for (auto& numbers : numbers_) {
    const void* const options = groups_[numbers.group].options;
    if (!rule.needs_gradient_norm(options)) continue;
    numbers.doubles[0] *= rule.gradient_scale(options, norm);
    numbers.floats[0] = static_cast<float>(numbers.doubles[0]);
  }
}

/// The tensor pass: the rule's text on whole tensors.
struct OptimizerBase::Engine::WholeTensors {
  WholeTensors(const Engine& engine, const Item& of)
      : rule(engine.rule),
        item(of),
        used(engine.groups_[item.group].form->buffers),
        text(engine.groups_[item.group].form->arrays[engine.groups_[item.group].coupled]),
        type(tensors::computed_in(*item.parameter)),
        k(engine.numbers_[item.numbers].doubles),
        g(item.gradient->to(item.parameter->device(), type)),
        p(!item.state->has_beside() ? item.parameter->to(type)
                                    : step_start(*item.parameter, *item.state)) {
    if (type == at::kFloat)
      for (size_t i = 0; i < k.size(); ++i) k[i] = engine.numbers_[item.numbers].floats[i];
    for (size_t b = 0; b < rule.buffers.size(); ++b)
      if (used[b]) state[b] = Array(values_of(*item.state, b).to(type));
  }
  /// Whether the state is one that measuring does not store, see low_precision.h.
  bool is_coded() const {
    for (size_t b = 0; b < rule.buffers.size(); ++b)
      if (used[b] && item.state->beside().absmax(b).defined()) return true;
    return false;
  }
  /// Remembers where the parameter is, for decay() after the rule's text.
  void keep_start(const Engine& engine) {
    agreed_decay = engine.numbers_[item.numbers].agreed_decay;
    if (agreed_decay != 0) start = Array(p.tensor().clone());
  }
  void decay() {
    if (agreed_decay != 0) p = decayed_where_agreed(p, start, agreed_decay);
  }
  /// Rounds the state to its own type.
  void store_state() const {
    for (size_t b = 0; b < rule.buffers.size(); ++b)
      if (used[b]) write_values(*item.state, b, state[b].tensor());
  }
  void store(const Engine& engine) const {
    store_state();
    store_step(*item.parameter, *item.state,
               engine.groups_[item.group].base.rounding == Rounding::Stochastic,
               engine.draw_for(item), p.tensor());
  }

  const RuleTable& rule;
  const Item& item;
  const std::array<bool, kMaxBuffers>& used;
  const ArrayKernels& text;
  at::ScalarType type;
  std::array<double, kMaxConstants> k;
  Array g, p;
  std::array<Array, kMaxBuffers> state;
  Array start;
  double agreed_decay = 0;
};

/// The rule's text on what the sparse gradient holds, with its part of parameter and state.
void OptimizerBase::Engine::step_present(const Item& item) const {
  const at::Tensor& p = *item.parameter;
  if (item.gradient->_nnz() == 0) return;
  c10::List<std::optional<at::Tensor>> places;
  for (const at::Tensor& along : item.gradient->_indices().unbind(0)) places.push_back(along);
  const at::ScalarType type = tensors::computed_in(p);
  const Group& group = groups_[item.group];
  const Numbers& numbers = numbers_[item.numbers];
  std::array<double, kMaxConstants> k = numbers.doubles;
  if (type == at::kFloat) std::copy(numbers.floats.begin(), numbers.floats.end(), k.begin());
  Array at_places(p.detach().index(places).to(type));
  const Array g(item.gradient->_values().to(type));
  std::array<Array, kMaxBuffers> state;
  const auto& used = group.form->buffers;
  for (size_t b = 0; b < rule.buffers.size(); ++b)
    if (used[b]) state[b] = Array(item.state->buffer(b).index(places).to(type));
  group.form->arrays[0].sweep(at_places, g, state.data(), k.data());
  const auto put = [&](const at::Tensor& into, const Array& values) {
    into.index_put_(places, values.tensor().to(into.scalar_type()));
  };
  put(p, at_places);
  for (size_t b = 0; b < rule.buffers.size(); ++b)
    if (used[b]) put(item.state->buffer(b), state[b]);
}

void OptimizerBase::Engine::step_tensor(const Item& item) const {
  if (item.present) return step_present(item);
  if (item.reads_twice) {
    double sums[2];
    measure_tensor(item, sums);
    return apply_tensor(item, trust(item, sums[0], sums[1], /*remembers=*/true));
  }
  WholeTensors whole(*this, item);
  whole.keep_start(*this);
  whole.text.sweep(whole.p, whole.g, whole.state.data(), whole.k.data());
  whole.decay();
  whole.store(*this);
}

void OptimizerBase::Engine::measure_tensor(const Item& item, double* sums) const {
  WholeTensors whole(*this, item);
  const Pair<Array> pair = whole.text.measure(whole.p, whole.g, whole.state.data(), whole.k.data());
  if (!whole.is_coded()) whole.store_state();  // rounded to the state's type, as the loops do
  sums[0] = sum_of(pair.first.tensor(), isa_, !rule.adds_values);
  sums[1] = sum_of(pair.second.tensor(), isa_, !rule.adds_values);
}

void OptimizerBase::Engine::apply_tensor(const Item& item, double ratio) const {
  WholeTensors whole(*this, item);
  if (whole.type == at::kFloat) ratio = static_cast<float>(ratio);
  if (whole.is_coded()) whole.text.measure(whole.p, whole.g, whole.state.data(), whole.k.data());
  whole.keep_start(*this);
  whole.text.apply(whole.p, whole.g, whole.state.data(), whole.k.data(), ratio);
  whole.decay();
  whole.store(*this);
}

void OptimizerBase::Engine::run_tensor_algorithm(OptimizerBase& optimizer) {
  // The state of a block of parameters, which is its first one's.
  const auto state_for = [&](const at::Tensor* params, size_t count) -> ParamState& {
    if (ParamState* const known = optimizer.state_of(*params)) {
      for (size_t b = 0; b < rule.buffers.size(); ++b)
        if (at::Tensor& buffer = known->buffer(b);
            buffer.defined() && buffer.device() != params->device())
          buffer = buffer.to(params->device());
      return *known;
    }
    auto made = holders.make_state(holders, *params);
    ParamState& state = holders.own_part(*made);
    std::vector<int64_t> block;
    for (size_t i = 0; i < count; ++i) append_sizes(block, params[i]);
    state.scalars.set_block(std::move(block));
    optimizer.state()[params->unsafeGetTensorImpl()] = std::move(made);
    return state;
  };
  // What `prepare` of compile.h does inside the loops.
  const auto decayed = [this](const Group& group, const at::Tensor& wide,
                              const at::Tensor& gradient) {
    at::Tensor g = gradient.to(wide.device(), wide.scalar_type());
    if (group.prologue.scale != 1) g = g * group.prologue.scale;
    if (group.coupled)
      g = g + wide * group.prologue.decay;
    else if (group.prologue.keep != 1 && !rule.applies_keep)
      wide.mul_(group.prologue.keep);
    return g;
  };
  const auto update = [&](const Group& group, at::Tensor& wide, const at::Tensor& g,
                          const at::Tensor& p, int64_t position, ParamState& state) {
    const int64_t step = ++state.step();
    const StepInfo at{step, step == 1, wide.dim()};
    at::Tensor start;
    if (group.agreed_decay != 0) start = wide.clone();
    rule.tensor_update(group.options, {wide, g, &state.buffer(0), at, p.scalar_type(), position,
                                       group.prologue.keep});
    if (start.defined())
      wide = decayed_where_agreed(Array(wide), Array(start), group.agreed_decay).tensor();
  };
  const auto by_chance = [](const Group& group) {
    return group.base.rounding == Rounding::Stochastic;
  };
  const auto draw = [](const Group& group, int64_t position, const ParamState& state) {
    return Draw{static_cast<uint64_t>(group.base.seed), static_cast<uint32_t>(position),
                static_cast<uint32_t>(state.step())};
  };
  int64_t next = 0;  // parameters of the groups so far
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Group& group = groups_[g];
    const auto& params = optimizer.param_groups()[g].params();
    const int64_t first = next;
    next += static_cast<int64_t>(params.size());
    const auto has_gradient = [&](const Item& item) { return item.group == g; };
    if (!rule.joins_group || !rule.joins_group(group.options)) {
      for (const auto& item : items_) {
        if (!has_gradient(item) || item.parameter->numel() == 0) continue;
        const at::Tensor& p = *item.parameter;
        ParamState& state = state_for(&p, 1);
        fit_beside(state, p, group.base);
        // 16 bits are rounded once, at the end.
        at::Tensor wide = step_start(p, state);
        const int64_t position = first + (&p - params.data());
        update(group, wide, decayed(group, wide, *item.gradient).contiguous(), p, position, state);
        store_step(p, state, by_chance(group), draw(group, position, state), wide);
      }
      continue;
    }
    if (std::none_of(items_.begin(), items_.end(), has_gradient)) continue;
    if (std::all_of(params.begin(), params.end(),
                    [](const at::Tensor& p) { return p.numel() == 0; }))
      continue;
    ParamState& state = state_for(params.data(), params.size());
    std::vector<at::Tensor> values, gradients;
    for (const auto& p : params) {
      const at::Tensor& gradient = p.unsafeGetTensorImpl()->grad();
      const at::Tensor wide = step_start(p, state);
      gradients.push_back(gradient.defined() ? decayed(group, wide, gradient).reshape(-1)
                                             : at::zeros({p.numel()}, wide.options()));
      values.push_back(wide.reshape(-1));
    }
    at::Tensor joined = at::cat(values);
    update(group, joined, at::cat(gradients), params[0], first, state);
    int64_t offset = 0;
    for (size_t i = 0; i < params.size(); ++i) {
      const at::Tensor& p = params[i];
      if (p.unsafeGetTensorImpl()->grad().defined())
        store_step(p, state, by_chance(group), draw(group, first + static_cast<int64_t>(i), state),
                   joined.narrow(0, offset, p.numel()).view(p.sizes()));
      offset += p.numel();
    }
  }
}

}  // namespace descent
