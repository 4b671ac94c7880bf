#include "kept_tiles.h"

#include <stdexcept>
#include <system_error>

#include <CLI/CLI.hpp>

#include "output.h"
#include "progress.h"

namespace descent::cli {

std::optional<Store> Keeping::store() const {
  if (!share) return std::nullopt;
  return folder_store(*share);
}

void add_keeping(CLI::App& command, Keeping& keeping, const std::string& out,
                 const std::string& what) {
  keeping.out = out;
  CLI::Option* const resume =
      command.add_flag("--resume", keeping.resume, "goes on with what an interrupted run computed");
  command
      .add_option("--share", keeping.share,
                  "a folder through which programs that are started with the same words, on one "
                  "machine or several, " +
                      what + " together, whoever begins late or dies")
      ->excludes(resume);
  command.add_option("--out", keeping.out, "folder")->capture_default_str();
  command.add_flag("--force", keeping.force, "replaces files of the same names in the folder");
}

void check_keeping(const Keeping& keeping) {
  if (keeping.share && keeping.share->empty())
    throw std::invalid_argument("--share is empty, must be a folder");
}

KeptTiles::KeptTiles(const Keeping& keeping)
    : out_(keeping.out),
      shared_(keeping.share.has_value()),
      folder_(shared_ ? *keeping.share / "tiles" : out_ / ".tiles"),
      existed_(check_output(out_, /*replace=*/true)) {
  if (shared_ || !std::filesystem::exists(folder_)) {
    check_output(out_, keeping.force);
    return;
  }
  if (!keeping.resume && !keeping.force)
    throw std::invalid_argument(out_.string() +
                                " holds what an interrupted run has computed: --resume goes on "
                                "with it, --force begins anew");
  if (!keeping.resume) std::filesystem::remove_all(folder_);
}

KeptTiles::~KeptTiles() {
  if (shared_) return;
  std::error_code ignored;
  std::filesystem::remove(folder_, ignored);
  if (!existed_) std::filesystem::remove(out_, ignored);
}

void KeptTiles::while_kept(const std::function<void()>& work) const {
  try {
    work();
  } catch (const Interrupted&) {
    if (!has_any()) throw;
    throw Interrupted("interrupted" + kept());
  } catch (const std::runtime_error& error) {
    if (!has_any()) throw;
    throw std::runtime_error(error.what() + kept());
  }
}

void KeptTiles::clear(const std::vector<std::string>& jobs, std::ostream& out) const {
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

bool KeptTiles::has_any() const {
  std::error_code none;
  return std::filesystem::exists(folder_, none) && !std::filesystem::is_empty(folder_, none);
}

std::string KeptTiles::kept() const {
  return "; what was computed is kept in " + folder_.string() + ", and " +
         (shared_ ? "the same command" : "--resume") + " goes on from there";
}

}  // namespace descent::cli
