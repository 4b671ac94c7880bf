#include <descent/optim/engine/compile.h>

#include "../project/own_rule.h"

DESCENT_COMPILE(HalfWay)
