#pragma once
#include <memory>
#include <string>
#include <vector>

#include <descent/grid/grid.h>
#include <descent/landscape/paths/evaluator.h>

namespace descent::landscape {

/// Chains of Linear and activations, of torch::nn or TorchScript, under mse, or under cross_entropy
/// of class indices, alone or with accuracy, on the CPU, in float32 or float64, without tensors: the
/// weights of a network are formed in the cache, its layers run in register tiles, the loss is
/// added up as predictions appear, and nothing is allocated. Exact shortcuts, each used where it
/// applies:
/// - the first layer's pre-activations are affine in (alpha, beta): multiplied out three times for
///   the whole grid instead of once for each network;
/// - with one scalar input and ReLU the second layer's are piecewise linear in the input: see
///   kernel_text.h.
/// The kernels of v3 and v4 give the same bits; those of the baseline, which cannot add a product in
/// one operation, round otherwise.
class Fused : public Evaluator {
 public:
  /// The fused form of a problem on these axes, or nullptr with the reason in `why_not`, as where
  /// its copies of plane and data do not fit into the budget. Throws std::invalid_argument if
  /// DESCENT_PASS holds something unknown or not supported by this CPU.
  static std::unique_ptr<Fused> of(const Problem& problem,
                                   const std::vector<at::Tensor>& predictions, const Axis& x,
                                   const Axis& y, std::string* why_not);

  /// What was recognised and which shortcuts are used.
  virtual std::string description() const = 0;
  /// The instruction set.
  virtual std::string kernel() const = 0;
};

}  // namespace descent::landscape
