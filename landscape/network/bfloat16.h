#pragma once
#include <memory>
#include <string>

#include <descent/landscape/network/network.h>

namespace descent::landscape {

/// Why bfloat16 gains nothing on this processor: it lacks the instructions; "" if it has them. The
/// environment's DESCENT_BFLOAT16 = yes | no is believed instead; anything else there throws
/// std::invalid_argument.
std::string why_no_bfloat16();

/// A network whose forward() computes in bfloat16 and returns float32. Its tensors are those of
/// `model`, in float32.
std::unique_ptr<Model> in_bfloat16(std::unique_ptr<Model> model);

}  // namespace descent::landscape
