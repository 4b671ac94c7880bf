#pragma once
#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace descent::cli {

/// As the options of `descent landscape` spell them.
struct LandscapeSettings {
  std::filesystem::path model, data;
  std::string loss;
  std::vector<std::string> metrics;  ///< beside the loss
  std::string plane = "filter";
  std::optional<double> weight_decay{};  ///< of the training; none: its term is not drawn
  std::string norm;                      ///< of a random plane; empty: none
  std::optional<uint64_t> seed{};        ///< of what is drawn at random
  std::string axes;  ///< "-1:1:51" or "-1:1:51,-2:2:31"; empty: what suits the plane
  bool log = false, linear = false;
  std::string batch_norm = "keep", path = "auto";
  int threads = 0;
  std::optional<std::string> memory{};  ///< none: what each computation takes by default
  bool curvature = false, resume = false, force = false;
  std::filesystem::path out;
};

/// Computes the landscape of a TorchScript file, writes its numbers, pictures and page, and prints
/// what there is to see. What was computed survives an interruption.
void run_landscape(const LandscapeSettings& settings, std::ostream& out);

}  // namespace descent::cli
