#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include <descent/pictures/files/layout.h>
#include <descent/pictures/parts/plot.h>
#include <descent/pictures/scene/image.h>

namespace descent::pictures {

/// The formats of files that pictures have.
enum class Format { kPng, kSvg, kGif, kHtml };

/// The format of a path by its extension; std::invalid_argument if it is none of those allowed.
Format format_of(const std::string& what, const std::filesystem::path& path,
                 std::span<const Format> allowed);

using OnFrame = std::function<bool(int64_t done, int64_t all)>;

/// Frames as a .gif, each but the last one shown for so many hundredths of a second. The palette is
/// made of the examples. "" if on_frame stops it.
std::string gif_of(int64_t frames, const std::function<Image(int64_t)>& frame,
                   std::span<const Image> examples, int delay, int last_delay,
                   const OnFrame& on_frame);

Image image_of(const Sheet& sheet, const Parts& parts, int64_t step);
std::string png_of(const Sheet& sheet, const Parts& parts, int64_t step);

/// Writes the race at `step`, as a .gif all steps up to it. Nothing is written if on_frame stops
/// it.
void write(const std::filesystem::path& path, Format format, const Sheet& sheet, const Parts& parts,
           int64_t step, const OnFrame& on_frame);

}  // namespace descent::pictures
