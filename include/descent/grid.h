#pragma once
// Tables of numbers, tracks of points, and their files.
#include <descent/grid/grid.h>    // IWYU pragma: export
#include <descent/grid/track.h>   // IWYU pragma: export
#include <descent/grid/trials.h>  // IWYU pragma: export
