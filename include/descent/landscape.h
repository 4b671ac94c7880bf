#pragma once

/// The loss of a network over a plane through its weights: planes of all kinds, evaluate(),
/// recorded trajectories, curvature.
#include <descent/base/freed_memory.h>                // IWYU pragma: export
#include <descent/landscape/curvature/curvature.h>    // IWYU pragma: export
#include <descent/landscape/evaluate/evaluate.h>      // IWYU pragma: export
#include <descent/landscape/network/script.h>         // IWYU pragma: export
#include <descent/landscape/planes/between.h>         // IWYU pragma: export
#include <descent/landscape/planes/only.h>            // IWYU pragma: export
#include <descent/landscape/planes/plane.h>           // IWYU pragma: export
#include <descent/landscape/planes/random_plane.h>    // IWYU pragma: export
#include <descent/landscape/trajectory/pca_plane.h>   // IWYU pragma: export
#include <descent/landscape/trajectory/projection.h>  // IWYU pragma: export
#include <descent/landscape/trajectory/recorder.h>    // IWYU pragma: export
#include <descent/landscape/trajectory/trajectory.h>  // IWYU pragma: export
