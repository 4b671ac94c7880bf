#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace descent::landscape {

/// A folder that keeps finished parts of one job: a file a part, with the fingerprint of the job
/// and a checksum. Throws std::runtime_error that names the file if it cannot be written.
class Tiles {
 public:
  /// Makes the folder if it is missing. `who` asks for it, for messages: "evaluate".
  Tiles(const std::string& who, std::filesystem::path folder, uint64_t job);
  uint64_t job() const { return job_; }  ///< what the names of its files begin with

  /// Fills `values` with those of the part that begins at number `first`, and tells whether it
  /// could: what is absent, of another job or length, damaged or unreadable is not taken.
  bool read(int64_t first, std::span<double> values) const;
  void write(int64_t first, std::span<const double> values) const;

 private:
  std::filesystem::path file(int64_t first) const;

  std::filesystem::path folder_;
  uint64_t job_;
};

}  // namespace descent::landscape
