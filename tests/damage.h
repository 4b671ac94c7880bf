#pragma once
// What happens to files: copies with changes that are the same in each run.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

namespace damage {

/// How many damaged copies of a file a test reads; DESCENT_DAMAGED_COPIES asks for more.
inline uint32_t copies() {
  const char* const wanted = std::getenv("DESCENT_DAMAGED_COPIES");
  return wanted == nullptr ? 400 : static_cast<uint32_t>(std::atoi(wanted));
}

/// A copy of `bytes` with one to four changes that follow from `seed`: a byte of any value, a bit
/// that flips, a piece that is cut out, a piece that is put in.
inline std::string copy_of(const std::string& bytes, uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&random](size_t n) { return n == 0 ? 0 : random() % n; };
  std::string copy = bytes;
  for (size_t left = 1 + below(4); left > 0; --left) {
    const size_t at = below(copy.size());
    const auto kind = random() % 4, bit = random() % 8;
    const size_t length = 1 + below(16);
    const auto byte = static_cast<char>(random());
    if (kind == 0 && !copy.empty()) copy[at] = byte;
    if (kind == 1 && !copy.empty()) copy[at] = static_cast<char>(copy[at] ^ 1 << bit);
    if (kind == 2) copy.erase(at, length);
    if (kind == 3) copy.insert(at, length, byte);
  }
  return copy;
}

/// Writes a file anew. One that is written over waits for the disk on ext4, which keeps what was there
/// until the new bytes are safe: a minute for a test with thousands of copies.
inline void write(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace damage
