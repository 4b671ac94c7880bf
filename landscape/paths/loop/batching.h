#pragma once
#include <cstdint>
#include <functional>

#include <descent/landscape/paths/evaluator.h>

/// How many samples the loop takes at once. What a network makes of a batch is far larger than a
/// processor's caches, and as large as the batch that the user happened to save: parts of it are
/// computed in less time and in little memory, and a mean is the mean of the parts' means.
namespace descent::landscape {

/// The samples `first`, `first + step`, ... of a batch, `count` of them: views.
Data part_of(const Data& batch, int64_t first, int64_t count, int64_t step = 1);

/// The batches in parts of about `samples` each, and of two at least if `samples` is more than one:
/// exports of Python often take no single sample.
Batches in_parts(const Batches& data, int64_t samples);

/// Whether the values can be put together out of parts, as far as is known of metrics and data.
bool is_divisible(const Problem& problem);

/// Whether numbers are equal up to rounding: of their type for tensors. Those that are not finite
/// are not.
bool agree(const at::Tensor& a, const at::Tensor& b);

/// Of a batch all values of the metrics, and the prediction.
using Look = std::function<at::Tensor(const Data& batch, double* values)>;

/// Whether a network treats each sample alike, whatever others stand beside it: what `look` gives of
/// 2 * `samples` samples out of the batch is what it gives of each half. So it is not where
/// forward() takes a mean over its batch.
bool treats_samples_alike(const Problem& problem, const Data& batch, int64_t samples,
                          const Look& look);

}  // namespace descent::landscape
