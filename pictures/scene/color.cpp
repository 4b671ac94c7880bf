#include <algorithm>
#include <array>

#include <descent/pictures/scene/color.h>

namespace descent::pictures {

Color viridis(float t) {
  // Every eighth colour of the original table of 256; in between its error is below 2/255.
  static constexpr std::array<uint32_t, 33> kTable = {
      0x440154, 0x470d60, 0x48186a, 0x482374, 0x472d7b, 0x453681, 0x424086, 0x3f4989, 0x3b528b,
      0x375a8d, 0x33638d, 0x2f6a8e, 0x2c728e, 0x297a8e, 0x26818e, 0x23898e, 0x21908c, 0x1f988b,
      0x1f9f88, 0x21a685, 0x28ae80, 0x31b57b, 0x3ebc74, 0x4cc26c, 0x5dc963, 0x6ece58, 0x82d34c,
      0x96d83f, 0xabdc32, 0xc0df24, 0xd5e21a, 0xeae51a, 0xfde725};
  const float at = std::clamp(t, 0.0f, 1.0f) * (kTable.size() - 1);
  const auto k = std::min(static_cast<size_t>(at), kTable.size() - 2);
  return mix(rgb(kTable[k]), rgb(kTable[k + 1]), at - static_cast<float>(k));
}

ViridisTable::ViridisTable() {
  const auto all = static_cast<float>(colors_.size());
  for (size_t k = 0; k < colors_.size(); ++k)
    colors_[k] = viridis((static_cast<float>(k) + 0.5f) / all);
}

}  // namespace descent::pictures
