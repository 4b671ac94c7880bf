#pragma once
#include <cstdint>
#include <map>
#include <string>

#include <descent/landscape/evaluate/choose.h>

namespace descent::landscape {

using Notes = std::map<std::string, std::string>;

/// Grid::notes of what is measured, whatever the path.
Notes notes_of(const Problem& problem, const Plane& plane);

/// Of every option of EvaluateOptions that the values depend on.
uint64_t fingerprint(const EvaluateOptions& options);

/// Of all that the values depend on. How the network and the metrics compute is known by what they
/// give: at the center, and at two corners of the grid.
uint64_t fingerprint(const Problem& problem, const EvaluateOptions& options, const Notes& notes,
                     const Choice& choice, const Evaluator& evaluator, const Axis& x, const Axis& y,
                     const Center& center, Loop& loop);

}  // namespace descent::landscape
