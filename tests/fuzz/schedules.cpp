#include <cmath>

#include <descent/optim/schedules/registry.h>

#include "fuzz.h"

void descent::fuzz::take(std::string_view text) {
  const Schedule schedule = parse_schedule(text);
  if (!schedule.problem(1).empty()) return;
  // What its settings allow can be asked for a rate, early and late.
  for (const int64_t n : {0, 1, 2, 1000}) {
    schedule.at(0.1, n);
    schedule.scale(n);
    schedule.momentum(0, n);
  }
}
