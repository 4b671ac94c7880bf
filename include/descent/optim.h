#pragma once
// Every optimizer, wrapper and schedule. The build compiles each rule of this list (a header that
// ends with DESCENT_RULE), and the registry, the tests and the tables follow: a new rule is one
// header and one line here.
#include <descent/base/pass.h>
#include <descent/optim/adadelta.h>
#include <descent/optim/adagrad.h>
#include <descent/optim/adam.h>
#include <descent/optim/adamax.h>
#include <descent/optim/adan.h>
#include <descent/optim/asgd.h>
#include <descent/optim/averaging.h>
#include <descent/optim/engine/checkpoint.h>
#include <descent/optim/engine/libtorch.h>
#include <descent/optim/engine/optimizer.h>
#include <descent/optim/engine/python.h>
#include <descent/optim/engine/registry.h>
#include <descent/optim/ewa.h>
#include <descent/optim/ftrl.h>
#include <descent/optim/full_adagrad.h>
#include <descent/optim/gradient_transforms.h>
#include <descent/optim/groups.h>
#include <descent/optim/lamb.h>
#include <descent/optim/lars.h>
#include <descent/optim/line_search.h>
#include <descent/optim/lion.h>
#include <descent/optim/lookahead.h>
#include <descent/optim/nadam.h>
#include <descent/optim/radam.h>
#include <descent/optim/ranger.h>
#include <descent/optim/rangerlars.h>
#include <descent/optim/reduce_lr_on_plateau.h>
#include <descent/optim/rmsprop.h>
#include <descent/optim/rprop.h>
#include <descent/optim/sam.h>
#include <descent/optim/schedules.h>
#include <descent/optim/sgd.h>
#include <descent/optim/stopping.h>
