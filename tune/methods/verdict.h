#pragma once
#include <descent/base/fields.h>

namespace descent::search {

/// What a trial that has just reported does next.
///   GoOn    goes on
///   Wait    waits for others
///   GiveUp  ends, because others are better
///   Enough  ends, because it has had all it may have
DESCENT_ENUM(Verdict, GoOn, Wait, GiveUp, Enough)

}  // namespace descent::search
