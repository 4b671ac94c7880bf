#include <ATen/EmptyTensor.h>
#include <ATen/MemoryOverlap.h>

#include <descent/tensors/fit.h>

namespace descent::tensors {

bool has_its_memory(const at::Tensor& x) {
  const c10::TensorImpl& impl = *x.unsafeGetTensorImpl();
  if (!impl.has_storage() || impl.numel() == 0) return true;
  const size_t size = impl.itemsize(), bytes = impl.storage().nbytes();
  const auto offset = static_cast<size_t>(impl.storage_offset());
  const size_t wanted = impl.is_contiguous() ? (offset + static_cast<size_t>(impl.numel())) * size
                                             : at::detail::computeStorageNbytes(
                                                   impl.sizes(), impl.strides(), size, offset);
  return bytes >= wanted;
}

std::string misfit(const at::Tensor& x, at::IntArrayRef sizes) {
  if (x.sizes() != sizes) return c10::str("has sizes ", x.sizes(), ", must have ", sizes);
  if (at::has_internal_overlap(x) == at::MemOverlap::Yes)
    return c10::str("has several elements at one place in memory (strides ", x.strides(),
                    "), must have a place for each");
  if (!has_its_memory(x))
    return c10::str("has a memory of ", x.storage().nbytes(), " bytes, must have one of ",
                    x.numel() * x.element_size());
  return "";
}

}  // namespace descent::tensors
