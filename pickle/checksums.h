#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <istream>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

namespace caffe2::serialize {
class PyTorchStreamReader;
}

namespace descent::pickle {

/// The checksums of a zip archive's records. LibTorch's reader passes over them, so that a changed
/// byte would be a changed weight. Everything throws c10::Error with what is wrong, without the
/// path.
class Checksums {
 public:
  explicit Checksums(const std::filesystem::path& path);
  explicit Checksums(std::unique_ptr<std::istream> file);

  /// Throws unless these are the bytes of the record, which is named as in the reader. Records that
  /// were saved without a checksum (torch.serialization.set_crc32_options(False)) pass.
  void check(const std::string& record, const void* data, size_t size) const;

  /// The same of all records, read piece by piece.
  void check_all(caffe2::serialize::PyTorchStreamReader& archive) const;

 private:
  using Known = std::pair<const std::string, uint32_t>;
  static void compare(const Known& known, uint32_t sum);

  std::unordered_map<std::string, uint32_t> of_records_;  // without those that have none
};

/// Refuses what torch.save wrote before PyTorch 1.6, and still writes if it is asked for.
void refuse_old_format(const std::filesystem::path& path);

/// Throws c10::Error unless the file is a zip archive whose records have their checksums.
void check_records(const std::filesystem::path& path);

}  // namespace descent::pickle
