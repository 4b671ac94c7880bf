#pragma once
// Private to what steps parameters one by one.
#include <string>

#include <ATen/core/Tensor.h>

namespace descent {

class OptimizerBase;

namespace engine {

/// As long as this lives, a step that an optimizer of this library makes on this thread is that of one
/// parameter, as if no other had a gradient.
class OneParameter {
 public:
  /// A parameter, and where it stood in the groups when someone looked: a step need not seek it
  /// there unless the lists have changed.
  struct Place {
    const c10::TensorImpl* parameter;
    size_t group, index;
  };
  explicit OneParameter(const Place& place);
  ~OneParameter();
  OneParameter(const OneParameter&) = delete;
  OneParameter& operator=(const OneParameter&) = delete;

  /// Of the steps of this thread now; null: all of them.
  static const Place* now();

 private:
  Place place_;
  const Place* before_;
};

/// While this lives, an optimizer refuses steps that are not of one parameter.
class OneByOne {
 public:
  explicit OneByOne(const OptimizerBase& optimizer);
  ~OneByOne();
  OneByOne(const OneByOne&) = delete;
  OneByOne& operator=(const OneByOne&) = delete;

  static bool holds_for(const OptimizerBase& optimizer);

 private:
  const OptimizerBase& optimizer_;
};

/// Why a step of one parameter would not be its part of a step of all, by the options as they are
/// now: "has sums over all parameters"; or "".
std::string why_not_one_by_one(const OptimizerBase& optimizer);

}  // namespace engine
}  // namespace descent
