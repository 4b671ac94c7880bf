#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <string>
#include <utility>

#include <descent/landscape/trajectory/numbered_files.h>
#include <descent/networks/weights/weights_file.h>

namespace descent::landscape {

namespace fs = std::filesystem;

std::vector<Numbered> numbered_files(const fs::path& folder) {
  std::vector<Numbered> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string extension = entry.path().extension().string();
    const bool known = extension == ".pt" || extension == ".pth" || extension == ".ckpt" ||
                       extension == ".safetensors";
    const bool is_folder =
        entry.is_directory() && !networks::WeightsFile::in_folder(entry.path()).empty();
    if (!is_folder && (!known || !entry.is_regular_file())) continue;
    const std::string stem = entry.path().stem().string();
    const size_t digits = stem.find_last_not_of("0123456789") + 1;  // npos + 1 is 0
    if (digits == stem.size()) continue;
    int64_t number = 0;
    if (std::from_chars(stem.data() + digits, stem.data() + stem.size(), number).ec !=
        std::errc{}) {
      throw std::runtime_error(entry.path().string() + ": the number in its name is too large");
    }
    files.push_back({number, entry.path()});
  }
  std::sort(files.begin(), files.end(), [](const Numbered& a, const Numbered& b) {
    return std::pair(a.number, a.path) < std::pair(b.number, b.path);
  });
  for (size_t k = 1; k < files.size(); ++k) {
    if (files[k].number != files[k - 1].number) continue;
    throw std::runtime_error(files[k].path.string() + ": has the number of " +
                             files[k - 1].path.filename().string());
  }
  return files;
}

}  // namespace descent::landscape
