#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <descent/pictures/scene/color.h>
#include <descent/pictures/scene/image.h>

typedef struct st_gif CGIF;

namespace descent::pictures {

constexpr int64_t kMostFrames = 200;

/// An animated GIF that runs again and again. Of each frame only what has changed is stored.
class Gif {
 public:
  /// The palette of all frames: the `exact` colours, and the rest of 255 from the opaque `examples`
  /// by median cut (Heckbert 1982). All frames have the size of the examples.
  Gif(std::span<const Image> examples, const std::vector<Color>& exact);
  Gif(const Gif&) = delete;
  Gif& operator=(const Gif&) = delete;
  ~Gif();

  /// Adds a frame that is shown for so many hundredths of a second.
  void add(const Image& frame, int hundredths);

  /// The file; nothing can follow.
  std::string finish();

 private:
  /// Of a pixel, with ordered dithering between two colours.
  uint8_t index_of(uint32_t rgb, int x, int y);
  uint8_t nearest(uint32_t rgb);
  /// Squared, with weights as of the eye.
  int distance(size_t index, const std::array<uint8_t, 3>& color) const;

  std::vector<uint8_t> palette_;  // r, g, b
  std::vector<int16_t> nearest_;  // of 6 bits a channel; -1: not known yet
  std::vector<uint32_t> shown_;   // the pixels of the last frame
  std::vector<uint8_t> indices_;  // and their colours
  std::string bytes_;
  CGIF* gif_ = nullptr;
};

}  // namespace descent::pictures
