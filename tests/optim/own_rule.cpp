#include "own_rule.h"
// In this order on purpose: a rule's header needs nothing ahead of it.
#include <descent/optim/engine/compile.h>

DESCENT_COMPILE(SignMomentumRule)
