#pragma once
// Every optimizer, wrapper and schedule. The build compiles each rule of this list (a header that
// ends with DESCENT_RULE), and the registry, the tests and the tables follow: a new rule is one
// header and one line here.
#include <descent/base/pass.h>
#include <descent/optim/adam.h>
#include <descent/optim/engine/checkpoint.h>
#include <descent/optim/engine/optimizer.h>
#include <descent/optim/engine/registry.h>
#include <descent/optim/ewa.h>
#include <descent/optim/full_adagrad.h>
#include <descent/optim/lamb.h>
#include <descent/optim/lion.h>
#include <descent/optim/line_search.h>
#include <descent/optim/lookahead.h>
#include <descent/optim/reduce_lr_on_plateau.h>
#include <descent/optim/schedules.h>
#include <descent/optim/sgd.h>
#include <descent/optim/stopping.h>
