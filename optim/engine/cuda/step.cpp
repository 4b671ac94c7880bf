// The part of a step whose parameters are on CUDA, by the kernels of their rule.
#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <descent/optim/engine/cuda/launch.h>
#include <descent/optim/engine/engine.h>
#include <descent/optim/engine/stored.h>

namespace descent {

using namespace engine;

namespace {

/// On the parameter's device and in its order of memory, so that a kernel can walk over both as over
/// one long row. Strides of dimensions of one element do not matter.
bool lies_as(const at::Tensor& x, const at::Tensor& p) {
  if (x.device() != p.device() || x.is_neg()) return false;
  return (x.is_contiguous() && p.is_contiguous()) || x.strides() == p.strides();
}

/// What one call of the kernels steps.
struct List {
  c10::DeviceIndex device;
  size_t form;
  bool coupled;
  cuda::Format format;
  std::vector<cuda::Work> work{};
  std::vector<size_t> items{};
  int64_t units = 0;

  bool is_like(const List& other) const {
    return device == other.device && form == other.form && coupled == other.coupled &&
           format == other.format;
  }
  bool in_double() const { return format == cuda::Format::Double; }
  at::TensorOptions options() const {
    return at::TensorOptions()
        .device(at::kCUDA, device)
        .dtype(in_double() ? at::kDouble : at::kFloat);
  }
};

/// The kernels of each rule that has some.
std::unordered_map<const RuleTable*, const cuda::RuleLaunches*>& all_launches() {
  static std::unordered_map<const RuleTable*, const cuda::RuleLaunches*> all;
  return all;
}

}  // namespace

bool engine::cuda::register_launches(const RuleTable& rule, const RuleLaunches& launches) {
  return all_launches().insert({&rule, &launches}).second;
}

/// Points at an item's memory. Its format, or none if it lies otherwise than kernels need it.
std::optional<cuda::Format> OptimizerBase::Engine::point_at_device(Item& item) {
  const at::Tensor& p = *item.parameter;
  if (!p.is_cuda() || p.layout() != at::kStrided || p.is_neg() || !p.is_non_overlapping_and_dense())
    return {};
  const Group& group = groups_[item.group];
  const BaseOptions& base = group.base;
  const auto format =
      format_for(rule, *group.form, p, base, numbers_[item.numbers].agreed_decay != 0);
  // Bytes that must not round below a mean's square are for the tensor pass.
  if (!format || coded_difference(*item.state, group.form->buffers)) return {};
  for (size_t b = 0; b < rule.buffers.size(); ++b) {
    if (!group.form->buffers[b]) continue;
    at::Tensor& buffer = item.state->buffer(b);
    const at::ScalarType state = kept_in(kept_as(rule, b, p, base), p);
    if (buffer.scalar_type() != state || buffer.sizes() != p.sizes()) return {};
    if (!lies_as(buffer, p)) buffer = at::empty_like(p, p.options().dtype(state)).copy_(buffer);
  }
  const at::Tensor& g = *item.gradient;
  if (g.scalar_type() != p.scalar_type() || !lies_as(g, p)) {
    copies_.reserve(2 * items_.size());  // items point into it
    item.gradient = &copies_.emplace_back(at::empty_like(p).copy_(g));
  }
  point_at_all(item);
  if (format == cuda::Format::Mixed) {
    layouts_.resize(items_.size());
    layouts_[static_cast<size_t>(&item - items_.data())] = layout_for(item);
  }
  return format;
}

void OptimizerBase::Engine::step_on_cuda() {
  const auto found = all_launches().find(&rule);
  if (found == all_launches().end() || current_pass() == Pass::Tensor) return;
  const cuda::RuleLaunches& launches = *found->second;
  std::vector<List> lists;
  for (size_t i = 0; i < items_.size(); ++i) {
    Item& item = items_[i];
    if (item.type || item.present) continue;
    const auto format = point_at_device(item);
    if (!format) continue;
    const Group& group = groups_[item.group];
    const List wanted{item.parameter->device().index(),
                      static_cast<size_t>(group.form - rule.forms.data()), group.coupled, *format};
    auto list = std::find_if(lists.begin(), lists.end(),
                             [&](const List& other) { return wanted.is_like(other); });
    if (list == lists.end()) list = lists.insert(lists.end(), wanted);
    const int64_t n = std::exchange(item.n, 0);  // none of them are for the loops
    list->work.push_back({places_of(item), n, item.numbers,
                          format == cuda::Format::Mixed ? &layout_of(item) : nullptr});
    list->items.push_back(i);
    list->units += (n + kBlock - 1) / kBlock;
  }
  for (const List& list : lists) {
    const c10::cuda::CUDAGuard guard(list.device);
    // A GPU that the kernels were not compiled for has the tensor pass.
    if (launches.problem() != nullptr) continue;
    std::vector<cuda::Set> sets;
    for (const Numbers& numbers : numbers_)
      sets.push_back({list.in_double() ? static_cast<const void*>(numbers.doubles.data())
                                       : numbers.floats.data(),
                      groups_[numbers.group].options, numbers.at, numbers.agreed_decay,
                      static_cast<uint64_t>(groups_[numbers.group].base.seed)});
    cuda::Launch launch{.work = list.work, .sets = sets};
    launch.stream = c10::cuda::getCurrentCUDAStream(list.device).stream();
    const auto start = [&](cuda::Start begin) {
      const char* const problem = begin(launch);
      TORCH_CHECK(problem == nullptr, rule.about.name, ": the kernels on device ",
                  static_cast<int>(list.device), " cannot be started: ", problem);
    };
    for (const size_t i : list.items) {
      items_[i].on_cuda = true;
      auto* const impl = items_[i].parameter->unsafeGetTensorImpl();
      if (!impl->is_inference()) impl->bump_version();
    }
    const cuda::FormLaunches& form =
        launches.forms[list.form][list.coupled][static_cast<size_t>(list.format)];
    if (form.sweep != nullptr) {
      start(form.sweep);
      continue;
    }
    // From the allocator of the current stream, so that their memory is free again when the kernels
    // have passed.
    const auto wide = list.options().dtype(at::kDouble);
    const at::Tensor sums = at::empty({2 * list.units}, wide);
    at::Tensor judged = at::empty({2 * static_cast<int64_t>(list.items.size())}, wide);
    launch.sums = sums.mutable_data_ptr<double>();
    launch.judged = judged.mutable_data_ptr();
    start(form.measure);
    start(launches.judge[list.in_double()]);
    if (!launches.judges) {
      judged = ratios_of(list.items, judged.cpu()).to(list.options());
      launch.judged = judged.mutable_data_ptr();
    }
    start(form.apply);
  }
}

/// What the rule says to the sums of these items, for rules that remember something then, on the
/// host: the one time that a step waits for the device.
at::Tensor OptimizerBase::Engine::ratios_of(const std::vector<size_t>& items,
                                            const at::Tensor& sums) const {
  at::Tensor ratios = at::empty({static_cast<int64_t>(items.size())}, sums.options());
  const auto* const sum = sums.const_data_ptr<double>();
  auto* const ratio = ratios.mutable_data_ptr<double>();
  size_t at = 0;  // kernels pass over items without elements
  for (const size_t i : items) {
    if (items_[i].parameter->numel() == 0) continue;
    ratio[at] = trust(items_[i], sum[2 * at], sum[2 * at + 1], /*remembers=*/true);
    ++at;
  }
  return ratios;
}

}  // namespace descent
