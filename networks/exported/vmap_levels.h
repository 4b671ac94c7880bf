#pragma once
#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include <ATen/core/ivalue.h>

namespace descent::networks {

/// The levels of torch.vmap that a graph has entered; those that are left open end with it.
class VmapLevels {
 public:
  /// What an export has of a vmap: it begins for so many samples, inputs enter, outputs leave, it
  /// ends. Python has its rules of batching loaded before; LibTorch has its own.
  enum class Step { Begin, Enter, Leave, End, Load };
  struct Node {
    std::string_view target;
    Step step;
    size_t operands;
  };

  /// Null: the target is none of these nodes.
  static const Node* find(std::string_view target);

  VmapLevels();
  ~VmapLevels();
  VmapLevels(const VmapLevels&) = delete;
  VmapLevels& operator=(const VmapLevels&) = delete;

  /// The result for operands in the order of the program. Levels count from wherever the caller is,
  /// so that the numbers of the export mean nothing: it is always the last one.
  c10::IValue take(Step step, const std::vector<c10::IValue>& operands);

 private:
  struct Quiet;

  int64_t level() const;
  void end();

  std::vector<int64_t> open_;
  std::unique_ptr<Quiet> quiet_;  ///< while one is open
};

}  // namespace descent::networks
