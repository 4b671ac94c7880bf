// The part of a step whose parameters are on CUDA, by the kernels of their rule.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <unordered_map>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/logical_and.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/zeros.h>
#include <c10/core/DeviceGuard.h>

#include <descent/optim/engine/cuda/device.h>
#include <descent/optim/engine/cuda/launch.h>
#include <descent/optim/engine/engine.h>
#include <descent/optim/engine/gradient_factor.h>
#include <descent/optim/engine/one_parameter.h>
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
  at::Device device;
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
    return at::TensorOptions().device(device).dtype(in_double() ? at::kDouble : at::kFloat);
  }
};

/// The kernels of each rule that has some.
std::unordered_map<const RuleTable*, const cuda::RuleLaunches*>& all_launches() {
  static std::unordered_map<const RuleTable*, const cuda::RuleLaunches*> all;
  return all;
}

void add_once(std::vector<at::Device>& devices, at::Device device) {
  if (std::find(devices.begin(), devices.end(), device) == devices.end()) devices.push_back(device);
}

/// Whether what one has kernels for the other has too. Seeds and decays are numbers to them.
bool are_kept_alike(const BaseOptions& x, const BaseOptions& y) {
  BaseOptions other = y.decaying_as(x);
  other.seed = x.seed;
  return other == x && x.cautious_decay == y.cautious_decay;
}

/// A number on the device of a kernel that reads it.
const float* number_on(at::Device device, at::Tensor& number) {
  if (!number.defined()) return nullptr;
  number = number.to(device, at::kFloat, /*non_blocking=*/true);
  return number.const_data_ptr<float>();
}

}  // namespace

bool engine::cuda::register_launches(const RuleTable& rule, const RuleLaunches& launches) {
  return all_launches().insert({&rule, &launches}).second;
}

class OptimizerBase::Engine::CudaSteps final : public DeviceSteps {
 public:
  explicit CudaSteps(Engine& engine)
      : engine_(engine), rule_(engine.rule), launches_([&] {
          const auto found = all_launches().find(&engine.rule);
          return found == all_launches().end() ? nullptr : found->second;
        }()) {}

  bool is_captured(at::Device device) const override {
    if (device.type() != cuda::device_type()) return false;
    const c10::DeviceGuard guard(device);
    return cuda::is_captured();
  }
  void run() override;
  std::string obstacle(const Finding* finding, bool captured) const override;
  void take_over(const Finding* finding, bool captured) override;
  void before_replay(OptimizerBase& optimizer) override;

  static const bool are_known;

 private:
  /// Where a captured launch finds its sets, in bytes from the Replay on.
  struct Sets {
    const cuda::FormLaunches* kernels;
    bool in_double;
    size_t first, first_question;
  };
  /// A step that a graph holds.
  struct Captured {
    struct Parameter {
      at::Tensor tensor;
      uint32_t group, set;
      int64_t position;  ///< see Draw
      int64_t dim;
      std::vector<const void*> places;  ///< parameter, buffers, and what is beside them
    };
    struct OfGroup {
      const RuleForm* form;
      bool coupled, rests, centralizes;
      BaseOptions base;
    };
    std::vector<Parameter> parameters{};
    std::vector<OfGroup> groups{};
    size_t sets = 0;
    uint32_t candidates = 1;
    std::vector<Sets> lists{};
    at::Tensor there{};  ///< Replay and sets, as int32
    std::shared_ptr<Skips> skips{};
    bool may_skip = false;
  };

