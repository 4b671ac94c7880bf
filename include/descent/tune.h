#pragma once
// Studies: hyperparameters that are searched for; rates that are looked for ahead of training.
#include <descent/tune/population.h>    // IWYU pragma: export
#include <descent/tune/rates.h>         // IWYU pragma: export
#include <descent/tune/record.h>        // IWYU pragma: export
#include <descent/tune/samplers.h>      // IWYU pragma: export
#include <descent/tune/space.h>         // IWYU pragma: export
#include <descent/tune/study.h>         // IWYU pragma: export
#include <descent/tune/train_many.h>    // IWYU pragma: export
#include <descent/tune/train_map.h>     // IWYU pragma: export
#include <descent/tune/training.h>      // IWYU pragma: export
#include <descent/tune/trust_region.h>  // IWYU pragma: export
#include <descent/tune/tune.h>          // IWYU pragma: export
