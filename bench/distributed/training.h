#pragma once
#include <descent/distributed/world.h>

/// Forward, backward and the mean of the gradients through DataParallel, of a multilayer perceptron of
/// 6 MiB and of a small ResNet: bench/peers/ddp.py does the same through Python's
/// DistributedDataParallel. A line of JSON for each.
void bench_training(descent::World& world);
