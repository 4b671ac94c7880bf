#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include <descent/pictures/parts/plot.h>
#include <descent/pictures/scene/image.h>

namespace descent::pictures {

/// What all pictures have around their parts.
struct Sheet {
  int width, height;  ///< pixels
  double font;        ///< of tick labels
  std::string title, caption;
  double inset = 0;  ///< pixels left free above and below
};

/// Throws std::invalid_argument with `what` in front unless `right`.
void require(bool right, const std::string& what, const std::string& field,
             const std::string& allowed);

/// Refuses a width or height outside of [200, 4096].
void check_size(const std::string& what, int width, int height);

/// Refuses ends of a range that are infinite or not ascending; NaN is no end.
void check_range(const std::string& what, double lo, double hi);

/// Refuses a step below -1.
void check_step(const std::string& what, int64_t step);

/// The part with the title above and the caption below. `room` becomes what is left.
std::unique_ptr<Part> sheet_part(const Sheet& sheet, Rect& room);

/// The part with the racers and their losses at the bottom of `room`, which becomes what is left.
std::unique_ptr<Part> legend_part(const std::vector<Racer>& racers, int64_t last, double font,
                                  Rect& room);

/// "Values above 5 are drawn as 5.", if there are any.
std::string beyond(const std::string& values, const ValueScale& scale, bool log);

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
