#pragma once
#include "commands/landscape/job.h"
#include "output.h"

namespace descent::cli {

/// Writes the files of a run: numbers, pictures and the page.
void write_files(const Job& job, const Laid& laid, const Results& results,
                 const LandscapeSettings& settings, const OutputFolder& output);

}  // namespace descent::cli
