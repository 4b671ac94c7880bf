#include <exception>
#include <string>

#include <descent/landscape/data/data_file.h>

#include "../zip.h"
#include "fuzz.h"

/// The input is a file of NumPy: one of a pair of arrays, and then both in an archive.
void descent::fuzz::take(std::string_view bytes) {
  const std::string array(bytes);
  const auto archive =
      file_of(tests::zip_of({{"input.npy", array}, {"target.npy", array}}), ".npz");
  const std::string one = file_of(bytes, ".npy").string();
  bool taken = true;
  try {
    load_data(archive);
  } catch (const std::exception&) {
    taken = false;
  }
  const Batches pair = load_data(one + "," + one);
  expect(taken, "an archive refused what a pair of files took");
  expect(pair[0].input.contiguous().defined(), "an array without numbers");
}
