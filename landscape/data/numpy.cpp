#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <string>

#include <ATen/ops/empty.h>

#include <descent/base/text.h>
#include <descent/grid/files/npy.h>
#include <descent/landscape/data/numpy.h>
#include <descent/pickle/reach.h>

namespace descent::landscape {
namespace {

struct NumberType {
  std::string_view name;
  at::ScalarType type;
};
constexpr std::array kNumberTypes{
    NumberType{"<f8", at::kDouble}, NumberType{"<f4", at::kFloat}, NumberType{"<f2", at::kHalf},
    NumberType{"<i8", at::kLong},   NumberType{"<i4", at::kInt},   NumberType{"<i2", at::kShort},
    NumberType{"|i1", at::kChar},   NumberType{"|u1", at::kByte},  NumberType{"|b1", at::kBool}};

at::ScalarType type_of(const std::string& name) {
  std::vector<std::string_view> known;
  for (const NumberType& row : kNumberTypes) {
    if (row.name == name) return row.type;
    known.push_back(row.name);
  }
  throw std::runtime_error("npy type \"" + name + "\", must be one of " + joined(known));
}

}  // namespace

at::Tensor tensor_of_npy(std::string_view bytes) {
  formats::NpyArray array = formats::open_npy(bytes);
  const at::ScalarType type = type_of(array.type);
  // In Fortran's order the first dimension is the innermost one.
  if (array.fortran_order) std::reverse(array.shape.begin(), array.shape.end());
  std::vector<int64_t> strides(array.shape.size(), 1);
  for (size_t k = strides.size(); k-- > 1;) {
    if (__builtin_mul_overflow(strides[k], std::max<int64_t>(array.shape[k], 1), &strides[k - 1])) {
      throw std::runtime_error("npy array of more numbers than there can be");
    }
  }
  const int64_t size = pickle::reach(type, 0, array.shape, strides);
  if (size < 0 || static_cast<uint64_t>(size) != array.data.size()) {
    throw std::runtime_error(std::to_string(array.data.size()) +
                             " bytes of numbers, which is not what the npy header says");
  }
  at::Tensor tensor = at::empty(array.shape, type);
  if (size > 0) std::memcpy(tensor.mutable_data_ptr(), array.data.data(), array.data.size());
  if (!array.fortran_order) return tensor;
  std::vector<int64_t> order(array.shape.size());
  for (size_t k = 0; k < order.size(); ++k) order[k] = static_cast<int64_t>(order.size() - 1 - k);
  return tensor.permute(order).contiguous();
}

}  // namespace descent::landscape
