#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>
#include <utility>

#include <cgif.h>

#include <descent/pictures/files/gif.h>

namespace descent::pictures {
namespace {

constexpr size_t kColors = 255;  // one of 256 is left for "as before"
using Rgb = std::array<uint8_t, 3>;

// Squared distances of colours: what nobody sees, and what would look like noise.
constexpr int kGood = 10 * 3 * 3, kTooFar = 10 * 20 * 20;

Rgb parts(uint32_t pixel) {
  return {static_cast<uint8_t>(pixel >> 16), static_cast<uint8_t>(pixel >> 8),
          static_cast<uint8_t>(pixel)};
}

/// A colour of the examples and how often it is there.
struct Count {
  Rgb color;
  int64_t n;
};

std::vector<Count> counted(std::span<const Image> examples) {
  std::vector<uint32_t> pixels;
  for (const Image& image : examples)
    for (const uint32_t pixel : image.pixels) pixels.push_back(pixel & 0xffffff);
  std::sort(pixels.begin(), pixels.end());
  std::vector<Count> counts;
  for (size_t k = 0; k < pixels.size(); ++k) {
    if (k == 0 || pixels[k] != pixels[k - 1]) counts.push_back({parts(pixels[k]), 0});
    ++counts.back().n;
  }
  return counts;
}

/// Colours that are cut in two where their widest channel has its median.
struct Box {
  size_t begin, end;
  size_t channel = 0;
  double spread = 0;  // sum of squares around the mean in that channel

