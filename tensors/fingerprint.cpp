#include <cstdio>

#include <descent/tensors/fingerprint.h>

namespace descent::tensors {

void Fingerprint::add(const void* bytes, size_t count) {
  const auto* byte = static_cast<const unsigned char*>(bytes);
  for (size_t k = 0; k < count; ++k) hash_ = (hash_ ^ byte[k]) * 1099511628211u;
}

void Fingerprint::add(std::string_view text) {
  add(static_cast<int64_t>(text.size()));
  add(text.data(), text.size());
}

void Fingerprint::add(const at::Tensor& tensor) {
  add(static_cast<int64_t>(tensor.scalar_type()));
  add(tensor.dim());
  for (const int64_t size : tensor.sizes()) add(size);
  if (tensor.layout() != at::kStrided) {
    const at::Tensor sparse = tensor.layout() == at::kSparse ? tensor : tensor.to_sparse();
    add(sparse._indices());
    add(sparse._values());
    return;
  }
  const at::Tensor flat = tensor.detach().cpu().contiguous();
  add(flat.const_data_ptr(), flat.nbytes());
}

std::string hexadecimal(uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

}  // namespace descent::tensors