  std::optional<cuda::Format> format_of(const Item& item) const;
  bool is_in_place(const Item& item) const;
  std::string obstacle_of(const Group& group) const;
  std::string obstacle_of(const Item& item) const;
  void point_at_device(Item& item);
  std::vector<List> make_lists();
  void start(const List& list, cuda::Launch launch);
  at::Tensor ratios_of(const std::vector<size_t>& items, const at::Tensor& sums) const;
  std::vector<uint32_t> candidates_of(const std::vector<uint32_t>& numbers, int64_t open,
                                      const ParamState& any) const;
  cuda::Set set_of(uint32_t numbers, bool in_double) const;
  Captured capture(const std::vector<List>& lists, bool may_skip);
  void hand_over(Captured& captured, const std::vector<uint32_t>& numbers, int64_t open) const;
  bool centralizes(const Group& group) const {
    return rule_.centralizes != nullptr && rule_.centralizes(group.options, 2);
  }
  void join(const std::vector<ParamState*>& states, std::shared_ptr<Skips>& skips,
            const std::vector<at::Device>& devices, bool captured);
  static std::vector<const void*> places_of(const at::Tensor& p, const ParamState& state);
  const cuda::FormLaunches& kernels_of(const List& list) const {
    return launches_->forms[list.form][list.coupled][static_cast<size_t>(list.format)];
  }

  Engine& engine_;
  const RuleTable& rule_;
  const cuda::RuleLaunches* const launches_;  ///< null: the rule has none
  std::shared_ptr<Skips> skips_{};            ///< of steps that no graph holds
  /// All that there ever were: a graph may be replayed as long as the optimizer lives.
  std::vector<std::unique_ptr<Captured>> captured_{};
};

const bool OptimizerBase::Engine::CudaSteps::are_known =
    (make_device_steps_ = [](Engine& engine) -> std::unique_ptr<DeviceSteps> {
      return std::make_unique<CudaSteps>(engine);
    }) != nullptr;

/// In which format kernels step an item whose state is there, or none.
std::optional<cuda::Format> OptimizerBase::Engine::CudaSteps::format_of(const Item& item) const {
  const at::Tensor& p = *item.parameter;
  if (p.device().type() != cuda::device_type() || p.layout() != at::kStrided || p.is_neg() ||
      !p.is_non_overlapping_and_dense() || item.present)
    return {};
  const Group& group = engine_.groups_[item.group];
  // Of rules that do not decay in every step, kernels may be given the numbers of another step.
  const auto format = format_for(rule_, *group.form, p, group.base,
                                 /*decays_last=*/group.base.cautious_decay);
  // Bytes that must not round below a mean's square are for the tensor pass.
  if (!format || coded_difference(*item.state, group.form->buffers)) return {};
  for (size_t b = 0; b < rule_.buffers.size(); ++b) {
    if (!group.form->buffers[b]) continue;
    const at::Tensor& buffer = item.state->buffer(b);
    if (buffer.scalar_type() != kept_in(kept_as(rule_, b, p, group.base), p) ||
        buffer.sizes() != p.sizes())
      return {};
  }
  return format;
}

/// Whether a step makes nothing of its state anew.
bool OptimizerBase::Engine::CudaSteps::is_in_place(const Item& item) const {
  if (item.state == nullptr) return false;
  const at::Tensor& p = *item.parameter;
  const Group& group = engine_.groups_[item.group];
  for (size_t b = 0; b < rule_.buffers.size(); ++b) {
    if (!group.form->buffers[b]) continue;
    const Kept kept = kept_as(rule_, b, p, group.base);
    const at::Tensor &buffer = item.state->buffer(b), &absmax = item.state->beside().absmax(b);
    if (!buffer.defined() || buffer.scalar_type() != kept_in(kept, p) || !lies_as(buffer, p) ||
        absmax.defined() != has_codes(kept))
      return false;
    if (absmax.defined() && (absmax.device() != p.device() || !absmax.is_contiguous() ||
                             absmax.scalar_type() != at::kFloat))
      return false;
  }
  return has_fit_beside(*item.state, p, group.base);
}

