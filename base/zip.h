#pragma once
#include <cstdint>
#include <filesystem>
#include <istream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace descent {

/// The records of a zip archive, which are stored as they are, as PyTorch and NumPy write them.
/// Everything throws std::invalid_argument with what is wrong, without the path.
class ZipReader {
 public:
  struct Record {
    std::string name;
    uint64_t header;     ///< where its bytes in the file begin: with a header of their own
    uint64_t size;       ///< of all records together never more than the file has
    uint32_t checksum;   ///< 0: it was written without one
    bool is_compressed;  ///< read() refuses it
  };

  explicit ZipReader(const std::filesystem::path& path);
  explicit ZipReader(std::unique_ptr<std::istream> file);

  const std::vector<Record>& records() const { return records_; }
  const Record* find(std::string_view name) const;  ///< null: there is none

  /// Reads record.size bytes and compares the checksum.
  void read(const Record& record, void* to);
  std::string read(const Record& record);

 private:
  std::string part(uint64_t from, uint64_t most);
  std::string directory();

  std::unique_ptr<std::istream> file_;
  uint64_t size_ = 0;
  std::vector<Record> records_;
};

}  // namespace descent
