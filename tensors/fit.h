#pragma once
#include <string>

#include <ATen/core/Tensor.h>

namespace descent::tensors {

/// Whether the memory of a dense or strided tensor reaches as far as its last element. It does not
/// where somebody has shrunk or freed the storage behind it.
bool has_its_memory(const at::Tensor& x);

/// The storage of a tensor of the plainest kind: row-major numbers in this machine's memory, all of
/// them there, and no view that stands for their negatives. Null: a tensor of any other kind.
__attribute__((always_inline)) inline c10::StorageImpl* plain_storage(const at::Tensor& x) {
  const c10::TensorImpl& impl = *x.unsafeGetTensorImpl();
  constexpr c10::DispatchKeySet plain({c10::DispatchKey::CPU, c10::DispatchKey::AutogradCPU,
                                       c10::DispatchKey::AutocastCPU,
                                       c10::DispatchKey::ADInplaceOrView});
  if ((impl.key_set().raw_repr() & ~plain.raw_repr()) != 0 || !impl.is_contiguous()) return nullptr;
  c10::StorageImpl* const storage = impl.unsafe_storage().unsafeGetStorageImpl();
  const int64_t end = impl.storage_offset() + impl.numel();
  if (storage == nullptr || storage->nbytes() < static_cast<size_t>(end) * impl.dtype().itemsize())
    return nullptr;
  return storage;
}

/// What keeps somebody from writing values of these sizes into `x`, or "": other sizes, several
/// elements at one place in memory (as expand() leaves them), or less memory than elements.
std::string misfit(const at::Tensor& x, at::IntArrayRef sizes);

}  // namespace descent::tensors
