#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <descent/base/atomic_file.h>
#include <descent/base/crc32.h>
#include <descent/base/zip.h>

#include "../damage.h"

namespace descent::tests {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

std::string little(uint64_t x, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(x >> 8 * i & 0xff);
  return text;
}

/// An archive of one record, and what may be wrong with it.
struct Archive {
  std::string content = "numbers";
  uint64_t size = content.size(), header = 0;
  uint32_t checksum = crc32(content.data(), content.size());
  int method = 0, entries = 1;
  bool in_64_bits = false;

  std::string bytes() const {
    const std::string name = "folder/a";
    std::string all =
        "PK\3\4" + std::string(22, '\0') + little(name.size(), 2) + little(0, 2) + name + content;
    const uint64_t directory = all.size();
    const std::string fields = in_64_bits ? little(7, 2) + little(1, 2) + "x" + little(1, 2) +
                                                little(24, 2) + little(size, 8) + little(size, 8) +
                                                little(header, 8)
                                          : "";
    const auto number = [&](uint64_t x) { return little(in_64_bits ? 0xffffffff : x, 4); };
    const std::string entry = "PK\1\2" + std::string(6, '\0') +
                              little(static_cast<uint64_t>(method), 2) + std::string(4, '\0') +
                              little(checksum, 4) + number(size) + number(size) +
                              little(name.size(), 2) + little(fields.size(), 2) +
                              std::string(10, '\0') + number(header) + name + fields;
    for (int k = 0; k < entries; ++k) all += entry;
    return all + "PK\5\6" + std::string(12, '\0') + little(directory, 4) + little(0, 2);
  }
};

class Zip : public testing::Test {
 protected:
  ~Zip() override { std::filesystem::remove(path_); }

  std::string read(const std::string& bytes) const {
    damage::write(path_, bytes);
    ZipReader zip(path_);
    const ZipReader::Record* const record = zip.find("folder/a");
    return record ? zip.read(*record) : "none";
  }
  void refused(const std::string& bytes, const std::string& reason) const {
    EXPECT_THAT([&] { read(bytes); }, ThrowsMessage<std::invalid_argument>(HasSubstr(reason)));
  }

  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("descent_zip_test." + std::to_string(::getpid()));
};

TEST_F(Zip, IsReadByName) {
  EXPECT_EQ(read(Archive{}.bytes()), "numbers");
  EXPECT_EQ(read(Archive{.in_64_bits = true}.bytes()), "numbers");
  ZipReader zip(path_);
  EXPECT_EQ(zip.find("a"), nullptr);
  EXPECT_EQ(zip.records().size(), 1u);
}

TEST_F(Zip, IsRefusedWithWhatIsWrong) {
  const std::string whole = Archive{}.bytes();
  refused("", "it has no directory of records");
  refused("PK", "it has no directory of records");
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_THROW(read(whole.substr(0, length)), std::invalid_argument) << length;
  }
  refused(Archive{.method = 8}.bytes(), "'folder/a' is compressed");
  refused(Archive{.checksum = 5}.bytes(), "'folder/a' is damaged (its checksum does not match)");
  refused(Archive{.header = 1}.bytes(), "'folder/a' is damaged (it has no header)");
}

TEST_F(Zip, WithSizesBeyondTheFileIsRefusedBeforeMemoryIsTaken) {
  for (const uint64_t size : {uint64_t{1} << 30, uint64_t{1} << 62, ~uint64_t{0}}) {
    refused(Archive{.size = size, .in_64_bits = true}.bytes(), "reaches beyond the file");
    refused(Archive{.header = size, .in_64_bits = true}.bytes(), "reaches beyond the file");
  }
  refused(Archive{.size = 100}.bytes(), "reaches beyond the file");
}

TEST_F(Zip, WhoseRecordsLieOverEachOtherIsRefused) {
  const std::string content(1000, 'x');
  EXPECT_EQ(read(Archive{.content = content}.bytes()), content);
  refused(Archive{.content = content, .entries = 2}.bytes(), "they lie over each other");
}

TEST_F(Zip, WithoutAChecksumIsRead) { EXPECT_EQ(read(Archive{.checksum = 0}.bytes()), "numbers"); }

}  // namespace
}  // namespace descent::tests
