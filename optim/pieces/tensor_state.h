#pragma once
#include <cmath>
#include <initializer_list>
#include <string>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/scalar_tensor.h>
#include <c10/util/StringUtil.h>

#include <descent/optim/engine/rule.h>

namespace descent::rules {

/// Brings the first so many buffers into the type that the parameter is computed in now: a program
/// may have given it another one in mid-run.
inline void follow_type(const TensorStep& step, std::size_t buffers) {
  for (std::size_t b = 0; b < buffers; ++b)
    if (at::Tensor& s = step.s[b]; s.defined() && s.scalar_type() != step.g.scalar_type())
      s = s.to(step.g.scalar_type());
}

/// In double, the root of the mean of squares where it is more than `least`, else `least`, also where
/// it is NaN. It stays a tensor, because its value would be waited for where x is on a device.
inline at::Tensor mean_size(const at::Tensor& x, double least) {
  const double root_n = std::sqrt(static_cast<double>(x.numel()));
  return (x.norm().to(at::kDouble) / root_n).fmax(at::scalar_tensor(least, at::kDouble));
}

/// What is wrong with a buffer of a tensor algorithm, "sum has the wrong sizes, must be [3, 3]", or
/// "": it is undefined, or one that a parameter of this kind has and of these sizes.
inline std::string size_problem(const char* name, const at::Tensor& buffer, bool belongs,
                                at::IntArrayRef sizes) {
  if (!buffer.defined()) return "";
  if (!belongs) return c10::str("has ", name, ", must have none");
  if (buffer.sizes() == sizes) return "";
  return c10::str(name, " has the wrong sizes, must be ", sizes);
}

/// "lacks vmean" if some of the buffers that begin together are there and one is not; else "".
inline std::string gap_problem(
    std::initializer_list<std::pair<const char*, const at::Tensor*>> buffers) {
  const char* missing = nullptr;
  bool any = false;
  for (const auto& [name, buffer] : buffers) {
    any = any || buffer->defined();
    if (!buffer->defined()) missing = name;
  }
  return any && missing != nullptr ? c10::str("lacks ", missing) : "";
}

/// The first that is not "".
inline std::string first_problem(std::initializer_list<std::string> problems) {
  for (const std::string& problem : problems)
    if (!problem.empty()) return problem;
  return "";
}

}  // namespace descent::rules
