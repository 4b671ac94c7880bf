#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <descent/base/crc32.h>

namespace descent::tests {

/// A zip archive of records that are stored as they are, as numpy.savez writes it.
inline std::string zip_of(const std::vector<std::pair<std::string, std::string>>& records) {
  const auto little = [](uint64_t x, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(x >> 8 * i & 0xff);
    return text;
  };
  std::string all, directory;
  for (const auto& [name, content] : records) {
    // The checksum, both sizes, and the lengths of the name and of what follows it.
    const std::string about = little(crc32(content.data(), content.size()), 4) +
                              little(content.size(), 4) + little(content.size(), 4) +
                              little(name.size(), 2) + little(0, 2);
    directory += "PK\1\2" + std::string(12, '\0') + about + std::string(10, '\0') +
                 little(all.size(), 4) + name;
    all += "PK\3\4" + std::string(10, '\0') + about + name + content;
  }
  return all + directory + "PK\5\6" + std::string(12, '\0') + little(all.size(), 4) + little(0, 2);
}

}  // namespace descent::tests
