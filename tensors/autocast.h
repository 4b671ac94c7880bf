#pragma once
#include <ATen/autocast_mode.h>

namespace descent::tensors {

/// LibTorch's autocast on a kind of device, switched on or off on the calling thread while it lives.
class Autocast {
 public:
  Autocast(bool enables, at::ScalarType type, at::DeviceType device = at::kCPU)
      : device_(device),
        enabled_(at::autocast::is_autocast_enabled(device)),
        type_(at::autocast::get_autocast_dtype(device)) {
    set(enables, type);
    at::autocast::increment_nesting();
  }
  ~Autocast() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    set(enabled_, type_);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  void set(bool enables, at::ScalarType type) const {
    at::autocast::set_autocast_enabled(device_, enables);
    at::autocast::set_autocast_dtype(device_, type);
  }

  at::DeviceType device_;
  bool enabled_;
  at::ScalarType type_;
};

}  // namespace descent::tensors
