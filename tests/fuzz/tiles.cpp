#include <array>
#include <cstring>
#include <string>

#include <descent/landscape/evaluate/tiles.h>
#include <descent/tensors/fingerprint.h>

#include "fuzz.h"

/// The input is the file of a tile; where its first byte is even, with a right checksum in place of
/// its last eight bytes.
void descent::fuzz::take(std::string_view bytes) {
  constexpr uint64_t kJob = 0x0123456789abcdef;
  static const landscape::Tiles tiles("evaluate", folder() / "tiles", kJob);
  const std::string file = folder() / "tiles" / (tensors::hexadecimal(kJob) + "-0.tile");
  std::string content(bytes);
  if (content.size() > 8 && content[0] % 2 == 0) {
    tensors::Fingerprint sum;
    sum.add(content.data(), content.size() - 8);
    const uint64_t value = sum.value();
    std::memcpy(content.data() + content.size() - 8, &value, 8);
  }
  std::filesystem::copy_file(file_of(content, ".tile"), file,
                             std::filesystem::copy_options::overwrite_existing);
  std::array<double, 4> values{1, 2, 3, 4};
  if (!tiles.read(0, values))
    expect(values == std::array<double, 4>{1, 2, 3, 4}, "a refused tile changed the values");
}
