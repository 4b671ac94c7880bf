#pragma once
// Which networks and data the kernels of chains take, and the data as matrices.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/nonzero.h>

#include <descent/landscape/data/data.h>
#include <descent/landscape/data/metric.h>
#include <descent/landscape/paths/fused/chain.h>

namespace descent::landscape {

/// The chain that a network is, if there are kernels for it, these metrics, and these data, of which
/// it gives the predictions. Nothing, and in `why_not` what is in the way, for all else.
std::optional<std::vector<ChainLayer>> fitting_chain(const Model& model,
                                                     const std::vector<Metric>& metrics,
                                                     const std::vector<at::Tensor>& parameters,
                                                     const Batches& data,
                                                     const std::vector<at::Tensor>& predictions,
                                                     std::string* why_not);

/// Whether a class index says that its sample does not count.
bool ignores_any(const Batches& data);

/// Calls visit(rows) for matrices of `units` columns, one behind the other, that hold the inputs or
/// targets of all batches, each of at most `most` rows where a sample has no more.
/// `without_ignored` leaves out the samples whose class is ignored.
template <class Visit>
void for_rows(const Batches& data, at::Tensor Data::*part, int64_t units, int64_t most,
              bool without_ignored, const Visit& visit) {
  for (const Data& batch : data) {
    const at::Tensor tensor = (batch.*part).detach();
    const int64_t samples = tensor.dim() == 0 ? 1 : tensor.size(0);
    const int64_t each = tensor.numel() / samples;
    if (each % units != 0 || tensor.dim() == 0) {
      visit(tensor.reshape({-1, units}));
      continue;
    }
    const int64_t step = std::max<int64_t>(1, most * units / each);
    for (int64_t n = 0; n < samples; n += step) {
      const int64_t count = std::min(step, samples - n);
      at::Tensor rows = tensor.narrow(0, n, count);
      if (without_ignored) {
        const at::Tensor counts = batch.target.narrow(0, n, count) != kIgnoredClass;
        rows = rows.index_select(0, at::nonzero(counts).flatten());
        if (rows.numel() == 0) continue;
      }
      visit(rows.reshape({-1, units}));
    }
  }
}

}  // namespace descent::landscape
