#include <descent/optim/engine/compile.h>
// The compiler's flags and macros first, then the rule.
#include "own_rule.h"
