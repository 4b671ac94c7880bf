#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include <ATen/core/grad_mode.h>

#include <descent/base/text.h>
#include <descent/optim/optimizer/optimizer.h>
#include <descent/optim/wrappers/wrapper.h>
#include <descent/tune/kept_training.h>
#include <descent/tune/rates.h>

namespace descent {
namespace {

constexpr int kDoublings = 60;
constexpr double kNearEnough = 1.0 / 16;

void set_rate(torch::optim::Optimizer& optimizer, double rate) {
  for (auto& group : optimizer.param_groups()) group.options().set_lr(rate);
}

/// The closure's loss as a number, with empty gradients at first.
double evaluate(const KeptTraining& kept, const RateClosure& closure, at::Tensor* loss = nullptr) {
  for (const at::Tensor& p : kept.parameters()) p.mutable_grad() = at::Tensor();
  const at::AutoGradMode with_grad(true);
  const at::Tensor found = closure();
  if (!found.defined() || found.numel() != 1)
    throw std::invalid_argument(
        "the closure returned no loss, must return a tensor of one element");
  if (loss) *loss = found;
  return found.item().toDouble();
}

}  // namespace

void RangeTest::suggest(int64_t sure_steps) {
  valley = steep = minimum = std::numeric_limits<double>::quiet_NaN();
  const auto first = static_cast<size_t>(sure_steps);
  if (smoothed.size() < first + 3) return;
  const std::vector<double> s(smoothed.begin() + static_cast<std::ptrdiff_t>(first),
                              smoothed.end() - 1);
  const double* const rate = &rates[first];
  const size_t n = s.size();

  // The longest falling subsequence that ends at each point; the first of equals counts.
  std::vector<size_t> length(n, 1);
  size_t end = 0;
  for (size_t i = 1; i < n; ++i) {
    for (size_t j = 0; j < i; ++j)
      if (s[i] < s[j] && length[i] < length[j] + 1) length[i] = length[j] + 1;
    if (length[end] < length[i]) end = i;
  }
  // As in fastai the descent begins a point ahead of its first one, which may be none that counts.
  const size_t all = length[end], place = end + all / 3 + all / 6;
  valley = rate[place < all ? 0 : std::min(place - all, n - 1)];

  size_t lowest = 0, steepest = 0;
  double least = kInfinity;
  for (size_t i = 0; i < n; ++i) {
    if (s[i] < s[lowest]) lowest = i;
    const size_t a = i == 0 ? 0 : i - 1, b = std::min(i + 1, n - 1);
    const double slope = (s[b] - s[a]) / std::log(rate[b] / rate[a]);
    if (slope < least) least = slope, steepest = i;
  }
  steep = rate[steepest];
  minimum = rate[lowest] / 10;
}

RangeTest range_test(torch::optim::Optimizer& optimizer, const RateClosure& closure,
                     const std::vector<at::Tensor>& buffers, const RangeTestOptions& options) {
  std::string wrong = fields::problem(options);
  if (wrong.empty() && !(options.lo < options.hi))
    wrong = fields::out_of_range("lo", options.lo, "< hi = " + digits(options.hi));
  if (!wrong.empty()) throw std::invalid_argument("range_test: " + wrong);
  const KeptTraining kept(optimizer, buffers);
  RangeTest test;
  double mean = 0, lowest = kInfinity;
  for (int64_t i = 0; i < options.steps && !test.gave_up; ++i) {
    const double rate =
        options.lo * std::pow(options.hi / options.lo,
                              static_cast<double>(i) / static_cast<double>(options.steps));
    set_rate(optimizer, rate);
    double loss = 0;
    bool first = true;
    optimizer.step([&] {
      at::Tensor found;
      const double value = evaluate(kept, closure, &found);
      if (first) loss = value;
      first = false;
      return found;
    });
    mean = options.smoothing * mean + (1 - options.smoothing) * loss;
    const double smooth = mean / (1 - std::pow(options.smoothing, static_cast<double>(i + 1)));
    test.rates.push_back(rate);
    test.losses.push_back(loss);
    test.smoothed.push_back(smooth);
    lowest = std::min(lowest, smooth);
    test.gave_up = !std::isfinite(smooth) ||
                   (i >= options.sure_steps && lowest > 0 && smooth > options.give_up * lowest);
  }
  test.suggest(options.sure_steps);
  return test;
}

double critical_rate(torch::optim::Optimizer& optimizer, const RateClosure& closure,
                     const std::vector<at::Tensor>& buffers) {
  double rate = optimizer.param_groups().at(0).options().get_lr();
  if (!(rate > 0 && rate < kInfinity))
    throw std::invalid_argument("critical_rate: " +
                                fields::out_of_range("lr", rate, "finite and > 0"));
  KeptTraining kept(optimizer, buffers);
  at::Tensor loss;
  const double before = evaluate(kept, closure, &loss);
  if (!std::isfinite(before))
    throw std::runtime_error("critical_rate: the loss is " + digits(before) +
                             " where it begins, must be finite");
  std::vector<at::Tensor> gradients;
  for (const at::Tensor& p : kept.parameters()) gradients.push_back(p.grad());
  // One of this library that calls the closure once, at the parameters: the gradients are known.
  const bool known = dynamic_cast<OptimizerBase*>(&optimizer) != nullptr &&
                     Wrapper::caller_of_closures(optimizer).empty();
  const auto raises = [&](double tried) {
    kept.put_back();
    set_rate(optimizer, tried);
    if (known) {
      for (size_t i = 0; i < gradients.size(); ++i)
        kept.parameters()[i].mutable_grad() = gradients[i];
      optimizer.step([&] { return loss; });
    } else {
      optimizer.step([&] {
        at::Tensor found;
        evaluate(kept, closure, &found);
        return found;
      });
    }
    return !(evaluate(kept, closure) <= before);  // NaN is higher, too
  };
  double lo = 0, hi = kInfinity;
  for (int i = 0; (lo == 0 || hi == kInfinity); ++i, rate = lo == 0 ? rate / 2 : rate * 2) {
    if (i > kDoublings)
      throw std::runtime_error(std::string("critical_rate: ") +
                               (lo == 0 ? "every rate down to " + digits(hi) + " raises the loss"
                                        : "no rate up to " + digits(lo) + " raises the loss"));
    if (raises(rate))
      hi = rate;
    else
      lo = rate;
  }
  while (1 - lo / hi > kNearEnough) {
    const double middle = (lo + hi) / 2;
    (raises(middle) ? hi : lo) = middle;
  }
  return hi;
}

}  // namespace descent
