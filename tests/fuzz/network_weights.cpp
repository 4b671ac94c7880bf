#include <map>
#include <string>

#include <caffe2/serialize/inline_container.h>

#include <descent/networks/exported/archive.h>

#include "fuzz.h"

namespace descent::fuzz {
namespace {

/// A file of torch.export, with right checksums, whose weights are as `configuration` says. It has
/// the records "weight_0" of 64 and "weight_1" of 24 bytes.
std::string archive_with(std::string_view configuration) {
  std::string bytes;
  caffe2::serialize::PyTorchStreamWriter archive([&](const void* data, size_t n) {
    bytes.append(static_cast<const char*>(data), n);
    return n;
  });
  const std::string numbers(64, '?');  // in float32 0.75
  const std::map<std::string, std::string_view> records{
      {"archive_format", "pt2"},
      {"models/model.json", "{}"},
      {"data/weights/model_weights_config.json", configuration},
      {"data/weights/weight_0", numbers},
      {"data/weights/weight_1", std::string_view(numbers).substr(0, 24)},
      {"data/constants/model_constants_config.json", R"({"config": {}})"}};
  for (const auto& [name, record] : records) {
    archive.writeRecord(name, record.data(), record.size());
  }
  archive.writeEndOfFile();
  return bytes;
}

}  // namespace

/// The input is the JSON that says what the records of weights are, whose tensors are all read.
void take(std::string_view bytes) {
  const networks::Archive archive =
      networks::read_archive(file_of(archive_with(bytes), ".weights.pt2"));
  for (const auto& [name, held] : archive.weights) {
    expect(held.tensor.defined() != !held.refusal.empty(),
           "neither a tensor nor why there is none");
    // Reads each byte that the tensor says it has.
    if (held.tensor.defined() && held.tensor.numel() < 4096) {
      expect(held.tensor.contiguous().defined(), "a tensor without numbers");
    }
  }
}

}  // namespace descent::fuzz
