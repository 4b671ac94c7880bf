#pragma once
#include <filesystem>

#include "commands/landscape/job.h"

namespace CLI {
class App;
}

/// The numbers, and how they are computed.
namespace descent::cli {

void add_computation(CLI::App& command, Job& job);

/// All numbers of a job. What is computed is kept in the folder `tiles` as it is computed, together
/// with other programs where job.share says so. Throws Interrupted where that was asked for.
Results compute(const Job& job, const PlaneToDraw& laid, const std::filesystem::path& tiles);

}  // namespace descent::cli
