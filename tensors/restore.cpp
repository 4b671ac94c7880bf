#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

#include <descent/tensors/fit.h>
#include <descent/tensors/restore.h>

namespace descent::tensors {

void KeptValues::keep(const at::Tensor& x) {
  const at::NoGradGuard no_grad;
  kept_.push_back({x, x.detach().clone()});
}

void KeptValues::restore() {
  const at::NoGradGuard no_grad;
  std::string problem;
  while (!kept_.empty()) {
    const Kept last = std::move(kept_.back());
    kept_.pop_back();
    const std::string misfit = tensors::misfit(last.tensor, last.values.sizes());
    if (misfit.empty())
      last.tensor.copy_(last.values);
    else
      problem = misfit;
  }
  TORCH_CHECK(problem.empty(), "a tensor whose values were to be put back ", problem);
}

KeptValues::~KeptValues() {
  try {
    restore();
  } catch (const c10::Error&) {
    // A tensor was given other sizes meanwhile, or the device has failed. Every later call will say
    // so; a destructor must not.
    kept_.clear();
  }
}

void ExchangedGradients::exchange(const at::Tensor& parameter, const at::Tensor& gradient) {
  at::Tensor& slot = parameter.mutable_grad();
  exchanged_.push_back({parameter, slot, gradient});
  slot = gradient;
}

void ExchangedGradients::restore() noexcept {
  // In reverse, because a parameter may be in the list twice: once exchanged, emptied by a wrapper
  // further in, filled by the closure and exchanged again.
  for (size_t i = exchanged_.size(); i-- > 0;) {
    auto& [parameter, own, shown] = exchanged_[i];
    at::Tensor& slot = parameter.mutable_grad();
    if (!slot.is_same(shown)) continue;
    slot = own;
    exchanged_.erase(exchanged_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

}  // namespace descent::tensors
