#pragma once

/// The loss of a network over a plane through its weights: random_plane(), given_plane(),
/// evaluate().
#include <descent/landscape/evaluate.h>  // IWYU pragma: export
#include <descent/landscape/plane.h>     // IWYU pragma: export
