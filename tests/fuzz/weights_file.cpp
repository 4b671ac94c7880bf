#include <descent/networks/weights/weights_file.h>

#include "fuzz.h"

size_t descent::fuzz::always() { return kOwnReaders; }

/// The input is a file of safetensors, whose tensors are all read.
void descent::fuzz::take(std::string_view bytes) {
  networks::WeightsFile file(file_of(bytes, ".safetensors"));
  for (const std::string& name : file.names()) {
    expect(file.tensor(name).defined(), "a tensor without numbers");
  }
}
