#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <descent/pictures/draw.h>

namespace descent {

/// One surface of a page, with the race on it if there is one.
struct Panel {
  std::string id{};       ///< part of the page's address: letters, digits, - and _, unique
  std::string title{};    ///< UTF-8
  std::string caption{};  ///< UTF-8, what is drawn: surface, seed, start, steps
  Grid grid{};
  std::vector<Track> tracks{};  ///< the same label in several panels is the same racer
  /// Direction of the view, lo, hi, log (what the page begins with), minima and mark_minima; the rest
  /// is not used.
  PictureOptions picture{};
};

struct PageOptions {
  std::string title = "descent";  ///< UTF-8
  std::string caption{};          ///< UTF-8, may have line breaks
};

/// An interactive page as one HTML file that needs no network: surfaces to turn and to point at,
/// races to play. Where a browser has no WebGL 2, it shows a picture of each panel. Throws
/// std::invalid_argument if there are no panels, an id is empty, is used twice or has other
/// characters, a text is not UTF-8, a grid has one row or column, `log` is asked for negative
/// values, and for what draw() refuses.
std::string page_html(std::span<const Panel> panels, const PageOptions& options = {});

/// Writes it to a file, which must end in .html; std::runtime_error if that fails. Then no file is
/// left, and an older one is kept.
void draw_page(std::span<const Panel> panels, const std::filesystem::path& path,
               const PageOptions& options = {});

}  // namespace descent
