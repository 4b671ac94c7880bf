#pragma once
#include <cstdint>
#include <string>

#include "commands/landscape/job.h"

namespace descent::cli {

PlaneName plane_name(const std::string& text);
Norm norm_of(const LandscapeSettings& settings, const PlaneName& plane);
uint64_t seed_of(const LandscapeSettings& settings, const PlaneName& plane);

/// For the plane of eigenvectors, and the numbers beside a landscape.
CurvatureOptions curvature_options(const Job& job, const LandscapeSettings& settings,
                                   Progress& progress, const std::string& what);

/// The plane of a job, and the axes that were asked for or suit it.
Laid lay(const Job& job, const LandscapeSettings& settings);

}  // namespace descent::cli
