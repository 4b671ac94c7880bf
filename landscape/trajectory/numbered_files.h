#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

namespace descent::landscape {

struct Numbered {
  int64_t number;
  std::filesystem::path path;
};

/// The snapshots of a folder, whose names end in digits, in the order of their numbers: files, and
/// folders with a file of weights. Throws std::runtime_error for a number that is too large or
/// there twice.
std::vector<Numbered> numbered_files(const std::filesystem::path& folder);

}  // namespace descent::landscape
