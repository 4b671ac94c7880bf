#pragma once
#include <cstdint>

namespace descent::landscape {

class Model;

/// The number of samples that one pass of the network takes, whatever its forward() is given: of
/// exports without dynamic shapes. 0: any.
int64_t exported_batch_size(const Model& model);

}  // namespace descent::landscape
