#pragma once
#include "rivals.h"

/// Forward, backward and the mean of the gradients through DataParallel and, in turn with it, through
/// c10d's Reducer, of a multilayer perceptron of 6 MiB and of a small ResNet: bench/peers/ddp.py does the
/// same through Python's DistributedDataParallel. A line of JSON for each.
void bench_training(descent::World& world, Rivals& rivals);
