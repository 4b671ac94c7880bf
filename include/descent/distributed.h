#pragma once
// Many processes, on one machine or many: worlds of ranks that train together.
#include <descent/distributed/checkpoint.h>     // IWYU pragma: export
#include <descent/distributed/data_parallel.h>  // IWYU pragma: export
#include <descent/distributed/sharded.h>        // IWYU pragma: export
#include <descent/distributed/world.h>          // IWYU pragma: export
#include <descent/sharing.h>                    // IWYU pragma: export
