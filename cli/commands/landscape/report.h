#pragma once
#include <iosfwd>
#include <string>

#include "commands/landscape/job.h"
#include "number.h"  // IWYU pragma: export

namespace descent::cli {

/// "alpha = 0.5, beta = 1", of a grid with two axes.
std::string place(double alpha, double beta, const Grid& grid);

bool has_finite(const Grid& grid);

/// Below the picture of metric m.
std::string caption(const Job& job, const PlaneToDraw& laid, const Results& results, size_t m);

/// Below the sheet of the layers.
std::string about_layers(const Job& job, const PlaneToDraw& laid, const Results& results);

/// What there is to say at the end, for the terminal.
void print(std::ostream& out, const Job& job, const PlaneToDraw& laid, const Results& results);

}  // namespace descent::cli
