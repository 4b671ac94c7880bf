#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/stack.h>

#include <descent/tensors/finite.h>

namespace descent::tensors {
namespace {

/// A number is infinite or not a number where all bits of its exponent are set: one more carries
/// into the bit of the sign.
template <class Bits>
bool finite(const void* numbers, int64_t n, Bits one) {
  constexpr Bits kSign = Bits{1} << (8 * sizeof(Bits) - 1);
  constexpr int64_t kLanes = 64;
  const auto* const x = static_cast<const Bits*>(numbers);
  Bits carried[kLanes] = {};
  const auto look = [&](int64_t i, int64_t count) {
    for (int64_t lane = 0; lane < count; ++lane)
      carried[lane] |= static_cast<Bits>((x[i + lane] & static_cast<Bits>(kSign - 1)) + one);
  };
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) look(i, kLanes);
  look(i, n - i);
  Bits any = 0;
  for (const Bits lane : carried) any |= lane;
  return (any & kSign) == 0;
}

using Look = bool (*)(const void* numbers, int64_t n);

/// Null for a type that ATen has to look at.
Look look_for(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return [](const void* x, int64_t n) { return finite<uint32_t>(x, n, 0x0080'0000); };
    case at::kDouble:
      return [](const void* x, int64_t n) { return finite<uint64_t>(x, n, 0x0010'0000'0000'0000); };
    case at::kBFloat16:
      return [](const void* x, int64_t n) { return finite<uint16_t>(x, n, 0x0080); };
    case at::kHalf:
      return [](const void* x, int64_t n) { return finite<uint16_t>(x, n, 0x0400); };
    default:
      return nullptr;
  }
}

/// Where its numbers are: those of a sparse tensor are its values.
at::Tensor numbers_of(const at::Tensor& x) {
  if (x.layout() == at::kStrided) return x;
  if (x.layout() != at::kSparse) return x.values();
  return x.element_size() == 2 && !x.is_coalesced() ? x.coalesce().values() : x._values();
}

/// Of a dense tensor on the CPU. The sign that a view may stand for does not matter.
bool is_finite(const at::Tensor& x, Look look) {
  const auto* const numbers = static_cast<const char*>(x.const_data_ptr());
  const auto size = static_cast<int64_t>(x.element_size());
  constexpr int64_t kGrain = 32768, kPiece = 4096;
  std::atomic<bool> all = true;
  at::parallel_for(0, x.numel(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end && all.load(std::memory_order_relaxed); i += kPiece)
      if (!look(numbers + i * size, std::min(kPiece, end - i))) all = false;
  });
  return all;
}

/// Whether all of these are finite, one number. Norms are made of a whole list at once.
at::Tensor finite_there(const std::vector<at::Tensor>& list) {
  std::map<std::pair<std::string, at::ScalarType>, std::vector<at::Tensor>> alike;
  at::Tensor all;
  const auto add = [&](const at::Tensor& found) {
    all = all.defined() ? all.logical_and(found.to(all.device(), /*non_blocking=*/true)) : found;
  };
  for (const at::Tensor& x : list)
    if (x.layout() == at::kStrided && at::isFloatingType(x.scalar_type()) && x.numel() > 0)
      alike[{x.device().str(), x.scalar_type()}].push_back(x);
    else
      add(at::isfinite(x).all());
  constexpr double kLargest = std::numeric_limits<double>::infinity();
  for (const auto& [kind, of_kind] : alike)
    add(at::isfinite(at::stack(at::_foreach_norm(of_kind, kLargest))).all());
  return all;
}

}  // namespace

AllFinite find_finite(const std::vector<at::Tensor>& list) {
  AllFinite found;
  std::vector<at::Tensor> there;
  for (const at::Tensor& one : list) {
    const at::Tensor x = numbers_of(one);
    const Look look = look_for(x.scalar_type());
    if (!x.device().is_cpu()) {
      there.push_back(x);
    } else if (look != nullptr && x.is_non_overlapping_and_dense()) {
      found.here = found.here && is_finite(x, look);
    } else {
      found.here = found.here && at::isfinite(x).all().item<bool>();
    }
    if (!found.here) return found;
  }
  if (!there.empty()) found.there = finite_there(there);
  return found;
}

bool all_finite(const std::vector<at::Tensor>& list) {
  const AllFinite found = find_finite(list);
  return found.here && (!found.there.defined() || found.there.item<bool>());
}

}  // namespace descent::tensors
