#pragma once
#include <algorithm>

#include <descent/optim/engine/table.h>

namespace descent::engine {

/// The sum of squares of n numbers in the order in which rules with norms add up theirs: 128 lanes
/// inside a block, then lanes and blocks in double; a block whose squares float cannot hold in
/// double from the start. Every instruction set gives the same bits. `type` is Float or Double.
double square_sum(NumberType type, Isa isa, const void* x, int64_t n);
/// The sum of the numbers themselves in the same order.
double value_sum(NumberType type, Isa isa, const void* x, int64_t n);

/// Norms of long tensors are added up in pieces that threads share, each piece first to last, then
/// the pieces: at most kPieces of them, whole blocks, chosen by the length alone so that no thread
/// count changes a bit.
inline constexpr int64_t kPieces = 256;
inline int64_t piece_length(int64_t n) {
  const int64_t blocks = (n + kBlock - 1) / kBlock;
  return kBlock * std::max<int64_t>(1, (blocks + kPieces - 1) / kPieces);
}

}  // namespace descent::engine