  Box(const std::vector<Count>& counts, size_t from, size_t to) : begin(from), end(to) {
    for (size_t c = 0; c < 3; ++c) {
      double n = 0, sum = 0, squares = 0;
      for (size_t k = begin; k < end; ++k) {
        const auto weight = static_cast<double>(counts[k].n),
                   at = static_cast<double>(counts[k].color[c]);
        n += weight;
        sum += weight * at;
        squares += weight * at * at;
      }
      const double here = squares - sum * sum / n;
      if (here > spread) {
        spread = here;
        channel = c;
      }
    }
  }
};

std::vector<Box> median_cut(std::vector<Count>& counts, size_t most) {
  std::vector<Box> boxes = {Box(counts, 0, counts.size())};
  while (boxes.size() < most) {
    const auto widest = std::max_element(
        boxes.begin(), boxes.end(), [](const Box& a, const Box& b) { return a.spread < b.spread; });
    if (widest->spread <= 0) break;
    const Box box = *widest;
    const auto at = [&](size_t k) { return counts.begin() + static_cast<std::ptrdiff_t>(k); };
    std::sort(at(box.begin), at(box.end), [&](const Count& a, const Count& b) {
      return std::pair{a.color[box.channel], a.color} < std::pair{b.color[box.channel], b.color};
    });
    int64_t all = 0, left = 0;
    for (size_t k = box.begin; k < box.end; ++k) all += counts[k].n;
    size_t middle = box.begin;
    while (middle + 1 < box.end && (middle == box.begin || 2 * left < all))
      left += counts[middle++].n;
    *widest = Box(counts, box.begin, middle);
    boxes.emplace_back(counts, middle, box.end);
  }
  return boxes;
}

int append(void* bytes, const uint8_t* data, size_t n) {
  try {
    static_cast<std::string*>(bytes)->append(reinterpret_cast<const char*>(data), n);
    return 0;
  } catch (const std::bad_alloc&) {
    return -1;
  }
}

void require(int result) {
  if (result == CGIF_EALLOC || result == CGIF_EWRITE) throw std::bad_alloc();
  if (result != CGIF_OK) throw std::runtime_error("cgif: error " + std::to_string(result));
}

}  // namespace

Gif::Gif(std::span<const Image> examples, const std::vector<Color>& exact)
    : nearest_(size_t{1} << 18, -1) {
  for (const Color& color : exact)
    for (const uint8_t part : parts(packed(color))) palette_.push_back(part);
  std::vector<Count> counts = counted(examples);
  std::erase_if(counts, [&](const Count& count) {
    for (size_t k = 0; k < palette_.size(); k += 3)
      if (std::equal(count.color.begin(), count.color.end(),
                     palette_.begin() + static_cast<std::ptrdiff_t>(k)))
        return true;
    return false;
  });
  if (!counts.empty())
    for (const Box& box : median_cut(counts, kColors - exact.size())) {
      double n = 0;
      std::array<double, 3> sum{};
      for (size_t k = box.begin; k < box.end; ++k) {
        const auto weight = static_cast<double>(counts[k].n);
        n += weight;
        for (size_t c = 0; c < 3; ++c) sum[c] += weight * counts[k].color[c];
      }
      for (size_t c = 0; c < 3; ++c) palette_.push_back(static_cast<uint8_t>(sum[c] / n + 0.5));
    }

  CGIF_Config config{};
  config.pGlobalPalette = palette_.data();
  config.numGlobalPaletteEntries = static_cast<uint16_t>(palette_.size() / 3);
  config.attrFlags = CGIF_ATTR_IS_ANIMATED;
  config.width = static_cast<uint16_t>(examples.front().width);
  config.height = static_cast<uint16_t>(examples.front().height);
  config.numLoops = CGIF_INFINITE_LOOP;
  config.pWriteFn = append;
  config.pContext = &bytes_;
  gif_ = cgif_newgif(&config);
  if (gif_ == nullptr) throw std::bad_alloc();
}

Gif::~Gif() {
  if (gif_ != nullptr) cgif_close(gif_);
}

int Gif::distance(size_t index, const std::array<uint8_t, 3>& color) const {
  int sum = 0;
  for (size_t c = 0; c < 3; ++c) {
    const int off = palette_[index * 3 + c] - color[c];
    sum += off * off * (c == 0 ? 3 : c == 1 ? 6 : 1);
  }
  return sum;
}

uint8_t Gif::nearest(uint32_t rgb) {
  Rgb color = parts(rgb);
  int16_t& known =
      nearest_[static_cast<size_t>(color[0] >> 2 << 12 | color[1] >> 2 << 6 | color[2] >> 2)];
  if (known < 0) {
    for (uint8_t& part : color) part = static_cast<uint8_t>((part & 0xfc) | 2);
    int least = std::numeric_limits<int>::max();
    for (size_t k = 0; k < palette_.size() / 3; ++k)
      if (const int here = distance(k, color); here < least) {
        least = here;
        known = static_cast<int16_t>(k);
      }
  }
  return static_cast<uint8_t>(known);
}

uint8_t Gif::index_of(uint32_t rgb, int x, int y) {
  static constexpr std::array kBayer = {0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5};
  const uint8_t near = nearest(rgb);
  // Where the palette misses the colour, a part of the pixels takes one from its other side.
  const Rgb color = parts(rgb);
  uint32_t mirrored = 0;
  for (size_t c = 0; c < 3; ++c)
    mirrored = mirrored << 8 |
               static_cast<uint32_t>(std::clamp(2 * color[c] - palette_[near * 3u + c], 0, 255));
  const uint8_t far = nearest(mirrored);
  const int to_near = distance(near, color), to_far = distance(far, color);
  if (to_near < kGood || to_far > kTooFar) return near;
  const double weight = std::sqrt(to_near) / (std::sqrt(to_near) + std::sqrt(to_far));
  const auto threshold = kBayer[static_cast<size_t>(y % 4 * 4 + x % 4)];
  return 16 * weight > threshold + 0.5 ? far : near;
}

void Gif::add(const Image& frame, int hundredths) {
  const bool first = shown_.empty();
  if (first) {
    shown_ = frame.pixels;
    indices_.resize(shown_.size());
  }
  for (int y = 0; y < frame.height; ++y)
    for (int x = 0; x < frame.width; ++x) {
      const size_t k =
          static_cast<size_t>(y) * static_cast<size_t>(frame.width) + static_cast<size_t>(x);
      if (!first && frame.pixels[k] == shown_[k]) continue;
      indices_[k] = index_of(frame.pixels[k], x, y);
    }
  shown_ = frame.pixels;
  CGIF_FrameConfig config{};
  config.pImageData = indices_.data();
  config.delay = static_cast<uint16_t>(hundredths);
  config.genFlags = CGIF_FRAME_GEN_USE_DIFF_WINDOW | CGIF_FRAME_GEN_USE_TRANSPARENCY;
  require(cgif_addframe(gif_, &config));
}

std::string Gif::finish() {
  CGIF* const gif = std::exchange(gif_, nullptr);
  require(cgif_close(gif));
  return std::move(bytes_);
}

}  // namespace descent::pictures
