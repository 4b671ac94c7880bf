#include <descent/surfaces/race.h>

#include "fuzz.h"

void descent::fuzz::take(std::string_view text) {
  for (const Racer& racer : parse_racers(text)) {
    expect(!racer.label.empty() && racer.make != nullptr, "a racer without a name or optimizer");
    // What a racer's detail says makes it again.
    expect(descent::racer(racer.detail).detail == racer.detail, "another racer of the same text");
  }
}
