#include <stdexcept>
#include <string>

#include <descent/networks/exported/program.h>

#include "fuzz.h"

size_t descent::fuzz::always() { return kOwnReaders; }

/// The input is the JSON of an exported program, which is read and not run: an operation of LibTorch
/// may fail in any way on what it was not made for.
void descent::fuzz::take(std::string_view bytes) {
  const networks::Program program{std::string(bytes)};
  expect(program.output_names().size() <= bytes.size(), "more outputs than the input has bytes");
  expect(!program.modes().about().empty(), "a program without a word on its modes");
}
