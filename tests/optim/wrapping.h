#pragma once
// What the tests of wrappers share: a loss that changes with the step, and archives in memory.
#include <sstream>
#include <string>
#include <vector>

#include <torch/optim/optimizer.h>
#include <torch/serialize.h>
#include <torch/types.h>

#include "checks.h"

namespace wrapping {

inline std::vector<at::Tensor> copies(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> list;
  for (const auto& x : tensors) list.push_back(x.detach().clone());
  return list;
}

/// The tensors in the .grad slots themselves.
inline std::vector<at::Tensor> gradients(const std::vector<at::Tensor>& params) {
  std::vector<at::Tensor> list;
  for (const auto& p : params) list.push_back(p.grad());
  return list;
}

/// All that a wrapper and what it holds write down.
inline std::string saved(const torch::optim::Optimizer& opt) {
  std::ostringstream out;
  torch::save(opt, out);
  return out.str();
}
inline void load_from(torch::optim::Optimizer& opt, const std::string& bytes) {
  std::istringstream in(bytes);
  torch::load(opt, in);
}

/// The message with which `action` is refused; "" if it is not.
template <class Action>
std::string refusal(Action action) {
  try {
    action();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "";
}

/// A loss with a gradient that is curved, differs from element to element and changes with t.
struct Problem {
  std::vector<at::Tensor> params;
  int64_t t = 0;
  double sign = 1;
  int calls = 0;

  at::Tensor loss() const {
    at::Tensor sum = at::zeros({}, params[0].options());
    for (size_t i = 0; i < params.size(); ++i) {
      const at::Tensor& p = params[i];
      const at::Tensor drift =
          checks::noise(p.sizes(), p.scalar_type(), 100 * t + static_cast<int64_t>(i));
      sum = sum + (p * p / 2 + (2 * p).sin() / 5 + drift * p).sum();
    }
    return sign * sum;
  }
  /// Adds the gradients to those that are there.
  at::Tensor backward() {
    ++calls;
    const at::AutoGradMode enabled(true);
    at::Tensor value = loss();
    value.backward();
    return value;
  }
  void forget_gradients() const {
    for (const auto& p : params) p.mutable_grad() = at::Tensor();
  }
  /// A closure as people write it.
  torch::optim::Optimizer::LossClosure closure() {
    return [this] {
      forget_gradients();
      return backward();
    };
  }
  /// Steps from .. to with a closure, which finds gradients of its weights in place.
  void train(torch::optim::Optimizer& opt, int64_t from, int64_t to) {
    for (t = from; t <= to; ++t) {
      forget_gradients();
      backward();
      opt.step(closure());
    }
  }
};

}  // namespace wrapping
