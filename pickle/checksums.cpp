#include <algorithm>
#include <fstream>
#include <string_view>

#include <c10/util/Exception.h>
#include <caffe2/serialize/inline_container.h>

#include <descent/base/crc32.h>
#include <descent/pickle/checksums.h>

// The end of a zip archive (PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.12 to 4.3.16), numbers little
// endian:
//   for each record: "PK\1\2", at 16 the CRC-32 of its content, at 28, 30 and 32 the lengths of its
//     name and of two texts that follow it; the name is at 46
//   "PK\6\6", at 48 where the first of these is; "PK\6\7", at 8 where this is: both only if a number
//     needs 64 bits, or the writer is LibTorch
//   "PK\5\6", at 16 where the first of them is; a comment of up to 65535 bytes

namespace descent::pickle {
namespace {

constexpr int64_t kEnd = 22, kLocator = 20, kEnd64 = 56, kEntry = 46;  // bytes without texts
constexpr int64_t kLongestComment = 65535;

uint64_t number(std::string_view bytes, size_t at, size_t count) {
  TORCH_CHECK(at + count <= bytes.size(), "its directory ends too early");
  uint64_t x = 0;
  for (size_t i = count; i-- > 0;) x = x << 8 | static_cast<unsigned char>(bytes[at + i]);
  return x;
}

/// What follows `from` in a file, or `most` bytes of it.
std::string part(std::ifstream& file, int64_t from, int64_t most) {
  file.seekg(0, std::ios::end);
  const auto size = static_cast<int64_t>(file.tellg());
  TORCH_CHECK(from >= 0 && from <= size, "it has no directory of records");
  std::string bytes(static_cast<size_t>(std::min(most, size - from)), '\0');
  file.seekg(from);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  TORCH_CHECK(file, "it cannot be read");
  return bytes;
}

/// The entries of the archive's records, one after the other, and what follows them.
std::string directory(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  TORCH_CHECK(file, "it cannot be opened");
  const auto size = static_cast<int64_t>(file.tellg());
  const int64_t from = std::max<int64_t>(0, size - kEnd - kLongestComment - kLocator);
  const std::string tail = part(file, from, size - from);
  const size_t end = tail.rfind("PK\5\6");
  TORCH_CHECK(end != std::string::npos, "it has no directory of records");
  auto first = static_cast<int64_t>(number(tail, end + 16, 4));
  if (end >= kLocator && tail.compare(end - kLocator, 4, "PK\6\7") == 0) {
    const auto where = static_cast<int64_t>(number(tail, end - kLocator + 8, 8));
    first = static_cast<int64_t>(number(part(file, where, kEnd64), 48, 8));
  }
  return part(file, first, size);
}

}  // namespace

Checksums::Checksums(const std::filesystem::path& path) {
  const std::string entries = directory(path);
  const std::string_view text = entries;
  size_t at = 0;
  while (text.substr(at).starts_with("PK\1\2")) {
    const size_t name_length = number(text, at + 28, 2);
    const std::string_view name = text.substr(std::min(text.size(), at + kEntry), name_length);
    const auto sum = static_cast<uint32_t>(number(text, at + 16, 4));
    // The reader names records without the folder that all of them are in.
    const size_t folder = name.find('/');
    if (sum != 0 && folder != std::string_view::npos) {
      of_records_.emplace(name.substr(folder + 1), sum);
    }
    at += kEntry + name_length + number(text, at + 30, 2) + number(text, at + 32, 2);
    TORCH_CHECK(at <= text.size(), "its directory ends too early");
  }
  TORCH_CHECK(at > 0 && text.substr(at).starts_with("PK"), "its directory of records is damaged");
}

void Checksums::check(const std::string& record, const void* data, size_t size) const {
  const auto known = of_records_.find(record);
  if (known != of_records_.end()) compare(*known, crc32(data, size));
}

void Checksums::check_all(caffe2::serialize::PyTorchStreamReader& archive) const {
  constexpr size_t kPiece = size_t{1} << 20;
  std::string piece(kPiece, '\0');
  for (const auto& known : of_records_) {
    const size_t size = archive.getRecordSize(known.first);
    auto pieces = archive.createChunkReaderIter(known.first, size, kPiece);
    uint32_t sum = 0;
    for (size_t done = 0; done < size;) {
      const size_t count = pieces.next(piece.data());
      sum = crc32(piece.data(), count, sum);
      done += count;
    }
    compare(known, sum);
  }
}

void Checksums::compare(const Known& known, uint32_t sum) {
  TORCH_CHECK(known.second == sum, "its record '", known.first,
              "' is damaged (its checksum does not match)");
}

void refuse_old_format(const std::filesystem::path& path) {
  // The pickle of the number 0x1950a86a20f9469cfc6c, with which all of these files begin.
  constexpr std::string_view kStart = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
  std::string start(kStart.size(), '\0');
  std::ifstream(path, std::ios::binary).read(start.data(), kStart.size());
  TORCH_CHECK(start != kStart,
              "it has the format of torch.save before 1.6, which is no zip archive; save it anew "
              "in Python: torch.save(torch.load(path), path)");
}

void check_records(const std::filesystem::path& path) {
  refuse_old_format(path);
  caffe2::serialize::PyTorchStreamReader archive(path.string());
  Checksums(path).check_all(archive);
}

}  // namespace descent::pickle
