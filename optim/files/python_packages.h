#pragma once
// State_dicts of packages beside Python's torch.optim, on their way in. Private to the loaders.
#include <optional>

#include <descent/optim/files/python.h>
#include <descent/pickle/pickle.h>

namespace descent {

/// Reads what a package's class of the same rule wrote, such as schedulefree's AdamWScheduleFree; none
/// if no package of the table in python_packages.cpp has the rule. Throws c10::Error, with nothing
/// changed, for what does not fit.
std::optional<LoadedPython> load_package(OptimizerBase& optimizer, const pickle::Dict& state_dict,
                                         pickle::File& file);

}  // namespace descent
