#include <descent/optim/files/checkpoint.h>

#include "optimizer.h"

/// The input is a whole checkpoint, ours or LibTorch's.
void descent::fuzz::take(std::string_view bytes) {
  const auto path = file_of(bytes, ".pt");
  take_optimizer(bytes.size(), [&](OptimizerBase& optimizer) { load(optimizer, path); });
}