/// Points at an item's memory.
void OptimizerBase::Engine::CudaSteps::point_at_device(Item& item) {
  const at::Tensor& p = *item.parameter;
  const auto& used = engine_.groups_[item.group].form->buffers;
  for (size_t b = 0; b < rule_.buffers.size(); ++b) {
    if (!used[b]) continue;
    at::Tensor& buffer = item.state->buffer(b);
    if (!lies_as(buffer, p)) buffer = at::empty_like(p, buffer.options()).copy_(buffer);
  }
  const at::Tensor& g = *item.gradient;
  if (g.scalar_type() != p.scalar_type() || !lies_as(g, p)) {
    engine_.copies_.reserve(2 * engine_.items_.size());  // items point into it
    item.gradient = &engine_.copies_.emplace_back(at::empty_like(p).copy_(g));
  }
  engine_.point_at_all(item);
}

/// What kernels step. Their items are no longer for the loops.
std::vector<List> OptimizerBase::Engine::CudaSteps::make_lists() {
  std::vector<List> lists;
  for (size_t i = 0; i < engine_.items_.size(); ++i) {
    Item& item = engine_.items_[i];
    if (item.type) continue;
    const auto format = format_of(item);
    if (!format) continue;
    point_at_device(item);
    const Group& group = engine_.groups_[item.group];
    const List wanted{item.parameter->device(),
                      static_cast<size_t>(group.form - rule_.forms.data()), group.coupled, *format};
    auto list = std::find_if(lists.begin(), lists.end(),
                             [&](const List& other) { return wanted.is_like(other); });
    if (list == lists.end()) list = lists.insert(lists.end(), wanted);
    if (format == cuda::Format::Mixed) {
      engine_.layouts_.resize(engine_.items_.size());
      engine_.layouts_[i] = engine_.layout_for(item);
    }
    const int64_t n = std::exchange(item.n, 0);  // none of them are for the loops
    list->work.push_back({engine_.places_of(item), n, item.numbers,
                          format == cuda::Format::Mixed ? &engine_.layouts_[i] : nullptr});
    list->items.push_back(i);
    list->units += (n + kBlock - 1) / kBlock;
  }
  return lists;
}

/// A number of a Numbers is followed by those of the same step if one more was skipped before, two ...
std::vector<uint32_t> OptimizerBase::Engine::CudaSteps::candidates_of(
    const std::vector<uint32_t>& numbers, int64_t open, const ParamState& any) const {
  std::vector<uint32_t> all;
  for (const uint32_t i : numbers) {
    all.push_back(i);
    const auto [group, at] = std::pair(engine_.numbers_[i].group, engine_.numbers_[i].at);
    // Rules that remember more of a parameter than its steps get no such numbers.
    for (int64_t skipped = 1; skipped <= open; ++skipped)
      all.push_back(engine_.numbers_for(group, {at.step - skipped, at.fresh, at.dim}, any));
  }
  return all;
}

cuda::Set OptimizerBase::Engine::CudaSteps::set_of(uint32_t numbers, bool in_double) const {
  const Numbers& of = engine_.numbers_[numbers];
  const Group& group = engine_.groups_[of.group];
  return {in_double ? static_cast<const void*>(of.doubles.data()) : of.floats.data(), group.options,
          of.at, of.agreed_decay, static_cast<uint64_t>(group.base.seed)};
}

