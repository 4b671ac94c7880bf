#pragma once
#include <cstdint>
#include <vector>

#include <descent/landscape/paths/fused/activation.h>

/// What the fused path hands to its kernels: plain numbers and pointers, no tensors. One network is
/// one call; it allocates nothing.
namespace descent::landscape {

constexpr int64_t kAlignment = 64;  // bytes; every array below begins at a multiple of it

/// Samples are worked on in blocks of this many: a block of one layer's activations, kBlock<T>
/// numbers a unit, stays in the first-level cache for usual widths. Independent of the instruction
/// set.
template <class T>
constexpr int64_t kBlock = 256 / static_cast<int64_t>(sizeof(T));

/// Numbers in 64 bytes: the unit to which rows of the piecewise kernel are padded.
template <class T>
constexpr int64_t kRow = 64 / static_cast<int64_t>(sizeof(T));

/// The piecewise kernel takes the sorted samples in chunks of this many, one bit each of a word.
constexpr int64_t kChunk = 64;

/// Where its outputs do not fit into registers at once, it goes through them for so many samples.
constexpr int64_t kPart = 512;

/// The piecewise kernel folds a last layer of at most this many outputs into its sweep.
constexpr int64_t kMaxFolded = 4;

struct KernelLayer {
  int64_t in, out;
  int64_t weight;  // position in the parameter array, (out, in) row by row
  int64_t bias;    // position, or -1
  std::vector<Activation> activations;
};

/// Linear(1, hidden), ReLU, Linear(hidden, out): the pre-activations of the second layer are
/// piecewise linear in the input, with a kink where a unit of the first layer switches on or off.
/// Positions are in the parameter array. Missing biases are zeros.
struct Pieces {
  int64_t hidden = 0;  // 0: the chain does not begin like this
  int64_t width = 0;   // out of the second layer, padded to whole rows
  int64_t weight1, bias1;
  int64_t weight2;  // transposed: for each unit of the first layer a row of `width` numbers
  int64_t bias2;
  bool folded;             // the third Linear is the last layer and has at most kMaxFolded outputs
  int64_t weight3, bias3;  // when folded: outputs rows of `width` numbers
};

template <class T>
struct KernelJob {
  std::vector<KernelLayer> layers;
  int64_t samples, inputs, outputs;
  int64_t widest;      // units of the widest layer
  int64_t parameters;  // length of the parameter array
  const T* u;          // direction of alpha
  // Inputs, targets and first layers in blocks: [block][unit][kBlock], short blocks filled up by
  // repeating their last sample.
  const T* input;
  const T* target;
  // The class of each sample, for the cross entropy of outputs that are logits; nullptr: the mean
  // squared error against `target`.
  const int64_t* classes;
  bool count_right;  // with classes: also the share of samples whose largest output is their class
  // The first layer's pre-activations along u, or nullptr: the first layer is then multiplied out.
  const T* first_u;

  Pieces pieces;
  const T* sorted_input;   // [samples], ascending
  const T* sorted_target;  // [outputs][samples padded to kBlock]
  int64_t sorted_stride;
  // Lookup of a position among the sorted inputs: samples before cell c are first_in_cell[c].
  const int32_t* first_in_cell;  // [cells + 1]
  int64_t cells;
  T cell_origin, cells_per_unit;
};

/// The side of their kink on which units are on.
enum Side { kRight, kLeft };

/// Where the units of one side switch. Bit n % kChunk of
/// kinks[n / kChunk]: some do so before sample n, and first[n] is the first of their list.
struct Switches {
  uint64_t* kinks;  // [samples / kChunk + 1]
  int32_t* first;   // [samples + 1]
};

/// Private memory of one worker.
template <class T>
struct KernelScratch {
  T* base;        // center + beta * v, [parameters]
  T* theta;       // base + alpha * u, [parameters]
  T* first_base;  // the first layer's pre-activations at center + beta * v, or nullptr
  T* panel[2];    // [widest][kBlock]
  // Piecewise kernel:
  T* kink;           // [hidden padded to rows] where the units switch
  int32_t* cell;     // the same, cell of the kink
  int32_t* next;     // [hidden] lists of the units that switch at one sample, -1 after the last
  Switches side[2];  // kRight, kLeft
  T* left;     // [hidden + 1][2][4 * kRow] slopes and levels of the units on to the left, by piece
  T* right;    // [2][width] the same of the units on to the right, up to the end of a chunk
  T* rows;     // [kPart][width]: pre-activations of the second layer, sample by sample
  T* partial;  // [outputs][kPart][kRow]: sums of the folded layer, one a lane
};

/// Means over the samples.
struct KernelValues {
  double loss;
  double right;  // 0 unless asked for
};

template <class T>
struct Kernels {
  const char* name;
  /// out = a + s * b
  void (*combine)(T* out, const T* a, const T* b, T s, int64_t n);
  /// The loss at base + alpha * u, every layer multiplied out.
  KernelValues (*multiply)(const KernelJob<T>& job, const KernelScratch<T>& scratch, T alpha);
  /// The mean squared error, the first two layers by pieces; needs job.pieces. NaN where numbers
  /// overflow.
  double (*by_pieces)(const KernelJob<T>& job, const KernelScratch<T>& scratch, T alpha);
};

/// The kernels of one instruction set: "v4", "v3" or "baseline"; nullptr if this library has none
/// such.
template <class T>
const Kernels<T>* kernels_v4();
template <class T>
const Kernels<T>* kernels_v3();
template <class T>
const Kernels<T>* kernels_baseline();

}  // namespace descent::landscape
