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
#include "kept_tiles.h"
#include "output.h"
#include "progress.h"

namespace descent::cli {
namespace {

/// Computes, writes, prints. What was computed survives an interruption.
void run(const Job& job, std::ostream& out) {
  const KeptTiles tiles(job);
  std::string nothing;  // the metrics without a finite value
  tiles.while_kept([&] {
    const PlaneToDraw laid = lay_plane(job);
    check_formats(job, laid);
    const Results results = compute(job, laid, tiles.folder());
    OutputFolder output(job.out, /*replace=*/true);
    write_files(job, laid, results, output);
    output.publish();
    print(out, job, laid, results);
    std::vector<std::string> done{results.grids[0].notes.at("tiles")};
    for (const auto& [name, grid] : results.layers) done.push_back(grid.notes.at("tiles"));
    tiles.clear(done, out);
    for (const char* const file :
         {"landscape.html", "landscape.png", "landscape.csv", "landscape.json"})
      if (std::filesystem::exists(output.path() / file)) {
        out << "open " << (output.path() / file).string() << '\n';
        break;
      }
    for (size_t m = 0; m < results.grids.size(); ++m)
      if (!has_finite(results.grids[m]))
        nothing += (nothing.empty() ? "" : " and of ") + job.metrics[m].name;
  });
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
  add_keeping(command, *job, "out/landscape", "compute the landscape");
  command.callback([job] {
    catch_interrupts();
    check_plane(*job);
    check_keeping(*job);
    load_inputs(*job);
    run(*job, std::cout);
  });
}

}  // namespace descent::cli
