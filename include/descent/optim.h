#pragma once
// Every optimizer, wrapper and schedule. A header of this list that lies in optim/ itself holds
// rules, as its line `using Lion = Optimizer<rules::Lion>;` says. The build compiles them, and the
// registry, the tests and the tables follow: a new rule is one header and one line here.
#include <descent/base/pass.h>
#include <descent/optim/adadelta.h>
#include <descent/optim/adagrad.h>
#include <descent/optim/adam.h>
#include <descent/optim/adamax.h>
#include <descent/optim/adan.h>
#include <descent/optim/asgd.h>
#include <descent/optim/files/checkpoint.h>
#include <descent/optim/files/libtorch.h>
#include <descent/optim/files/python.h>
#include <descent/optim/ftrl.h>
#include <descent/optim/full_adagrad.h>
#include <descent/optim/lamb.h>
#include <descent/optim/lars.h>
#include <descent/optim/lion.h>
#include <descent/optim/nadam.h>
#include <descent/optim/optimizer/optimizer.h>
#include <descent/optim/optimizer/registry.h>
#include <descent/optim/radam.h>
#include <descent/optim/ranger.h>
#include <descent/optim/rangerlars.h>
#include <descent/optim/rmsprop.h>
#include <descent/optim/rprop.h>
#include <descent/optim/schedules/reduce_lr_on_plateau.h>
#include <descent/optim/schedules/schedules.h>
#include <descent/optim/sgd.h>
#include <descent/optim/training/averaging.h>
#include <descent/optim/training/ewa.h>
#include <descent/optim/training/groups.h>
#include <descent/optim/training/line_search.h>
#include <descent/optim/training/stopping.h>
#include <descent/optim/wrappers/gradient_transforms.h>
#include <descent/optim/wrappers/lookahead.h>
#include <descent/optim/wrappers/sam.h>
