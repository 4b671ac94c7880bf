#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include <descent/landscape/paths/fused/kernel.h>

namespace descent::landscape {

/// Zeroed numbers that begin at a multiple of kAlignment bytes.
template <class T>
class Aligned {
 public:
  explicit Aligned(int64_t size = 0)
      : data_(static_cast<T*>(
            ::operator new (static_cast<size_t>(size) * sizeof(T), std::align_val_t{kAlignment}))) {
    std::fill_n(data_.get(), size, T{});
  }
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(T* p) const { ::operator delete (p, std::align_val_t{kAlignment}); }
  };
  std::unique_ptr<T, Free> data_;
};

}  // namespace descent::landscape
