#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

#include <descent/base/atomic_file.h>
#include <descent/landscape/evaluate/tiles.h>
#include <descent/tensors/fingerprint.h>

// A file: "descent-tile-1\n", the job's fingerprint, the number of the first value, how many there
// are, the values, and the FNV-1a of all that; 8 bytes each in the machine's byte order.

namespace descent::landscape {
namespace {

constexpr std::string_view kMagic = "descent-tile-1\n";

template <class T>
void append(std::string& bytes, T number) {
  static_assert(sizeof number == 8);
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

/// All but the values and the checksum.
std::string header(uint64_t job, int64_t first, size_t count) {
  std::string bytes(kMagic);
  append(bytes, job);
  append(bytes, first);
  append(bytes, static_cast<int64_t>(count));
  return bytes;
}

uint64_t checksum(std::string_view bytes) {
  tensors::Fingerprint sum;
  sum.add(bytes.data(), bytes.size());
  return sum.value();
}

}  // namespace

Tiles::Tiles(const std::string& who, std::filesystem::path folder, uint64_t job)
    : folder_(std::move(folder)), job_(job) {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error || !std::filesystem::is_directory(folder_)) {
    throw std::runtime_error(who + ": options.tiles = " + folder_.string() +
                             " is no folder and cannot be made one" +
                             (error ? ": " + error.message() : ""));
  }
}

std::filesystem::path Tiles::file(int64_t first) const {
  return folder_ / (tensors::hexadecimal(job_) + "-" + std::to_string(first) + ".tile");
}

bool Tiles::read(int64_t first, std::span<double> values) const {
  std::string bytes;
  try {
    bytes = read_file(file(first));
  } catch (const std::runtime_error&) {
    return false;
  }
  const std::string head = header(job_, first, values.size());
  const size_t payload = head.size() + values.size_bytes();
  if (bytes.size() != payload + sizeof(uint64_t) || !bytes.starts_with(head)) return false;
  uint64_t sum = 0;
  std::memcpy(&sum, bytes.data() + payload, sizeof sum);
  if (sum != checksum(std::string_view(bytes).substr(0, payload))) return false;
  std::memcpy(values.data(), bytes.data() + head.size(), values.size_bytes());
  return true;
}

void Tiles::write(int64_t first, std::span<const double> values) const {
  std::string bytes = header(job_, first, values.size());
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  append(bytes, checksum(bytes));
  write_unsynced(file(first), bytes);  // one that is torn is measured again
}

}  // namespace descent::landscape
