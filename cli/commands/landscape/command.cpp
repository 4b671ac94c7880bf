#include "commands/landscape/command.h"

#include <filesystem>
#include <iostream>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "commands/landscape/compute.h"
#include "commands/landscape/files.h"
#include "commands/landscape/planes.h"
#include "commands/landscape/report.h"
#include "inputs.h"
#include "output.h"
#include "progress.h"

namespace descent::cli {
namespace {

namespace fs = std::filesystem;

/// Where evaluate() keeps what it has computed: in the folder of the results, or in that of --share,
/// in which it stays for the other programs. What is empty at the end goes away.
class KeptTiles {
 public:
  explicit KeptTiles(const Job& job)
      : out_(job.out),
        shared_(job.share.has_value()),
        folder_(shared_ ? *job.share / "tiles" : out_ / ".tiles"),
        existed_(check_output(out_, /*replace=*/true)) {
    if (shared_ || !fs::exists(folder_)) {
      check_output(out_, job.force);
      return;
    }
    if (!job.resume && !job.force)
      throw std::invalid_argument(out_.string() +
                                  " holds what an interrupted run has computed: --resume goes on "
                                  "with it, --force begins anew");
    if (!job.resume) fs::remove_all(folder_);
  }
  KeptTiles(const KeptTiles&) = delete;
  KeptTiles& operator=(const KeptTiles&) = delete;
  ~KeptTiles() {
    if (shared_) return;
    std::error_code ignored;
    fs::remove(folder_, ignored);
    if (!existed_) fs::remove(out_, ignored);
  }

  const fs::path& folder() const { return folder_; }
  bool has_any() const {
    std::error_code none;
    return fs::exists(folder_, none) && !fs::is_empty(folder_, none);
  }
  std::string kept() const {
    return "; what was computed is kept in " + folder_.string() + ", and " +
           (shared_ ? "the same command" : "--resume") + " goes on from there";
  }
  /// Takes away those of one job; others may still be wanted.
  void clear(const std::string& job, std::ostream& out) const {
    if (shared_) {
      out << "what all programs have computed stays in " << folder_.string()
          << "; remove it when they have ended\n";
      return;
    }
    std::vector<fs::path> done;
    for (const auto& entry : fs::directory_iterator(folder_))
      if (entry.path().filename().string().starts_with(job + "-")) done.push_back(entry.path());
    for (const fs::path& file : done) fs::remove(file);
    if (has_any()) out << "what another run has computed is still in " << folder_.string() << '\n';
  }

 private:
  const fs::path out_;
  const bool shared_;
  const fs::path folder_;
  const bool existed_;
};

/// Computes, writes, prints. What was computed survives an interruption.
void run(const Job& job, std::ostream& out) {
  const KeptTiles tiles(job);
  std::string nothing;  // the metrics without a finite value
  try {
    const PlaneToDraw laid = lay_plane(job);
    const Results results = compute(job, laid, tiles.folder());
    OutputFolder output(job.out, /*replace=*/true);
    write_files(job, laid, results, output);
    output.publish();
    print(out, job, laid, results);
    tiles.clear(results.grids[0].notes.at("tiles"), out);
    for (const char* const file :
         {"landscape.html", "landscape.png", "landscape.csv", "landscape.json"})
      if (fs::exists(output.path() / file)) {
        out << "open " << (output.path() / file).string() << '\n';
        break;
      }
    for (size_t m = 0; m < results.grids.size(); ++m)
      if (!has_finite(results.grids[m]))
        nothing += (nothing.empty() ? "" : " and of ") + job.metrics[m].name;
  } catch (const Interrupted&) {
    if (!tiles.has_any()) throw;
    throw Interrupted("interrupted" + tiles.kept());
  } catch (const std::runtime_error& error) {
    if (!tiles.has_any()) throw;
    throw std::runtime_error(error.what() + tiles.kept());
  }
  if (!nothing.empty())
    throw NothingFinite("no value of " + nothing + " on the plane is finite; the numbers are in " +
                        job.out.string());
}

}  // namespace

void add_landscape(CLI::App& command) {
  const auto job = std::make_shared<Job>();
  add_inputs(command, *job, "only these move in planes and count in Hessians");
  for (const char* const needed : {"--model", "--data", "--loss"})
    command.get_option(needed)->required();
  add_plane(command, *job);
  add_pictures(command, *job);
  add_computation(command, *job);
  CLI::Option* const resume =
      command.add_flag("--resume", job->resume, "goes on with what an interrupted run computed");
  command
      .add_option("--share", job->share,
                  "a folder through which programs that are started with the same words, on one "
                  "machine or several, compute the landscape together, whoever begins late or dies")
      ->excludes(resume);
  command.add_option("--out", job->out, "folder")->capture_default_str();
  command.add_flag("--force", job->force, "replaces files of the same names in the folder");
  command.callback([job] {
    catch_interrupts();
    check_plane(*job);
    if (job->share && job->share->empty())
      throw std::invalid_argument("--share is empty, must be a folder");
    load_inputs(*job);
    run(*job, std::cout);
  });
}

}  // namespace descent::cli
