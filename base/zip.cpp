#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <utility>

#include <descent/base/crc32.h>
#include <descent/base/zip.h>

// The layout (PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7 to 4.5.3), numbers little endian:
//   each record: "PK\3\4", at 26 and 28 the lengths of its name and of a text, which follow at 30;
//     then its content
//   the directory, for each record: "PK\1\2", at 10 how it is compressed (0: not), at 16 the CRC-32
//     of its content, at 20 and 24 its size when compressed and when not, at 28, 30 and 32 the
//     lengths of its name and of two texts that follow it, at 42 where the record is; the name is at
//     46. The first text has fields: two bytes of a kind, two of a length, content. The field of
//     kind 1 has the numbers of 64 bits in place of those that are 0xffffffff
//   "PK\6\6", at 48 where the first of these is; "PK\6\7", at 8 where this is: both only if a number
//     needs 64 bits, or the writer is LibTorch
//   "PK\5\6", at 16 where the first of them is; a comment of up to 65535 bytes

namespace descent {
namespace {

constexpr uint64_t kEnd = 22, kLocator = 20, kEnd64 = 56, kEntry = 46, kHeader = 30;
constexpr uint64_t kLongestComment = 65535, kIn64Bits = 0xffffffff;
constexpr uint64_t kPiece = uint64_t{1} << 18;

void check(bool holds, const std::string& otherwise) {
  if (!holds) throw std::invalid_argument(otherwise);
}

uint64_t number(std::string_view bytes, size_t at, size_t count) {
  check(at + count <= bytes.size(), "its directory ends too early");
  uint64_t x = 0;
  for (size_t i = count; i-- > 0;) x = x << 8 | static_cast<unsigned char>(bytes[at + i]);
  return x;
}

/// Replaces the numbers of an entry that do not fit it, in their order.
void take_64_bits(std::string_view fields, const std::vector<uint64_t*>& numbers) {
  for (size_t at = 0; at + 4 <= fields.size();) {
    const uint64_t kind = number(fields, at, 2), length = number(fields, at + 2, 2);
    at += 4;
    if (kind == 1) {
      const std::string_view content = fields.substr(at, length);
      size_t next = 0;
      for (uint64_t* const x : numbers) {
        if (*x != kIn64Bits) continue;
        *x = number(content, next, 8);
        next += 8;
      }
      return;
    }
    at += length;
  }
}

}  // namespace

ZipReader::ZipReader(const std::filesystem::path& path)
    : ZipReader(std::make_unique<std::ifstream>(path, std::ios::binary)) {}

ZipReader::ZipReader(std::unique_ptr<std::istream> file) : file_(std::move(file)) {
  check(file_->good(), "it cannot be opened");
  file_->seekg(0, std::ios::end);
  size_ = static_cast<uint64_t>(file_->tellg());
  check(file_->good(), "it cannot be read");
  const std::string entries = directory();
  const std::string_view text = entries;
  size_t at = 0;
  uint64_t sizes = 0;
  while (text.substr(at).starts_with("PK\1\2")) {
    const uint64_t name = number(text, at + 28, 2), fields = number(text, at + 30, 2);
    const uint64_t next = at + kEntry + name + fields + number(text, at + 32, 2);
    check(next <= text.size(), "its directory ends too early");
    Record record{std::string(text.substr(at + kEntry, name)), number(text, at + 42, 4),
                  number(text, at + 24, 4), static_cast<uint32_t>(number(text, at + 16, 4)),
                  number(text, at + 10, 2) != 0};
    uint64_t compressed = number(text, at + 20, 4);
    take_64_bits(text.substr(at + kEntry + name, fields),
                 {&record.size, &compressed, &record.header});
    if (!record.is_compressed) {
      check(record.size <= size_ && record.header <= size_ - record.size,
            "its record '" + record.name + "' reaches beyond the file");
      sizes += record.size;
      check(sizes <= size_, "its records are larger than the file: they lie over each other");
    }
    records_.push_back(std::move(record));
    at = next;
  }
  check(at > 0 && text.substr(at).starts_with("PK"), "its directory of records is damaged");
}

/// What follows `from` in the file, or `most` bytes of it.
std::string ZipReader::part(uint64_t from, uint64_t most) {
  check(from <= size_, "it has no directory of records");
  std::string bytes(std::min(most, size_ - from), '\0');
  file_->seekg(static_cast<std::streamoff>(from));
  file_->read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  check(file_->good(), "it cannot be read");
  return bytes;
}

/// The entries of the records, one after the other, and what follows them.
std::string ZipReader::directory() {
  constexpr uint64_t kTail = kEnd + kLongestComment + kLocator;
  const std::string tail = part(size_ - std::min(size_, kTail), kTail);
  const size_t end = tail.rfind("PK\5\6");
  check(end != std::string::npos && tail.size() - end >= kEnd, "it has no directory of records");
  uint64_t first = number(tail, end + 16, 4);
  if (end >= kLocator && tail.compare(end - kLocator, 4, "PK\6\7") == 0) {
    first = number(part(number(tail, end - kLocator + 8, 8), kEnd64), 48, 8);
  }
  return part(first, size_);
}

const ZipReader::Record* ZipReader::find(std::string_view name) const {
  const auto found = std::find_if(records_.begin(), records_.end(),
                                  [&](const Record& record) { return record.name == name; });
  return found == records_.end() ? nullptr : &*found;
}

void ZipReader::read(const Record& record, void* to) {
  const std::string subject = "its record '" + record.name + "' ";
  check(!record.is_compressed, subject + "is compressed, which is not supported");
  const std::string header = part(record.header, kHeader);
  check(header.starts_with("PK\3\4"), subject + "is damaged (it has no header)");
  const uint64_t begin = record.header + kHeader + number(header, 26, 2) + number(header, 28, 2);
  check(begin <= size_ && record.size <= size_ - begin, subject + "reaches beyond the file");
  file_->seekg(static_cast<std::streamoff>(begin));
  uint32_t sum = 0;
  for (uint64_t done = 0; done < record.size;) {
    // A piece is still in the processor's cache when its checksum is taken.
    const uint64_t count = std::min(kPiece, record.size - done);
    char* const piece = static_cast<char*>(to) + done;
    file_->read(piece, static_cast<std::streamsize>(count));
    check(file_->good(), subject + "cannot be read");
    if (record.checksum != 0) sum = crc32(piece, count, sum);
    done += count;
  }
  check(record.checksum == 0 || sum == record.checksum,
        subject + "is damaged (its checksum does not match)");
}

std::string ZipReader::read(const Record& record) {
  check(!record.is_compressed,
        "its record '" + record.name + "' is compressed, which is not supported");
  std::string bytes(record.size, '\0');
  read(record, bytes.data());
  return bytes;
}

}  // namespace descent
