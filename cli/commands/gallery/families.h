#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <descent/surfaces/race.h>

namespace descent {

/// A race as it is shown: the surface, with its start and view, and the rest.
struct Heat {
  Surface surface;
  RaceOptions options{};
};

/// Racers that belong together, and the races that show what they do.
struct Family {
  std::string key;    ///< "sgd", "joint"
  std::string title;  ///< "SGD at five learning rates"
  std::vector<Racer> racers;
  std::vector<Heat> heats;
};

/// The races of the gallery: one optimizer at five rates (sgd, nag, rmsprop, adagrad, adam, lion,
/// lamb, ftrl), ten together (joint), the textbook's (saddle, beale), Nesterov's look-ahead against
/// its usual form (lookahead), line searches (line_search), and LAMB against Adam at high rates on a
/// regression (regression). Optimizers of the rates and of joint are set as Keras sets them.
std::vector<Family> families();

/// The family of that key; std::invalid_argument with the nearest keys if there is none.
Family find_family(std::string_view key);

}  // namespace descent
