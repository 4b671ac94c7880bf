#pragma once
#include <filesystem>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "output.h"

namespace descent::cli {

/// Where a grid keeps what of it has been computed: in the folder of the results, or in that of
/// --share, in which it stays for the other programs. What is empty at the end goes away.
class KeptTiles {
 public:
  KeptTiles(const std::filesystem::path& out, bool resume, bool force,
            const std::optional<std::filesystem::path>& share = {})
      : out_(out),
        shared_(share.has_value()),
        folder_(shared_ ? *share / "tiles" : out_ / ".tiles"),
        existed_(check_output(out_, /*replace=*/true)) {
    if (shared_ || !std::filesystem::exists(folder_)) {
      check_output(out_, force);
      return;
    }
    if (!resume && !force)
      throw std::invalid_argument(out_.string() +
                                  " holds what an interrupted run has computed: --resume goes on "
                                  "with it, --force begins anew");
    if (!resume) std::filesystem::remove_all(folder_);
  }
  KeptTiles(const KeptTiles&) = delete;
  KeptTiles& operator=(const KeptTiles&) = delete;
  ~KeptTiles() {
    if (shared_) return;
    std::error_code ignored;
    std::filesystem::remove(folder_, ignored);
    if (!existed_) std::filesystem::remove(out_, ignored);
  }

  const std::filesystem::path& folder() const { return folder_; }
  bool has_any() const {
    std::error_code none;
    return std::filesystem::exists(folder_, none) && !std::filesystem::is_empty(folder_, none);
  }
  std::string kept() const {
    return "; what was computed is kept in " + folder_.string() + ", and " +
           (shared_ ? "the same command" : "--resume") + " goes on from there";
  }
  /// Takes away those of some jobs; others may still be wanted.
  void clear(const std::vector<std::string>& jobs, std::ostream& out) const {
    if (shared_) {
      out << "what all programs have computed stays in " << folder_.string()
          << "; remove it when they have ended\n";
      return;
    }
    std::vector<std::filesystem::path> done;
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      for (const std::string& job : jobs)
        if (entry.path().filename().string().starts_with(job + "-")) done.push_back(entry.path());
    for (const std::filesystem::path& file : done) std::filesystem::remove(file);
    if (has_any()) out << "what another run has computed is still in " << folder_.string() << '\n';
  }

 private:
  const std::filesystem::path out_;
  const bool shared_;
  const std::filesystem::path folder_;
  const bool existed_;
};

}  // namespace descent::cli
