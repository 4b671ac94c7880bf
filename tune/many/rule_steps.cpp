#include <algorithm>
#include <cstring>
#include <type_traits>

#include <ATen/ops/from_blob.h>
#include <c10/util/Exception.h>

#include <descent/tune/many/rule_steps.h>

namespace descent::many {

using namespace engine;

namespace {

std::string why_not_by_memory(const RuleTable& rule, const void* options) {
  const std::string name = rule.about.name;
  if (rule.tensor_update != nullptr) return name + " is no formula of single numbers";
  if (rule.weigh != nullptr || rule.needs_loss) return name + " weighs all parameters together";
  if (rule.pull != nullptr) return name + " has slow weights";
  if (rule.change_mode != nullptr) return name + " is evaluated at other weights than it trains";
  if (rule.hessian != nullptr) return name + " wants a Hessian";
  if (rule.look_ahead != nullptr && rule.look_ahead(options) != 0)
    return name + " takes the gradient elsewhere than at the weights";
  if (rule.needs_gradient_norm != nullptr && rule.needs_gradient_norm(options))
    return name + " scales all gradients by their joint norm";
  if (rule.centralizes != nullptr && rule.centralizes(options, 2))
    return name + " takes the mean off each gradient";
  return "";
}

}  // namespace

std::string why_not_stepped(const Job& job) {
  if (!current_isa()) return "the pass is tensor";
  for (const Candidate& candidate : job.candidates)
    for (const auto& options : job.options_of(candidate)) {
      if (!(group_options(*options).base() == BaseOptions{}))
        return "its options say in how many bits parameters and state are kept";
      std::string why_not = why_not_by_memory(job.rule, group_options(*options).value());
      if (!why_not.empty()) return why_not;
    }
  for (int64_t n = 0; n < job.options.steps; ++n)
    for (size_t g = 0; g < job.groups().size(); ++g)
      if (job.options.schedule.momentum(g, n))
        return std::string(job.options.schedule.name()) + " moves the momentum";
  return "";
}

template <class T>
RuleSteps<T>::RuleSteps(const RuleTable& rule, Isa isa, std::vector<Place> places,
                        const Schedule& schedule)
    : rule_(rule),
      isa_(isa),
      places_(std::move(places)),
      scalars_(places_.size()),
      schedule_(schedule) {
  for (const Place& place : places_) numel_ = std::max(numel_, place.first + place.n);
  buffers_.resize(rule.buffers.size() * static_cast<size_t>(numel_));
}

template <class T>
void RuleSteps<T>::begin(
    const std::vector<std::unique_ptr<torch::optim::OptimizerOptions>>& options, T* weights) {
  groups_.clear();
  for (const auto& its : options) {
    GroupOptions& own = group_options(*its);
    own.settle();
    const double rate = own.get_lr();
    groups_.push_back({&own, own.value(), false, rate, rate, 0, rule_.first_shared});
  }
  std::fill(scalars_.begin(), scalars_.end(), rule_.first_scalars);
  done_ = 0;
  if (rule_.initial == nullptr) {
    std::fill(buffers_.begin(), buffers_.end(), T(0));
    return;
  }
  constexpr at::ScalarType type = std::is_same_v<T, float> ? at::kFloat : at::kDouble;
  for (const Place& place : places_) {
    const at::Tensor p = at::from_blob(weights + place.first, {place.n}, type);
    std::array<Array, kMaxBuffers> first;
    rule_.initial(groups_[place.group].options->value(), Array(p), first.data());
    for (size_t b = 0; b < rule_.buffers.size(); ++b)
      at::from_blob(buffers_.data() + b * static_cast<size_t>(numel_) + place.first, {place.n},
                    type)
          .copy_(first[b].tensor());
  }
}

template <class T>
void RuleSteps<T>::advance(Group& group, size_t index) {
  const BaseRate base(group.base_rate, index);
  const double rate = done_ == 0 ? schedule_.at(base, 0) : schedule_.step(base, group.rate, done_);
  if (rate != group.rate || done_ == 0) {
    TORCH_CHECK(domains::non_negative.holds(rate), schedule_.name(), ": lr = ", rate, " for group ",
                index, " at n = ", done_, ", must be ", domains::non_negative.text);
    group.options->set_lr(rate);
    group.rate = rate;
  }
  group.options->settle();
  group.value = group.options->value();
  if (rule_.advance != nullptr) rule_.advance(group.value, group.shared.data());
  group.rests = rule_.rests_at_zero && rate == 0;
  if (!group.rests) ++group.steps;
}

/// What the rule's loops need for this parameter.
template <class T>
void RuleSteps<T>::set_numbers(Group& group, const Place& place, size_t parameter, bool fresh) {
  const void* const options = group.value;
  const Prologue<double> prologue = rule_.prologue(options);
  const StepInfo now{group.steps, fresh, place.dim};
  numbers_.doubles[0] = prologue.scale;
  numbers_.doubles[1] = prologue.decay;
  numbers_.doubles[2] = rule_.decays != nullptr && !rule_.decays(options, now) ? 1 : prologue.keep;
  const int count =
      kPrologue + rule_.begin(options, now, scalars_[parameter].data(), group.shared.data(),
                              numbers_.doubles.data() + kPrologue);
  for (int i = 0; i < count; ++i) numbers_.own[i] = static_cast<T>(numbers_.doubles[i]);
  std::fill(numbers_.own.begin() + count, numbers_.own.end(), T(0));
}

template <class T>
Span RuleSteps<T>::span(T* weights, const T* gradient, const RuleForm& form, int64_t first,
                        int64_t n) {
  Span span{weights + first, gradient + first, {}, n};
  for (size_t b = 0; b < rule_.buffers.size(); ++b)
    if (form.buffers[b]) span.s[b] = buffers_.data() + b * static_cast<size_t>(numel_) + first;
  return span;
}

template <class T>
void RuleSteps<T>::step(T* weights, const T* gradient) {
  for (size_t g = 0; g < groups_.size(); ++g) advance(groups_[g], g);
  ++done_;
  const auto isa = static_cast<size_t>(isa_);
  constexpr bool in_double = std::is_same_v<T, double>;
  for (size_t k = 0; k < places_.size();) {
    const Place& place = places_[k];
    Group& group = groups_[place.group];
    const void* const options = group.value;
    if (group.rests) {
      ++k;
      continue;
    }
    const RuleForm& form = form_of(rule_, options);
    const bool uses_any =
        std::find(form.buffers.begin(), form.buffers.end(), true) != form.buffers.end();
    const bool fresh = group.steps == 1 && uses_any;
    const Kernels& loops = form.kernels[rule_.coupled(options)][in_double][isa];
    set_numbers(group, place, k, fresh);
    if (form.reads_twice) {
      const Span whole = span(weights, gradient, form, place.first, place.n);
      double sums[2];
      loops.measure(whole, numbers_.own.data(), sums);
      const double ratio = rule_.trust(options, {sums[0], sums[1], place.n},
                                       {group.steps, fresh, place.dim}, scalars_[k].data());
      loops.apply(whole, numbers_.own.data(), ratio);
      ++k;
      continue;
    }
    // Parameters that lie one behind the other and have the same numbers are one sweep. What tells
    // those of a group apart are their dimensions.
    const auto numbers = numbers_.own;
    int64_t end = place.first + place.n, alike = place.dim;
    size_t next = k + 1;
    for (; next < places_.size(); ++next) {
      const Place& other = places_[next];
      if (other.first != end || other.group != place.group || !rule_.scalars.empty()) break;
      if (other.dim != place.dim && other.dim != alike) {
        set_numbers(group, other, next, fresh);
        if (std::memcmp(numbers_.own.data(), numbers.data(), sizeof numbers) != 0) break;
        alike = other.dim;
      }
      end += other.n;
    }
    loops.sweep(span(weights, gradient, form, place.first, end - place.first), numbers.data());
    k = next;
  }
}

template class RuleSteps<float>;
template class RuleSteps<double>;

}  // namespace descent::many
