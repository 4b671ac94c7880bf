#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <descent/sharing/store.h>

namespace CLI {
class App;
}

namespace descent::cli {

/// Where a command leaves its results, and what becomes of what an interrupted one has computed.
struct Keeping {
  std::filesystem::path out{};
  bool resume = false, force = false;
  std::optional<std::filesystem::path> share{};  ///< the folder of programs that compute together

  /// The table of these programs.
  std::optional<Store> store() const;
};
/// --out, by default `out`, --force, --resume and --share, by which programs do together `what`
/// says: "compute the landscape".
void add_keeping(CLI::App& command, Keeping& keeping, const std::string& out,
                 const std::string& what);
/// What the options say apart from each other; throws std::invalid_argument.
void check_keeping(const Keeping& keeping);

/// Where a grid keeps what of it has been computed: in the folder of the results, or in that of
/// --share, in which it stays for the other programs. What is empty at the end goes away.
class KeptTiles {
 public:
  explicit KeptTiles(const Keeping& keeping);
  KeptTiles(const KeptTiles&) = delete;
  KeptTiles& operator=(const KeptTiles&) = delete;
  ~KeptTiles();

  const std::filesystem::path& folder() const { return folder_; }
  /// Computes and writes. Where that is interrupted or fails, the error says what is kept, and how
  /// to go on from there.
  void while_kept(const std::function<void()>& work) const;
  /// Takes away those of some jobs; others may still be wanted.
  void clear(const std::vector<std::string>& jobs, std::ostream& out) const;

 private:
  bool has_any() const;
  std::string kept() const;

  const std::filesystem::path out_;
  const bool shared_;
  const std::filesystem::path folder_;
  const bool existed_;
};

}  // namespace descent::cli
