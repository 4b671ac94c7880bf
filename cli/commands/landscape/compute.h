#pragma once
#include <filesystem>

#include "commands/landscape/job.h"

namespace descent::cli {

/// All numbers of a job. What is computed is kept in the folder `tiles` as it is computed. Throws
/// Interrupted where that was asked for.
Results compute(const Job& job, const Laid& laid, const LandscapeSettings& settings,
                const std::filesystem::path& tiles);

}  // namespace descent::cli
