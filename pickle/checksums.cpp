#include <exception>
#include <fstream>
#include <string_view>
#include <utility>

#include <c10/util/Exception.h>
#include <caffe2/serialize/inline_container.h>

#include <descent/base/crc32.h>
#include <descent/base/zip.h>
#include <descent/pickle/checksums.h>

namespace descent::pickle {

Checksums::Checksums(const std::filesystem::path& path)
    : Checksums(std::make_unique<std::ifstream>(path, std::ios::binary)) {}

Checksums::Checksums(std::unique_ptr<std::istream> file) {
  try {
    const ZipReader zip(std::move(file));
    for (const ZipReader::Record& record : zip.records()) {
      // The reader names records without the folder that all of them are in.
      const size_t folder = record.name.find('/');
      if (record.checksum != 0 && folder != std::string::npos) {
        of_records_.emplace(record.name.substr(folder + 1), record.checksum);
      }
    }
  } catch (const std::exception& error) {
    TORCH_CHECK(false, error.what());
  }
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
