#pragma once
#include <vector>

#include <descent/landscape/evaluate/evaluate.h>
#include <descent/landscape/network/parameters.h>

/// What evaluate() and its kin are called with: what is chosen where nothing is said, and checks
/// that throw std::invalid_argument.
namespace descent::landscape {

/// What EvaluateOptions::memory stands for.
inline int64_t memory_of(const EvaluateOptions& options) {
  return options.memory > 0 ? options.memory : EvaluateOptions::kMemory;
}

/// What BatchNorm::Auto stands for over this plane; what was asked for, if it was something else.
BatchNorm chosen(BatchNorm asked, const Plane& plane);

void check_options(const Plane& plane, const std::vector<Metric>& metrics, const Axis& x,
                   const Axis& y, const EvaluateOptions& options);

/// Lists of tensors must be like the network's own; `what` they are, "parameters".
void check_lists(const char* what, const Parameters& own, const std::vector<at::Tensor>& center,
                 const std::vector<at::Tensor>& u, const std::vector<at::Tensor>& v, bool line);

/// `batch_norm` is chosen already.
void check_plane(const Model& model, const Plane& plane, BatchNorm batch_norm);
void check_buffers(const char* who, const Plane& plane, const Parameters& own);

void check_data(const Batches& data);

/// Weights are computed in float32 unless they are float64, so a coordinate must be a float32.
void check_range(const Axis& axis, const char* name, const std::vector<at::Tensor>& moving);

/// The line as a plane that does not move along beta.
Plane widened(const Plane& line);

}  // namespace descent::landscape
