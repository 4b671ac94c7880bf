#pragma once
#include "commands/landscape/job.h"
#include "output.h"

namespace CLI {
class App;
}

/// The files of a run: numbers, pictures and the page.
namespace descent::cli {

void add_pictures(CLI::App& command, Job& job);

/// Throws std::invalid_argument for formats of which a line has no file.
void check_formats(const Job& job, const PlaneToDraw& laid);

void write_files(const Job& job, const PlaneToDraw& laid, const Results& results,
                 const OutputFolder& output);

}  // namespace descent::cli