void OptimizerBase::Engine::CudaSteps::run() {
  if (launches_ == nullptr || current_pass() == Pass::Tensor) return;
  const std::vector<List> lists = make_lists();
  if (lists.empty()) return;
  const bool in_replays = engine_.known_ == Known::InReplays;
  const Finding* const finding = engine_.known_ == Known::Surely ? nullptr : Finding::now();
  const int64_t open = finding != nullptr && !in_replays ? skips_->open() : 0;
  std::vector<uint32_t> numbers(engine_.numbers_.size());
  std::iota(numbers.begin(), numbers.end(), 0);
  if (open > 0) numbers = candidates_of(numbers, open, *engine_.items_[lists[0].items[0]].state);
  std::unique_ptr<Captured> captured;
  if (in_replays) captured = std::make_unique<Captured>(capture(lists, finding != nullptr));
  Skips* const skips = finding == nullptr ? nullptr
                       : in_replays       ? captured->skips.get()
                                          : skips_.get();
  if (skips != nullptr && !in_replays) skips->begin();
  std::vector<at::Device> devices;
  for (size_t i = 0; i < lists.size(); ++i) {
    const List& list = lists[i];
    const c10::DeviceGuard guard(list.device);
    // A GPU that the kernels were not compiled for has the tensor pass.
    if (launches_->problem() != nullptr) continue;
    std::vector<cuda::Set> sets;
    if (!in_replays)
      for (const uint32_t of : numbers) sets.push_back(set_of(of, list.in_double()));
    cuda::Launch launch{.work = list.work, .sets = sets};
    at::Tensor found_inf, factor;
    if (finding != nullptr) {
      launch.found_inf = number_on(list.device, found_inf = finding->found_inf());
      launch.inverse_scale = number_on(list.device, factor = finding->factor());
      launch.skipped = skips->count(list.device).const_data_ptr<int32_t>();
      launch.known = static_cast<int32_t>(skips->known());
      launch.candidates = static_cast<uint32_t>(open + 1);
    }
    if (in_replays) {
      const auto* const there = static_cast<const char*>(captured->there.const_data_ptr());
      launch.replay = reinterpret_cast<const cuda::Replay*>(there);
      launch.sets_there = there + captured->lists[i].first;
      launch.questions_there = there + captured->lists[i].first_question;
      launch.candidates = captured->candidates;
    }
    start(list, launch);
    add_once(devices, list.device);
  }
  for (const at::Device device : devices) {
    const c10::DeviceGuard guard(device);
    const at::Tensor is_ready = in_replays ? captured->there.narrow(0, 0, 1) : at::Tensor();
    if (finding != nullptr) {
      at::Tensor found = finding->found_inf().to(device, /*non_blocking=*/true).reshape({1}).ne(0);
      if (in_replays) found = found.logical_and(is_ready.ne(0));
      skips->count(device).add_(found);
    }
    if (in_replays) is_ready.zero_();
  }
  if (in_replays)
    captured_.push_back(std::move(captured));
  else if (skips != nullptr)
    skips->ask();
}

void OptimizerBase::Engine::CudaSteps::start(const List& list, cuda::Launch launch) {
  launch.stream = cuda::current_stream();
  const auto begin = [&](cuda::Start kernel) {
    const char* const problem = kernel(launch);
    TORCH_CHECK(problem == nullptr, rule_.about.name, ": the kernels on ", list.device,
                " cannot be started: ", problem);
  };
  for (const size_t i : list.items) {
    engine_.items_[i].on_cuda = true;
    auto* const impl = engine_.items_[i].parameter->unsafeGetTensorImpl();
    if (!impl->is_inference()) impl->bump_version();
  }
  const cuda::FormLaunches& kernels = kernels_of(list);
  if (kernels.sweep != nullptr) return begin(kernels.sweep);
  // From the allocator of the current stream, so that their memory is free again when the kernels
  // have passed.
  const auto wide = list.options().dtype(at::kDouble);
  const at::Tensor sums = at::empty({2 * list.units}, wide);
  at::Tensor judged = at::empty({2 * static_cast<int64_t>(list.items.size())}, wide);
  launch.sums = sums.mutable_data_ptr<double>();
  launch.judged = judged.mutable_data_ptr();
  begin(kernels.measure);
  begin(launches_->judge[list.in_double()]);
  if (!launches_->judges) {
    judged = ratios_of(list.items, judged.cpu()).to(list.options());
    launch.judged = judged.mutable_data_ptr();
  }
  begin(kernels.apply);
}

