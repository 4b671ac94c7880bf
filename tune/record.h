#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <descent/base/fields.h>

namespace descent {

/// What a trial has come to: it runs, has ended by itself or by having had all it may have, was
/// given up by the method, or threw.
DESCENT_ENUM(TrialState, Running, Done, Stopped, Failed)

/// A value on the way: of the loss after `step`, counted from 0.
struct Report {
  int64_t step = 0;
  double value = 0;
};

/// What a study knows of a trial.
struct TrialRecord {
  int64_t number = 0;           ///< from 0
  std::vector<double> point{};  ///< in the unit cube of the space
  OptionValues values{};        ///< the same in the space's own numbers
  TrialState state = TrialState::Running;
  double value = std::numeric_limits<double>::quiet_NaN();  ///< what it ended with
  std::vector<Report> reports{};                            ///< with rising steps
  std::string error{};                                      ///< what it threw
  double seconds = 0;                                       ///< how long it ran, waiting included
  std::vector<double> memory{};  ///< what the method has noted of its choice

  const OptionValues& options() const { return values; }
  bool ended() const { return state != TrialState::Running; }
};

}  // namespace descent
