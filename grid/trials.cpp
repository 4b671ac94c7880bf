#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <descent/base/text.h>
#include <descent/grid/trials.h>

namespace descent {

size_t Trials::best() const {
  for (const bool stopped : {false, true}) {
    size_t best = trials.size();
    for (size_t k = 0; k < trials.size(); ++k)
      if (trials[k].stopped == stopped && std::isfinite(trials[k].value) &&
          (best == trials.size() || trials[k].value < trials[best].value))
        best = k;
    if (best < trials.size()) return best;
  }
  return trials.size();
}

void check(const Trials& trials, const std::string& what) {
  const auto require = [&](bool right, const std::string& field, const std::string& allowed) {
    if (!right) throw std::invalid_argument(what + ": " + field + ", must be " + allowed);
  };
  require(!trials.parameters.empty(), "parameters.size() = 0", "at least 1");
  require(!trials.trials.empty(), "trials.size() = 0", "at least 1");
  for (const Trials::Parameter& parameter : trials.parameters) {
    const std::string ends =
        parameter.name + ": lo = " + digits(parameter.lo) + " and hi = " + digits(parameter.hi);
    require(!parameter.words.empty() ||
                (std::isfinite(parameter.hi - parameter.lo) && parameter.lo < parameter.hi),
            ends, "finite and ascending");
    require(!parameter.log || parameter.lo > 0, ends, "> 0 where log is true");
  }
  for (const Trials::Trial& trial : trials.trials) {
    const std::string who = "trial " + std::to_string(trial.number);
    require(trial.at.size() == trials.parameters.size(),
            who + ": at.size() = " + std::to_string(trial.at.size()),
            std::to_string(trials.parameters.size()));
    for (size_t i = 0; i < trial.at.size(); ++i)
      require(std::isfinite(trial.at[i]) && (!trials.parameters[i].log || trial.at[i] > 0),
              who + ": " + trials.parameters[i].name + " = " + digits(trial.at[i]),
              trials.parameters[i].log ? "finite and > 0" : "finite");
  }
}

}  // namespace descent
