#pragma once
#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>

namespace descent::cli {

struct RaceSettings {
  std::string surface = "f0";
  std::optional<std::string>
      optimizers{};  ///< "sgd:lr=10,lion:lr=1"; none: those of the joint race
  int64_t steps = 100;
  std::optional<std::string> start{};  ///< "9,9"; none: the surface's own
  double weight_decay = 0;
  std::optional<uint64_t> seed{};  ///< of the noise; none: 0
  std::optional<double> noise{};   ///< scale; 0: smooth; none: 1
  bool tune = false;
  std::filesystem::path out;
  bool force = false;
};

/// Runs one race, writes its pictures, page and numbers and prints its table.
void run_race(const RaceSettings& settings, std::ostream& out);

}  // namespace descent::cli
