#pragma once
#include <vector>

#include <ATen/core/Tensor.h>

namespace descent::tensors {

/// Whether all numbers of all these tensors are finite. Of a sparse tensor those are its values; of
/// one of 16 bits that has several values at one place, their sums. Reads each number at most once
/// and writes nothing.
bool all_finite(const std::vector<at::Tensor>& list);

/// The same without waiting for other devices: what is known on the host, and what only they know, a
/// number that is 0 or 1, or undefined.
struct AllFinite {
  bool here = true;
  at::Tensor there{};
};
AllFinite find_finite(const std::vector<at::Tensor>& list);

}  // namespace descent::tensors
