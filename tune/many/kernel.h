#pragma once
// What the fused path of train_many() hands to its kernels: plain numbers and pointers, no tensors.
#include <cstddef>
#include <cstdint>
#include <vector>

#include <descent/landscape/paths/fused/kernel.h>

namespace descent::many {

using landscape::Activation;
using landscape::kBlock;
using landscape::KernelLayer;
using landscape::kRow;

/// Whether an activation's slope is computed from its result; of the others it takes the argument.
constexpr bool is_of_result(Activation activation) {
  return activation == Activation::ReLU || activation == Activation::Tanh ||
         activation == Activation::Sigmoid;
}

/// How the gradient of a layer's weights is made from the slopes at its outputs and its inputs.
///   DotsOfInputs, DotsOfOutputs    of few inputs, or outputs: each number is a sum along the lanes
///   ByInput   vectors of inputs, for which the inputs are turned
///   ByOutput  vectors of outputs, for which the slopes are turned
enum class Turn { DotsOfInputs, DotsOfOutputs, ByInput, ByOutput };

/// From one panel to another, which may be the same one where the argument is not needed again.
struct Activating {
  Activation activation;
  size_t from, to;
};

struct TrainLayer {
  KernelLayer linear;  ///< its activations are those below
  Turn turn;
  size_t from;     ///< its inputs' panel; of the first layer the batch itself, and not used
  size_t to;       ///< its outputs' panel
  bool rectifies;  ///< it does its first activation, a ReLU, itself
  std::vector<Activating> activations;
  size_t last;  ///< the panel behind all of them
};

template <class T>
struct TrainJob {
  std::vector<TrainLayer> layers;
  int64_t outputs;
  bool has_classes;  ///< cross entropy of class indices; else the mean squared error
};

/// Samples in blocks: [block][unit][kBlock], the last one filled up with its last sample.
template <class T>
struct TrainBatch {
  int64_t samples;
  const T* input;
  const T* rows;  ///< the same sample by sample: [block][kBlock][inputs padded to kRow]
  const T* target;
  const int64_t* classes;
};

/// Private memory of one worker.
template <class T>
struct TrainScratch {
  std::vector<T*> panels;  ///< [widest][kBlock] each
  T* slopes[2];            ///< [widest][kBlock]: of the loss, along a layer's outputs
  T* turned;               ///< [kBlock][widest padded to kRow]
  T* sums;                 ///< [widest padded to kRow][kRow]
};

template <class T>
struct TrainKernels {
  const char* name;
  /// The loss of a batch, a mean over its samples.
  double (*loss)(const TrainJob<T>&, const TrainBatch<T>&, const TrainScratch<T>&, const T* theta);
  /// The same, and its gradient, laid out as theta is.
  double (*gradient)(const TrainJob<T>&, const TrainBatch<T>&, const TrainScratch<T>&,
                     const T* theta, T* gradient);
  /// rows[n * stride + u] = panel[u * kBlock + n] of one block.
  void (*turn)(const T* panel, int64_t units, int64_t samples, T* rows, int64_t stride);
};

/// The kernels of one instruction set: "v4", "v3" or "baseline"; nullptr if this library has none
/// such.
template <class T>
const TrainKernels<T>* train_kernels_v4();
template <class T>
const TrainKernels<T>* train_kernels_v3();
template <class T>
const TrainKernels<T>* train_kernels_baseline();

}  // namespace descent::many
