#pragma once
// Test functions, races of optimizers over them, and what pictures need of both.
#include <descent/surfaces/adagrad_arrows.h>       // IWYU pragma: export
#include <descent/surfaces/classic.h>              // IWYU pragma: export
#include <descent/surfaces/families.h>             // IWYU pragma: export
#include <descent/surfaces/line_search_descent.h>  // IWYU pragma: export
#include <descent/surfaces/race.h>                 // IWYU pragma: export
#include <descent/surfaces/regression.h>           // IWYU pragma: export
#include <descent/surfaces/search.h>               // IWYU pragma: export
#include <descent/surfaces/tune.h>                 // IWYU pragma: export
