// Asks the kernels of a rule whether this machine can run them. Linked with them alone: LibTorch would
// take minutes.
#include <iostream>
#include <type_traits>

#include <descent/optim/engine/cuda/launch.h>

#include "../project/own_rule.h"

int main() {
  const auto& launches = descent::engine::cuda::launches_of<HalfWay>();
  const auto& form = launches.forms.at(0)[0][0];
  if (form.sweep == nullptr || form.measure != nullptr) return 1;
  const char* const problem = launches.problem();
  std::cout << (problem != nullptr ? problem : "they can run") << "\n";
  // Where there is no GPU, a launch says why and does not stop the program.
  const descent::engine::cuda::Work work{nullptr, 0, 0};
  descent::engine::cuda::Launch nothing;
  nothing.work = {&work, 1};
  return form.sweep(nothing) == nullptr ? 0 : 1;
}
