#pragma once
#include <ATen/autocast_mode.h>

namespace descent::tensors {

/// LibTorch's autocast on the CPU, switched on or off on the calling thread while it lives.
class Autocast {
 public:
  Autocast(bool enables, at::ScalarType type)
      : enabled_(at::autocast::is_autocast_enabled(at::kCPU)),
        type_(at::autocast::get_autocast_dtype(at::kCPU)) {
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
  static void set(bool enables, at::ScalarType type) {
    at::autocast::set_autocast_enabled(at::kCPU, enables);
    at::autocast::set_autocast_dtype(at::kCPU, type);
  }

  bool enabled_;
  at::ScalarType type_;
};

}  // namespace descent::tensors
