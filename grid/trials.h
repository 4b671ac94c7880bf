#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace descent {

/// The trials of a search, as pictures show them.
struct Trials {
  /// What is searched for.
  struct Parameter {
    std::string name{};  ///< UTF-8
    double lo = 0, hi = 1;
    bool log = false;                  ///< all powers alike; lo > 0
    std::vector<std::string> words{};  ///< of a list: its values, whose numbers are 0, 1, ...
  };
  struct Trial {
    int64_t number = 0;
    std::vector<double> at{};  ///< of each parameter
    double value = std::numeric_limits<double>::quiet_NaN();
    bool stopped = false;  ///< given up before it had all its steps
  };
  std::vector<Parameter> parameters{};
  std::vector<Trial> trials{};  ///< those that have ended, by number
  std::string value_name = "loss";

  /// The index of the trial with the lowest finite value among those that were not given up, or
  /// else among these; trials.size() if there is none.
  size_t best() const;
};

/// Throws std::invalid_argument that names `what` unless there is a parameter and a trial, lo < hi
/// are finite (> 0 if log), and each trial has a finite number for each parameter.
void check(const Trials& trials, const std::string& what);

/// The losses of a training whose rate grows, and what follows from them.
struct RateCurve {
  std::vector<double> rates{};     ///< of each step that was made, > 0 and rising
  std::vector<double> losses{};    ///< ahead of each of these steps
  std::vector<double> smoothed{};  ///< a mean of them
  /// Suggestions for the rate; NaN: none.
  double valley = std::numeric_limits<double>::quiet_NaN();   ///< half way down the longest descent
  double steep = std::numeric_limits<double>::quiet_NaN();    ///< where the mean falls fastest
  double minimum = std::numeric_limits<double>::quiet_NaN();  ///< a tenth of where it is lowest
};

/// Trainings side by side, of which the worst copy the best from time to time.
struct Lineage {
  std::vector<Trials::Parameter> parameters{};
  /// A member from one comparison to the next.
  struct Life {
    int64_t member = 0;
    int64_t from = 0, to = 0;      ///< steps
    int64_t parent = -1;           ///< whose weights it began with; -1: its own
    std::vector<double> values{};  ///< of each parameter
    double loss = std::numeric_limits<double>::quiet_NaN();  ///< at the end
  };
  std::vector<Life> lives{};  ///< by steps, then by members
  int64_t best = 0;           ///< the member with the lowest loss in the end
};

}  // namespace descent
