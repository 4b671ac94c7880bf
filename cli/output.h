#pragma once
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace descent::cli {

/// The files of a run are written, but they hold no finite value to look at.
struct NothingFinite : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Whether a folder for results exists already. Throws std::invalid_argument if it is no folder, or
/// holds something and `replace` is false.
bool check_output(const std::filesystem::path& folder, bool replace);

/// A folder of results that appears when all of them are there: files are made in a hidden folder,
/// beside a new one or inside of one that is there already, and publish() moves them. Until then,
/// and on any failure, everything is as it was. What a killed run leaves hidden, the next one removes.
class OutputFolder {
 public:
  /// Throws as check_output(), and std::runtime_error if `folder` cannot be written. With `replace`,
  /// files of the same names are replaced and all others stay.
  OutputFolder(const std::filesystem::path& folder, bool replace);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  /// Where a file of that name is to be made.
  std::filesystem::path operator/(const std::string& name) const { return making_ / name; }
  const std::filesystem::path& path() const { return folder_; }
  void publish();

 private:
  void make_hidden();
  void clean();
  void replace_files() const;

  std::filesystem::path folder_, making_;
  std::vector<std::filesystem::path> made_parents_;  ///< the outermost first
  const bool replace_;
  bool exists_ = false, published_ = false;
  int lock_ = -1;  ///< on making_: other runs leave it alone
};

}  // namespace descent::cli
