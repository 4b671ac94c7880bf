#pragma once
#include <cstdint>
#include <filesystem>
#include <iosfwd>

namespace descent::cli {

struct GallerySettings {
  uint64_t seed = 0;  ///< of the noise
  std::filesystem::path out;
  bool force = false;
};

/// Writes all races of the gallery: index.html, a page for each chapter, pictures and animations.
void write_gallery(const GallerySettings& settings, std::ostream& out);

}  // namespace descent::cli
