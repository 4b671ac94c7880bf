#pragma once

/// The loss of a network over a plane through its weights: planes of all kinds, evaluate(),
/// recorded trajectories, curvature.
#include <descent/landscape/curvature.h>   // IWYU pragma: export
#include <descent/landscape/evaluate.h>    // IWYU pragma: export
#include <descent/landscape/plane.h>       // IWYU pragma: export
#include <descent/landscape/script.h>      // IWYU pragma: export
#include <descent/landscape/trajectory.h>  // IWYU pragma: export
