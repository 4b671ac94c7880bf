#include <cstdint>
#include <string>

#include <descent/networks/weights/weights_file.h>

#include "fuzz.h"

size_t descent::fuzz::always() { return kOwnReaders; }

/// The input is the index of weights that stand in several files; one of them is there, "a", with
/// the tensors "w" and "b".
void descent::fuzz::take(std::string_view bytes) {
  static const auto shard = [] {
    std::string header = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                         R"("b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})";
    std::string size(8, '\0');
    size[0] = static_cast<char>(header.size());
    const auto file = file_of(size + header + std::string(12, '?'), ".safetensors");
    std::filesystem::copy_file(file, folder() / "a");
    return folder() / "a";
  }();
  networks::WeightsFile file(file_of(bytes, ".json"));
  for (const std::string& name : file.names())
    expect(file.tensor(name).defined(), "a tensor without numbers");
}
