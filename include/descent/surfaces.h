#pragma once
// Test functions, and races of optimizers over them.
#include <descent/surfaces/functions/classic.h>     // IWYU pragma: export
#include <descent/surfaces/functions/regression.h>  // IWYU pragma: export
#include <descent/surfaces/functions/search.h>      // IWYU pragma: export
#include <descent/surfaces/race.h>                  // IWYU pragma: export
#include <descent/surfaces/tune.h>                  // IWYU pragma: export
