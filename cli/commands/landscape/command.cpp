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

/// Where evaluate() keeps what it has computed, in the folder of the results. What is empty at the
/// end goes away.
class KeptTiles {
 public:
  KeptTiles(const fs::path& out, bool resume, bool force)
      : out_(out), existed_(check_output(out, /*replace=*/true)) {
    if (!fs::exists(folder())) {
      check_output(out, force);
      return;
    }
    if (!resume && !force)
      throw std::invalid_argument(out.string() +
                                  " holds what an interrupted run has computed: --resume goes on "
                                  "with it, --force begins anew");
    if (!resume) fs::remove_all(folder());
  }
  KeptTiles(const KeptTiles&) = delete;
  KeptTiles& operator=(const KeptTiles&) = delete;
  ~KeptTiles() {
    std::error_code ignored;
    fs::remove(folder(), ignored);
    if (!existed_) fs::remove(out_, ignored);
  }

  fs::path folder() const { return out_ / ".tiles"; }
  bool has_any() const {
    std::error_code none;
    return fs::exists(folder(), none) && !fs::is_empty(folder(), none);
  }
  std::string kept() const {
    return "; what was computed is kept in " + folder().string() +
           ", and --resume goes on from there";
  }
  /// Takes away those of one job; others may still be wanted.
  void clear(const std::string& job) const {
    std::vector<fs::path> done;
    for (const auto& entry : fs::directory_iterator(folder()))
      if (entry.path().filename().string().starts_with(job + "-")) done.push_back(entry.path());
    for (const fs::path& file : done) fs::remove(file);
  }

 private:
  fs::path out_;
  bool existed_;
};

/// Computes, writes, prints. What was computed survives an interruption.
void run(const Job& job, std::ostream& out) {
  const KeptTiles tiles(job.out, job.resume, job.force);
  std::string nothing;  // the metrics without a finite value
  try {
    const PlaneToDraw laid = lay_plane(job);
    const Results results = compute(job, laid, tiles.folder());
    OutputFolder output(job.out, /*replace=*/true);
    write_files(job, laid, results, output);
    output.publish();
    tiles.clear(results.grids[0].notes.at("tiles"));
    print(out, job, laid, results);
    if (tiles.has_any())
      out << "what another run has computed is still in " << tiles.folder().string() << '\n';
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
  command.add_flag("--resume", job->resume, "goes on with what an interrupted run computed");
  command.add_option("--out", job->out, "folder")->capture_default_str();
  command.add_flag("--force", job->force, "replaces files of the same names in the folder");
  command.callback([job] {
    catch_interrupts();
    check_plane(*job);
    load_inputs(*job);
    run(*job, std::cout);
  });
}

}  // namespace descent::cli
