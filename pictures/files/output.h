#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include <descent/pictures/draw.h>
#include <descent/pictures/files/layout.h>
#include <descent/pictures/parts/plot.h>
#include <descent/pictures/scene/image.h>

namespace descent::pictures {

using OnFrame = std::function<bool(int64_t done, int64_t all)>;

/// Frames as the bytes of a file, each but the last one shown for so many hundredths of a second.
/// Colours are chosen from the examples. "" if on_frame stops it.
using Film = std::string(int64_t frames, const std::function<Image(int64_t)>& frame,
                         std::span<const Image> examples, int delay, int last_delay,
                         const OnFrame& on_frame);

/// A format of files. Its row in the table of output.cpp is all that there is to say of it.
struct Format {
  const char* extension;
  /// The race at a step as the bytes of a file; null: a format that moves, or a page.
  std::string (*still)(const Sheet& sheet, const Parts& parts, int64_t step);
  Film* film;  ///< of a format that moves, else null

  bool can_move() const { return film != nullptr; }
  bool is_page() const { return still == nullptr && film == nullptr; }
};

/// What a format must be to be allowed.
bool is_any(const Format& format);
bool is_picture(const Format& format);        ///< no page
bool is_still_picture(const Format& format);  ///< nor one that moves
bool is_page(const Format& format);

/// The format of a path by its extension; std::invalid_argument if it is none of those allowed.
const Format& format_of(const std::string& what, const std::filesystem::path& path,
                        bool (*allowed)(const Format&));

Image image_of(const Sheet& sheet, const Parts& parts, int64_t step);
std::string png_of(const Sheet& sheet, const Parts& parts, int64_t step);

/// Writes the race at `step`, all steps up to it where the format can move. Nothing is written if
/// on_frame stops it.
void write(const std::filesystem::path& path, const Format& format, const Sheet& sheet,
           const Parts& parts, int64_t step, const OnFrame& on_frame);

}  // namespace descent::pictures
