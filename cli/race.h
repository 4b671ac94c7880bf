#pragma once
#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <string>

namespace descent::cli {

struct RaceSettings {
  std::string surface = "f0";
  std::string optimizers;  ///< "sgd:lr=10,lion:lr=1"; empty: the ten of the joint race
  int64_t steps = 100;
  std::string start;  ///< "9,9"; empty: the surface's own
  double weight_decay = 0;
  uint64_t seed = 0;
  double noise = 1;  ///< scale; 0: smooth
  bool tune = false;
  std::filesystem::path out;
  bool force = false;
};

/// Runs one race, writes its pictures, page and numbers and prints its table.
void run_race(const RaceSettings& settings, std::ostream& out);

}  // namespace descent::cli
