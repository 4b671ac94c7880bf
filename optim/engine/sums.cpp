#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>

#include <descent/optim/engine/engine.h>
#include <descent/optim/engine/gradient_factor.h>
#include <descent/optim/engine/phases.h>
#include <descent/optim/engine/stored.h>
#include <descent/tensors/computed_in.h>
#include <descent/tensors/numbers.h>

namespace descent {

using namespace engine;

namespace {

/// The numbers of a tensor one after another: in the order of memory where it is dense, as the
/// loops read them.
at::Tensor in_memory_order(const at::Tensor& x) {
  if (x.is_non_overlapping_and_dense()) return x.as_strided({x.numel()}, {1});
  return x.contiguous().view(-1);
}

thread_local double gradient_factor = 1;
thread_local const double* known_squares = nullptr;
thread_local const engine::Finding* finding = nullptr;

}  // namespace

void engine::add_sum(tensors::Numbers& sums, const at::Tensor& x, Isa isa, bool squares) {
  if (!x.device().is_cpu()) {
    const at::Tensor wide = x.to(at::kDouble);
    return sums.add((squares ? wide * wide : wide).sum());
  }
  const at::Tensor flat = in_memory_order(x);
  const NumberType type = x.scalar_type() == at::kDouble ? NumberType::Double : NumberType::Float;
  const auto* numbers = static_cast<const char*>(flat.const_data_ptr());
  const int64_t n = flat.numel(), piece = piece_length(n);
  double total = 0;
  for (int64_t i = 0; i < n; i += piece)
    total += (squares ? square_sum : value_sum)(type, isa, numbers + i * x.element_size(),
                                                std::min(piece, n - i));
  sums.add(total);
}

engine::GradientFactor::GradientFactor(double factor)
    : before_(std::exchange(gradient_factor, gradient_factor * factor)) {}
engine::GradientFactor::~GradientFactor() { gradient_factor = before_; }
double engine::GradientFactor::now() { return gradient_factor; }

engine::KnownSquares::KnownSquares(double sum)
    : sum_(sum), before_(std::exchange(known_squares, &sum_)) {}
engine::KnownSquares::~KnownSquares() { known_squares = before_; }
const double* engine::KnownSquares::now() { return known_squares; }

engine::Finding::Finding(at::Tensor found_inf, at::Tensor factor)
    : found_inf_(std::move(found_inf)),
      factor_(std::move(factor)),
      before_(std::exchange(finding, this)) {}
engine::Finding::~Finding() { finding = before_; }
const engine::Finding* engine::Finding::now() { return finding; }

std::optional<double> engine::Finding::read() const {
  tensors::Numbers both;
  both.add(found_inf_);
  if (factor_.defined()) both.add(factor_);
  const std::vector<double>& read = both.read();
  if (read[0] != 0) return {};
  return factor_.defined() ? read[1] : 1;
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
  tensors::Numbers sums;
  std::vector<double> corrections;
  double n = 0;
  for (const Item& item : items_) {
    const Numbers& numbers = numbers_[item.numbers];
    const Group& group = groups_[item.group];
    const auto [beta, correction, eps] = rule.second_moment(group.options, numbers.at);
    const at::ScalarType type = tensors::computed_in(*item.parameter);
    const at::Tensor g = item.gradient->to(item.parameter->device(), type) * group.prologue.scale;
    at::Tensor v = beta * values_of(*item.state, square).to(type) + (1 - beta) * (g * g);
    if (group.form->buffers[largest]) v = v.maximum(values_of(*item.state, largest).to(type));
    add_sum(sums, v, isa_, false);
    corrections.push_back(correction);
    n += static_cast<double>(item.parameter->numel());
  }
  double sum = 0;
  for (size_t i = 0; i < corrections.size(); ++i) sum += sums.read()[i] / corrections[i];
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

double engine::gradient_squares(OptimizerBase& optimizer) {
  const RuleTable& rule = optimizer.rule();
  if (rule.needs_gradient_norm == nullptr) return 0;
  const Isa isa = current_isa().value_or(Isa::Baseline);
  // In the order in which a step has them: elementwise forms first.
  tensors::Numbers elementwise, of_norms;
  bool is_needed = false;
  for (size_t g = 0; g < optimizer.param_groups().size(); ++g)
    is_needed |= rule.needs_gradient_norm(optimizer.group_options(g).value());
  for (size_t g = 0; is_needed && g < optimizer.param_groups().size(); ++g) {
    const GroupOptions& options = optimizer.group_options(g);
    if (rule.rests_at_zero && options.get_lr() == 0) continue;
    tensors::Numbers& sums = form_of(rule, options.value()).reads_twice ? of_norms : elementwise;
    for (const at::Tensor& p : optimizer.param_groups()[g].params()) {
      at::Tensor gradient = p.grad();
      // One that does not fit is refused by the step.
      if (!gradient.defined() || gradient.layout() != at::kStrided || gradient.sizes() != p.sizes())
        continue;
      if (gradient.scalar_type() != p.scalar_type() || !same_layout(gradient, p, p.is_contiguous()))
        gradient = at::empty_like(p).copy_(gradient);
      add_sum(sums, gradient.to(tensors::computed_in(p)), isa, /*squares=*/true);
    }
  }
  double total = 0;
  for (tensors::Numbers* const sums : {&elementwise, &of_norms})
    for (const double sum : sums->read()) total += sum;
  return total;
}

double OptimizerBase::Engine::gradient_squares(const Item& item) const {
  const int64_t n = item.n;
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
  tensors::Numbers of_tensors;
  for (int64_t i = 0; i < count; ++i)
    if (const Item& item = items_[i]; !item.type)
      add_sum(of_tensors, item.gradient->to(tensors::computed_in(*item.parameter)), isa_, true);
  double total = known != nullptr ? *known : 0;
  size_t k = 0;
  for (int64_t i = 0; i < count; ++i) total += !items_[i].type ? of_tensors.read()[k++] : sums_[i];
  const double norm = gradient_factor_ * std::sqrt(total);
  for (auto& numbers : numbers_) {
    const void* const options = groups_[numbers.group].options;
    if (!rule.needs_gradient_norm(options)) continue;
    numbers.doubles[0] *= rule.gradient_scale(options, norm);
    numbers.floats[0] = static_cast<float>(numbers.doubles[0]);
  }
}

}  // namespace descent
