#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace descent::formats {

/// A .npy file, taken apart.
struct NpyArray {
  std::string type;  ///< NumPy's: "<f8"
  bool fortran_order = false;
  std::vector<int64_t> shape;
  std::string_view data;  ///< a part of the bytes
};

/// Throws std::runtime_error with what is wrong.
NpyArray open_npy(std::string_view bytes);

}  // namespace descent::formats
