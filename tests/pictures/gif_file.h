#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace descent {

/// A GIF file taken apart again.
struct GifFile {
  int width = 0, height = 0;
  bool repeats = false;
  std::vector<int> delays;                    ///< hundredths of a second
  std::vector<std::vector<uint32_t>> frames;  ///< 0xrrggbb, each as it is shown

  explicit GifFile(std::string bytes) : bytes_(std::move(bytes)) {
    EXPECT_EQ(bytes_.substr(0, 6), "GIF89a");
    at_ = 6;
    width = word();
    height = word();
    const int flags = byte();
    at_ += 2;
    const std::vector<uint32_t> palette = colors(flags);
    std::vector<uint32_t> shown(static_cast<size_t>(width * height));
    int transparent = -1;
    for (;;) {
      const int block = byte();
      if (block == 0x21 && byte() == 0xF9) {
        at_ += 1;
        const int control = byte();
        delays.push_back(word());
        const int index = byte();
        transparent = (control & 1) != 0 ? index : -1;
        at_ += 1;
      } else if (block == 0x21) {
        repeats = repeats || bytes_.compare(at_ + 1, 11, "NETSCAPE2.0") == 0;
        sub_blocks();
      } else if (block == 0x2C) {
        draw(palette, transparent, shown);
        frames.push_back(shown);
      } else {
        EXPECT_EQ(block, 0x3B);
        EXPECT_EQ(at_, bytes_.size());
        return;
      }
    }
  }

 private:
  int byte() { return static_cast<uint8_t>(bytes_.at(at_++)); }
  int word() {
    const int low = byte();
    return low | byte() << 8;
  }

  std::vector<uint32_t> colors(int flags) {
    std::vector<uint32_t> table;
    if ((flags & 0x80) == 0) return table;
    for (int k = 0; k < 2 << (flags & 7); ++k) {
      const int r = byte(), g = byte(), b = byte();
      table.push_back(static_cast<uint32_t>(r << 16 | g << 8 | b));
    }
    return table;
  }

  std::string sub_blocks() {
    std::string data;
    while (const int n = byte()) {
      data += bytes_.substr(at_, static_cast<size_t>(n));
      at_ += static_cast<size_t>(n);
    }
    return data;
  }

  void draw(const std::vector<uint32_t>& global, int transparent, std::vector<uint32_t>& shown) {
    const int left = word(), top = word(), columns = word(), rows = word(), flags = byte();
    const std::vector<uint32_t> local = colors(flags);
    const auto& palette = local.empty() ? global : local;
    const int bits = byte();
    const std::vector<int> indices = unpacked(sub_blocks(), bits);
    ASSERT_EQ(indices.size(), static_cast<size_t>(columns * rows));
    for (int y = 0; y < rows; ++y)
      for (int x = 0; x < columns; ++x) {
        const int index = indices[static_cast<size_t>(y * columns + x)];
        if (index != transparent)
          shown.at(static_cast<size_t>((top + y) * width + left + x)) =
              palette.at(static_cast<size_t>(index));
      }
  }

  /// Lempel, Ziv and Welch's codes as the format packs them.
  static std::vector<int> unpacked(const std::string& data, int bits) {
    const int clear = 1 << bits, end = clear + 1;
    std::vector<std::vector<int>> words;
    std::vector<int> result, last;
    int width = bits + 1;
    size_t at = 0;
    for (;;) {
      int code = 0;
      for (int k = 0; k < width; ++k, ++at)
        code |= (static_cast<uint8_t>(data.at(at / 8)) >> (at % 8) & 1) << k;
      if (code == end) return result;
      if (code == clear) {
        words.clear();
        for (int k = 0; k < clear; ++k) words.push_back({k});
        words.resize(static_cast<size_t>(end) + 1);
        width = bits + 1;
        last.clear();
        continue;
      }
      std::vector<int> word;
      if (static_cast<size_t>(code) < words.size()) {
        word = words[static_cast<size_t>(code)];
      } else {
        word = last;
        word.push_back(last.front());
      }
      result.insert(result.end(), word.begin(), word.end());
      if (!last.empty() && words.size() < 4096) {
        last.push_back(word.front());
        words.push_back(last);
      }
      if (words.size() == size_t{1} << width && width < 12) ++width;
      last = word;
    }
  }

  std::string bytes_;
  size_t at_ = 0;
};

}  // namespace descent