/// What the rule says to the sums of these items, for rules that remember something then, on the
/// host: the one time that a step waits for the device.
at::Tensor OptimizerBase::Engine::CudaSteps::ratios_of(const std::vector<size_t>& items,
                                                       const at::Tensor& sums) const {
  at::Tensor ratios = at::empty({static_cast<int64_t>(items.size())}, sums.options());
  const auto* const sum = sums.const_data_ptr<double>();
  auto* const ratio = ratios.mutable_data_ptr<double>();
  size_t at = 0;  // kernels pass over items without elements
  for (const size_t i : items) {
    const Item& item = engine_.items_[i];
    if (item.parameter->numel() == 0) continue;
    ratio[at] = engine_.trust(item, sum[2 * at], sum[2 * at + 1], /*remembers=*/true);
    ++at;
  }
  return ratios;
}

// ---- steps whose count a device knows, or that a graph holds

/// What keeps kernels from making all of a group's step with numbers that follow from its options and
/// the count of steps, or "".
std::string OptimizerBase::Engine::CudaSteps::obstacle_of(const Group& group) const {
  if (rule_.needs_gradient_norm != nullptr && rule_.needs_gradient_norm(group.options))
    return "the norm of all gradients is read on the host";
  if (group.base.decay_scale == DecayScale::Stable)
    return "decay_scale = stable is computed on the host";
  if (rule_.look_ahead != nullptr && rule_.look_ahead(group.options) != 0)
    return "the gradient is wanted elsewhere than at the parameters";
  return "";
}

std::string OptimizerBase::Engine::CudaSteps::obstacle_of(const Item& item) const {
  const Group& group = engine_.groups_[item.group];
  const std::string obstacle = obstacle_of(group);
  if (!obstacle.empty()) return obstacle;
  const auto name = [&] {
    return c10::str("params[", &engine_.owner(item) - group.params, "] of group ", item.group);
  };
  if (item.type) return name() + " is on the CPU";
  if (item.gradient->layout() != at::kStrided) return name() + " has a sparse gradient";
  if (item.reads_twice && !launches_->judges) return "what norms were is remembered on the host";
  if (!is_in_place(item))
    return name() + " has no state yet, or not where kernels find it: step() once ahead of that";
  return format_of(item) ? "" : name() + " is none that kernels step";
}

std::string OptimizerBase::Engine::CudaSteps::obstacle(const Finding* finding,
                                                       bool captured) const {
  if (launches_ == nullptr || rule_.forms.empty()) return "the rule has no kernels";
  if (current_pass() == Pass::Tensor) return "the tensor pass was chosen";
  if (rule_.weigh != nullptr) return "sums over all parameters are read on the host";
  if (rule_.pull != nullptr) return "slow weights are drawn by a count of the host's";
  if (finding != nullptr && (!rule_.scalars.empty() || rule_.advance != nullptr))
    return "the host remembers more of a step than that it was made";
  if (GradientFactor::now() != 1) return "gradients have a factor of the host's";
  if (OneParameter::now() != nullptr) return "backward() takes the steps";
  std::vector<at::Device> devices;
  for (const Item& item : engine_.items_) {
    const std::string found = obstacle_of(item);
    if (!found.empty()) return found;
    add_once(devices, item.parameter->device());
  }
  if (captured && devices.size() > 1) return "there are parameters on another device";
  for (const at::Device device : devices) {
    const c10::DeviceGuard guard(device);
    if (const char* const problem = launches_->problem())
      return c10::str("the kernels do not run on ", device, ": ", problem);
  }
  return "";
}

void OptimizerBase::Engine::CudaSteps::join(const std::vector<ParamState*>& states,
                                            std::shared_ptr<Skips>& skips,
                                            const std::vector<at::Device>& devices, bool captured) {
  const bool together = skips != nullptr && skips->members() == states.size() &&
                        skips->devices() == devices && engine_.open_steps.are_of(skips) &&
                        std::all_of(states.begin(), states.end(), [&](ParamState* state) {
                          return state->open_steps().are_of(skips);
                        });
  if (!together) {
    // A graph keeps the counter that it was captured with.
    if (captured)
      skips->settle();
    else
      skips = std::make_shared<Skips>(states.size(), devices);
    for (ParamState* const state : states) state->open_steps().join(state->step_at_most(), skips);
    engine_.open_steps.join(engine_.steps, skips);
  }
  skips->listen();
  for (ParamState* const state : states) state->open_steps().update(state->step_at_most());
  engine_.open_steps.update(engine_.steps);
}

