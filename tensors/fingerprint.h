#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>

namespace descent::tensors {

/// FNV-1a, 64 bits, of what is added.
class Fingerprint {
 public:
  void add(const void* bytes, size_t count);
  void add(int64_t number) { add(&number, sizeof number); }
  void add(double number) { add(&number, sizeof number); }
  void add(std::string_view text);
  /// Type, shape and values; those of a sparse tensor as it keeps them.
  void add(const at::Tensor& tensor);

  uint64_t value() const { return hash_; }

 private:
  uint64_t hash_ = 14695981039346656037u;
};

/// 16 digits.
std::string hexadecimal(uint64_t number);

}  // namespace descent::tensors
