#pragma once
// LibTorch's own optimizers, which ours of the same name are, and LibTorch's names: a program that
// says torch::optim:: may say descent:: instead.
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/schedulers/lr_scheduler.h>
#include <torch/optim/schedulers/reduce_on_plateau_scheduler.h>
#include <torch/optim/sgd.h>

#include <descent/optim/optimizer/optimizer.h>

namespace descent {

using torch::optim::Optimizer;
using torch::optim::OptimizerCloneableOptions;
using torch::optim::OptimizerCloneableParamState;
using torch::optim::OptimizerOptions;
using torch::optim::OptimizerParamGroup;
using torch::optim::OptimizerParamState;

using torch::optim::AdagradOptions;
using torch::optim::AdamOptions;
using torch::optim::AdamWOptions;
using torch::optim::LBFGSOptions;
using torch::optim::RMSpropOptions;
using torch::optim::SGDOptions;

using torch::optim::AdagradParamState;
using torch::optim::AdamParamState;
using torch::optim::AdamWParamState;
using torch::optim::LBFGSParamState;
using torch::optim::RMSpropParamState;
using torch::optim::SGDParamState;

using torch::optim::LRScheduler;
using torch::optim::ReduceLROnPlateauScheduler;

}  // namespace descent