void OptimizerBase::Engine::CudaSteps::take_over(const Finding* finding, bool captured) {
  engine_.known_ = captured ? Known::InReplays : Known::UpToSkips;
  if (captured || finding == nullptr) return;  // inside of a capture nothing can be waited for
  std::vector<ParamState*> states;
  std::vector<at::Device> devices;
  for (const Item& item : engine_.items_) {
    states.push_back(item.state);
    add_once(devices, item.parameter->device());
  }
  join(states, skips_, devices, /*captured=*/false);
}

std::vector<const void*> OptimizerBase::Engine::CudaSteps::places_of(const at::Tensor& p,
                                                                     const ParamState& state) {
  std::vector<const void*> places{p.const_data_ptr()};
  const auto add = [&](const at::Tensor& x) {
    if (x.defined()) places.push_back(x.const_data_ptr());
  };
  add(state.beside().parameter());
  for (size_t b = 0; b < state.rule().buffers.size(); ++b) {
    add(state.buffer(b));
    add(state.beside().absmax(b));
  }
  return places;
}

/// What a graph will hold of the step that is to be started.
OptimizerBase::Engine::CudaSteps::Captured OptimizerBase::Engine::CudaSteps::capture(
    const std::vector<List>& lists, bool may_skip) {
  Captured made;
  made.sets = engine_.numbers_.size();
  made.may_skip = may_skip;
  made.candidates = may_skip ? Skips::kMostOpen + 1 : 1;
  for (const Group& group : engine_.groups_)
    made.groups.push_back({group.form, group.coupled, group.rests, centralizes(group), group.base});
  for (const Item& item : engine_.items_)
    made.parameters.push_back({engine_.owner(item), item.group, item.numbers,
                               engine_.draw_for(item).position, item.parameter->dim(),
                               places_of(*item.parameter, *item.state)});
  size_t bytes = sizeof(cuda::Replay);
  for (const List& list : lists) {
    const cuda::FormLaunches& kernels = kernels_of(list);
    Sets sets{&kernels, list.in_double(), bytes, 0};
    bytes += made.sets * made.candidates * kernels.set_bytes;
    sets.first_question = bytes;
    if (kernels.sweep == nullptr) bytes += made.sets * made.candidates * launches_->question_bytes;
    made.lists.push_back(sets);
  }
  made.there = at::empty({static_cast<int64_t>(bytes / sizeof(int32_t))},
                         at::TensorOptions(lists[0].device).dtype(at::kInt));
  made.skips = std::make_shared<Skips>(made.parameters.size(), std::vector{lists[0].device});
  return made;
}

