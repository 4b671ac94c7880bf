#pragma once
#include <string>
#include <string_view>

#include <caffe2/serialize/inline_container.h>

namespace descent::fuzz {

/// A file of torch.save, with right checksums, whose pickle is `program`. It has the storages "0" of
/// 64 and "1" of 24 bytes.
inline std::string archive_of(std::string_view program) {
  std::string bytes;
  caffe2::serialize::PyTorchStreamWriter archive([&](const void* data, size_t n) {
    bytes.append(static_cast<const char*>(data), n);
    return n;
  });
  static const std::string kNumbers(64, '?');  // in float32 0.75
  archive.writeRecord("data.pkl", program.data(), program.size());
  archive.writeRecord("byteorder", "little", 6);
  archive.writeRecord("data/0", kNumbers.data(), 64);
  archive.writeRecord("data/1", kNumbers.data(), 24);
  archive.writeEndOfFile();
  return bytes;
}

}  // namespace descent::fuzz
