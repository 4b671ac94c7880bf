#include <descent/optim/engine/compile.h>

#include "own_rule.h"

DESCENT_COMPILE(HalfWay)
