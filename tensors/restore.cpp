#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

#include <descent/tensors/restore.h>

namespace descent::tensors {

void KeptValues::keep(const at::Tensor& x) {
  const at::NoGradGuard no_grad;
  kept_.push_back({x, x.detach().clone()});
}

void KeptValues::restore() {
  const at::NoGradGuard no_grad;
  while (!kept_.empty()) {
    kept_.back().tensor.copy_(kept_.back().values);
    kept_.pop_back();
  }
}

KeptValues::~KeptValues() {
  try {
    restore();
  } catch (const c10::Error&) {
    // Copying between equal tensors fails only where the device has failed, which every later call
    // will say; a destructor must not.
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
