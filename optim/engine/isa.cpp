#include <descent/base/pass.h>
#include <descent/optim/engine/isa.h>

namespace descent::engine {

std::optional<Isa> current_isa() {
  switch (current_pass()) {
    case Pass::V4:
      return Isa::V4;
    case Pass::V3:
      return Isa::V3;
    case Pass::Baseline:
      return Isa::Baseline;
    default:
      return std::nullopt;
  }
}

}  // namespace descent::engine
