#pragma once
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include <descent/optim/optimizer/libtorch_classes.h>

namespace descent::engine {

/// Calls f(name, reference) for each option, if these are the options of one of LibTorch's own
/// optimizers that this library has too.
template <class F>
void for_each_libtorch_option(torch::optim::OptimizerOptions& options, F&& f) {
  for_each_libtorch_class([&]<class Class>() {
    if (auto* found = dynamic_cast<typename LibTorch<Class>::Options*>(&options))
      LibTorch<Class>::each_option(*found, f);
  });
}

}  // namespace descent::engine
