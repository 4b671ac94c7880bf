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
bool same_sizes(const c10::TensorImpl& x, const c10::TensorImpl& y) {
  const at::IntArrayRef a = x.sizes(), b = y.sizes();
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i]) return false;
  return true;
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