void OptimizerBase::Engine::CudaSteps::before_replay(OptimizerBase& optimizer) {
  const auto check = [&](bool is_so, const auto&... problem) {
    TORCH_CHECK(is_so, rule_.about.name, ": before_replay() ", problem...);
  };
  const auto check_again = [&](bool is_so, const auto&... problem) {
    check(is_so, "after a step was captured: ", problem..., ", must be captured again");
  };
  check(!captured_.empty(), "without a captured step, must follow a step() inside of a capture");
  Captured& captured = *captured_.back();
  check(!is_captured(captured.there.device()),
        "inside of a capture, must be called ahead of replays");
  engine_.collect_groups(optimizer);
  const auto& groups = engine_.groups_;
  check_again(groups.size() >= captured.groups.size(), "there are fewer groups");
  for (size_t g = 0; g < captured.groups.size(); ++g) {
    const Captured::OfGroup& then = captured.groups[g];
    check_again(groups[g].form == then.form && groups[g].coupled == then.coupled &&
                    groups[g].rests == then.rests && centralizes(groups[g]) == then.centralizes &&
                    are_kept_alike(groups[g].base, then.base),
                "the options of group ", g, " choose other kernels");
    const std::string obstacle = obstacle_of(groups[g]);
    check_again(obstacle.empty(), "in group ", g, " ", obstacle);
  }
  std::vector<ParamState*> states;
  for (const Captured::Parameter& p : captured.parameters) {
    const auto& params = optimizer.param_groups()[p.group].params();
    const int64_t index = p.position - groups[p.group].before;
    check_again(index >= 0 && index < static_cast<int64_t>(params.size()) &&
                    params[static_cast<size_t>(index)].is_same(p.tensor),
                "parameter ", states.size(), " of the step has another place among the groups");
    ParamState* const state = optimizer.state_of(p.tensor);
    check_again(state != nullptr && places_of(p.tensor, *state) == p.places, "parameter ",
                states.size(), " of the step or its state is elsewhere");
    states.push_back(state);
  }
  if (captured.may_skip) {
    captured.skips->ask();
    join(states, captured.skips, captured.skips->devices(), /*captured=*/true);
  }
  // Parameters that had the same numbers still have.
  std::vector<size_t> first_of(captured.sets, states.size());
  for (size_t i = 0; i < states.size(); ++i) {
    size_t& first = first_of[captured.parameters[i].set];
    if (first == states.size()) first = i;
    int64_t& step = captured.may_skip ? states[i]->step_at_most() : states[i]->step();
    check_again(step == states[first]->step_at_most() &&
                    states[i]->scalars.values() == states[first]->scalars.values(),
                "parameters ", first, " and ", i, " of the step have not made the same steps");
  }
  if (rule_.advance != nullptr)
    for (size_t g = 0; g < captured.groups.size(); ++g)
      rule_.advance(groups[g].options, engine_.shared_of(g).data());
  engine_.numbers_.clear();
  engine_.buckets_.assign(1, kNone);
  std::vector<uint32_t> numbers;
  for (const size_t i : first_of) {
    const Captured::Parameter& p = captured.parameters[i];
    numbers.push_back(engine_.numbers_for(
        p.group, {states[i]->step_at_most() + 1, /*fresh=*/false, p.dim}, *states[i]));
  }
  const int64_t open = captured.may_skip ? captured.skips->open() : 0;
  hand_over(captured, candidates_of(numbers, open, *states[0]), open);
  if (captured.may_skip) captured.skips->begin();
  for (size_t i = 0; i < states.size(); ++i) {
    ++states[i]->step_at_most();
    states[i]->scalars.set(engine_.numbers_[numbers[captured.parameters[i].set]].after);
  }
  ++engine_.steps;
}

/// Writes the sets of the next replay where it will look for them.
void OptimizerBase::Engine::CudaSteps::hand_over(Captured& captured,
                                                 const std::vector<uint32_t>& numbers,
                                                 int64_t open) const {
  const at::Tensor here =
      at::empty(captured.there.sizes(), at::TensorOptions().dtype(at::kInt).pinned_memory(true));
  auto* const bytes = static_cast<char*>(here.mutable_data_ptr());
  const cuda::Replay replay{1, static_cast<int32_t>(captured.skips->known())};
  std::memcpy(bytes, &replay, sizeof replay);
  const auto candidates = static_cast<size_t>(open + 1);
  for (const Sets& list : captured.lists)
    for (size_t i = 0; i < numbers.size(); ++i) {
      // A replay finds room for all numbers of skips that there may ever be.
      const size_t place = i / candidates * captured.candidates + i % candidates;
      const cuda::Set set = set_of(numbers[i], list.in_double);
      const size_t set_bytes = list.kernels->set_bytes;
      list.kernels->put_set(bytes + list.first + place * set_bytes, set);
      if (list.kernels->sweep == nullptr)
        launches_->put_question(bytes + list.first_question + place * launches_->question_bytes,
                                set);
    }
  const c10::DeviceGuard guard(captured.there.device());
  captured.there.copy_(here, /*non_blocking=*/true);
}

}  // namespace descent
