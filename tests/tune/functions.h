#pragma once
// Functions with known minima, as a study sees them.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <descent/tune/tune.h>

namespace functions {

struct Function {
  std::string name;
  descent::Space space;
  double (*value)(const descent::OptionValues&);
  double minimum;
};

inline double number(const descent::OptionValues& values, size_t i) {
  return std::get<double>(values[i].second);
}

inline double branin(const descent::OptionValues& values) {
  const double x = number(values, 0), y = number(values, 1);
  const double b = 5.1 / (4 * M_PI * M_PI), c = 5 / M_PI, t = 1 / (8 * M_PI);
  const double bend = y - b * x * x + c * x - 6;
  return bend * bend + 10 * (1 - t) * std::cos(x) + 10;
}

inline double hartmann_6(const descent::OptionValues& values) {
  static constexpr std::array<double, 4> height{1, 1.2, 3, 3.2};
  static constexpr double width[4][6] = {{10, 3, 17, 3.5, 1.7, 8},
                                         {0.05, 10, 17, 0.1, 8, 14},
                                         {3, 3.5, 1.7, 10, 17, 8},
                                         {17, 8, 0.05, 10, 0.1, 14}};
  static constexpr double place[4][6] = {{0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886},
                                         {0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991},
                                         {0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650},
                                         {0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381}};
  double sum = 0;
  for (size_t i = 0; i < 4; ++i) {
    double far = 0;
    for (size_t j = 0; j < 6; ++j) {
      const double d = number(values, j) - place[i][j];
      far += width[i][j] * d * d;
    }
    sum -= height[i] * std::exp(-far);
  }
  return sum;
}

inline double log_bowl(const descent::OptionValues& values) {
  const double a = std::log10(number(values, 0)) + 2.5, b = std::log10(number(values, 1)) + 4;
  return a * a + 0.25 * b * b;
}

inline std::vector<Function> all() {
  using descent::LogRange, descent::Range;
  std::vector<descent::Parameter> cube;
  for (int i = 1; i <= 6; ++i) cube.push_back({"x" + std::to_string(i), Range{0, 1}});
  return {{"Branin", {{"x", Range{-5, 10}}, {"y", Range{0, 15}}}, branin, 0.397887357729738},
          {"Hartmann-6", descent::Space(cube), hartmann_6, -3.32236801141551},
          {"logbowl", {{"a", LogRange{1e-6, 10}}, {"b", LogRange{1e-8, 1}}}, log_bowl, 0}};
}

/// The medians over the seeds of what is left to the minimum after 20, 30 and 50 of 50 trials.
inline std::array<double, 3> median_regrets(const Function& function, const descent::Method& method,
                                            uint64_t seeds) {
  std::array<std::vector<double>, 3> left;
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    descent::Study study(function.space, {.method = method, .trials = 50, .seed = seed});
    while (const auto trial = study.ask()) {
      study.tell(*trial, function.value(study.trials().back().values));
      const int64_t done = *trial + 1;
      if (done == 20 || done == 30 || done == 50)
        left[done == 20 ? 0 : done == 30 ? 1 : 2].push_back(study.best().value - function.minimum);
    }
  }
  std::array<double, 3> medians{};
  for (size_t i = 0; i < 3; ++i) {
    std::sort(left[i].begin(), left[i].end());
    const size_t n = left[i].size();
    medians[i] = (left[i][(n - 1) / 2] + left[i][n / 2]) / 2;
  }
  return medians;
}

/// A trial whose loss falls to the function's value.
inline double falling(descent::Trial& trial) {
  const double end = branin(trial.options());
  double loss = 0;
  for (int64_t step = 0; step < 9; ++step) {
    loss = end + 10.0 / static_cast<double>(1 + step);
    if (!trial.report(step, loss)) break;
  }
  return loss;
}

}  // namespace functions
