#include <algorithm>
#include <functional>
#include <unordered_set>
#include <utility>

#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>

#include <descent/optim/engine/engine.h>
#include <descent/optim/engine/gradient_factor.h>
#include <descent/optim/engine/one_parameter.h>
#include <descent/optim/engine/phases.h>
#include <descent/optim/engine/stored.h>
#include <descent/optim/pieces/decay_scale.h>
#include <descent/tensors/fit.h>

namespace descent {

using namespace engine;

namespace {

/// As == of IntArrayRef, which calls memcmp for what are one to four numbers.
__attribute__((always_inline)) inline bool same_sizes(const c10::TensorImpl& x,
                                                      const c10::TensorImpl& y) {
  const int64_t dim = x.dim();
  if (dim != y.dim() || x.numel() != y.numel()) return false;
  if (dim == 1) return true;
  const int64_t *const a = x.sizes().data(), *const b = y.sizes().data();
  int64_t i = 0;
  while (i < dim && a[i] == b[i]) ++i;
  return i == dim;
}

/// How many parameters ahead collect() asks the caches for what it will read: a dozen objects all over
/// the heap, each found by the one before it. Where the caches do not hold those of all parameters,
/// it would wait for one after another.
constexpr size_t kAskAhead = 8;
/// A parameter's part of trail_: then each buffer that is used, and its storage.
enum { kGradient, kStorageOfGradient, kState, kBuffers };

uintptr_t address(const void* object) { return reinterpret_cast<uintptr_t>(object); }
int32_t way(const at::Tensor& from, const void* to) {
  const auto way = static_cast<intptr_t>(address(to) - address(from.unsafeGetTensorImpl()));
  return static_cast<int32_t>(way >> 4);  // of what is too far away it leads elsewhere
}

// Always inlined, because GCC takes a function that only asks for one without effect, and drops it.
template <size_t Bytes>
__attribute__((always_inline)) inline void ask_for(const void* object) {
  for (size_t at = 0; at < Bytes; at += 64)
    __builtin_prefetch(static_cast<const char*>(object) + at);
  __builtin_prefetch(static_cast<const char*>(object) + Bytes - 1);
}
/// What is read of a storage, or of a tensor's part for autograd, lies at its start.
constexpr size_t kStart = 64;
__attribute__((always_inline)) inline void ask_for_all(const at::Tensor& p, const int32_t* trail,
                                                       size_t each) {
  const c10::TensorImpl* const impl = p.unsafeGetTensorImpl();
  ask_for<sizeof(c10::TensorImpl)>(impl);
  const auto object = [&](size_t i) {
    return reinterpret_cast<const void*>(address(impl) +
                                         static_cast<uintptr_t>(intptr_t{16} * trail[i]));
  };
  ask_for<sizeof(c10::TensorImpl)>(object(kGradient));
  ask_for<kStart>(object(kStorageOfGradient));
  ask_for<sizeof(ParamState)>(object(kState));
  for (size_t i = kBuffers; i < each; i += 2) {
    ask_for<sizeof(c10::TensorImpl)>(object(i));
    ask_for<kStart>(object(i + 1));
  }
}
/// The rest, which the parameter itself tells.
__attribute__((always_inline)) inline void ask_for_its_own(const at::Tensor& p) {
  const c10::TensorImpl& impl = *p.unsafeGetTensorImpl();
  ask_for<kStart>(impl.autograd_meta());
  ask_for<kStart>(impl.unsafe_storage().unsafeGetStorageImpl());
}

}  // namespace

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
  gradient_factor_ = GradientFactor::now();
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
    prologue.scale *= gradient_factor_;
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

void OptimizerBase::Engine::collect(OptimizerBase& optimizer) {
  const char* const name = rule.about.name;
  const std::optional<Isa> isa = current_isa();
  isa_ = isa.value_or(Isa::Baseline);
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
  const size_t trail_each = kBuffers + 2 * (std::max<size_t>(places_each_, 2) - 2);
  if (trail_.size() != count * trail_each && !at_place) trail_.assign(count * trail_each, 0);
  // What these rules do to gradients and buffers ahead of the loops is done in full each time.
  const bool may_be_plain = isa && !rule.forms.empty() && rule.pull == nullptr &&
                            rule.centralizes == nullptr && !rule.sparse_only;
  std::unordered_set<const void*> newcomers;
  int32_t unused[kBuffers + 2 * kMaxBuffers];
  for (uint32_t g = 0; g < groups.size(); ++g) {
    const auto& params = groups[g].params();
    const BaseOptions& base = groups_[g].base;
    const auto before = static_cast<size_t>(groups_[g].before);
    auto fits_precision = at::ScalarType::Undefined;  // the last type that did
    const bool is_of_another = at_place && only->group != g;
    const size_t first = at_place ? only->index : 0, end = at_place ? first + 1 : params.size();
    for (size_t i = first; i < end && !is_of_another; ++i) {
      const at::Tensor& p = params[i];
      TORCH_CHECK(p.defined(), name, ": params[", i, "] is undefined, must be a tensor");
      int32_t* const trail = at_place ? unused : trail_.data() + (before + i) * trail_each;
      if (i + kAskAhead < end) {
        ask_for_all(params[i + kAskAhead], trail + kAskAhead * trail_each, trail_each);
        ask_for_its_own(params[i + kAskAhead / 2]);
      }
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
      void** const places = places_.data() + items_.size() * places_each_;
      Item& item = items_.emplace_back();
      item.parameter = &p;
      item.gradient = &gradient;
      item.group = g;
      item.reads_twice = !rule.forms.empty() && groups_[g].form->reads_twice;
      item.mixed = is_mixed(base, p.scalar_type());
      const bool plain = may_be_plain && !item.mixed && point_at_memory(item, places, trail);
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
        if (!item.present && isa) item.type = type_for_loops(stepped, item.contiguous, base);
      }
      const auto known = states.find(p.unsafeGetTensorImpl());
      bool once = true;
      if (known != states.end()) {
        item.state = &adopt(known->second, p);
        trail[kState] = way(p, known->second.get());
        once = std::exchange(item.state->collected, serial_) != serial_;
        item.ready = plain && !item.state->has_beside() &&
                     point_at_buffers(item, places + 2, trail + kBuffers);
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
__attribute__((flatten)) bool OptimizerBase::Engine::point_at_memory(Item& item, void** places,
                                                                     int32_t* trail) {
  const c10::TensorImpl& p = *item.parameter->unsafeGetTensorImpl();
  const c10::TensorImpl& g = *item.gradient->unsafeGetTensorImpl();
  c10::StorageImpl* const of_p = tensors::plain_storage(*item.parameter);
  const c10::StorageImpl* const of_g = tensors::plain_storage(*item.gradient);
  trail[kGradient] = way(*item.parameter, &g);
  trail[kStorageOfGradient] = way(*item.parameter, of_g);
  if (of_p == nullptr || of_g == nullptr || p.dtype() != g.dtype() || !same_sizes(p, g))
    return false;
  item.type = number_type(item.parameter->scalar_type());
  if (!item.type) return false;
  const int64_t size = size_of(*item.type);
  item.contiguous = true;
  item.n = p.numel();
  places[0] = static_cast<char*>(of_p->mutable_data()) + p.storage_offset() * size;
  places[1] = const_cast<char*>(static_cast<const char*>(of_g->data())) + g.storage_offset() * size;
  return true;
}

/// The same of the buffers, for a parameter of which point_at_memory() was true.
__attribute__((flatten)) bool OptimizerBase::Engine::point_at_buffers(Item& item, void** place,
                                                                      int32_t* trail) {
  const c10::TensorImpl& p = *item.parameter->unsafeGetTensorImpl();
  const int64_t size = size_of(*item.type);
  const auto& used = groups_[item.group].form->buffers;
  for (size_t b = 0; b < rule.buffers.size(); ++b) {
    const at::Tensor& buffer = item.state->buffer(b);
    if (!buffer.defined()) {
      if (used[b]) return false;
      continue;
    }
    const c10::TensorImpl& x = *buffer.unsafeGetTensorImpl();
    c10::StorageImpl* const storage = tensors::plain_storage(buffer);
    if (storage == nullptr || x.dtype() != p.dtype() || !same_sizes(x, p)) return false;
    if (!used[b]) continue;
    *trail++ = way(*item.parameter, &x);
    *trail++ = way(*item.parameter, storage);
    *place++ = static_cast<char*>(storage->mutable_data()) + x.storage_offset() * size;
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
  TORCH_CHECK(gradient.device() == p.device(), rule.about.name, ": the gradient of params[",
              position, "] of group ", group, " is on ", gradient.device(), ", must be on ",
              p.device(), " as the parameter");
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

}  // namespace descent
