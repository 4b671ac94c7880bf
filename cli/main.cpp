// The program `descent`.
#include <iostream>

#include <CLI/CLI.hpp>
#include <c10/util/Exception.h>
#include <torch/version.h>

#include "optimizers.h"
#include "surfaces.h"
#ifdef HAS_PICTURES
#include "gallery.h"
#include "progress.h"
#include "race.h"
#endif

namespace {

void add_optimizers(CLI::App& app) {
  auto* const command = app.add_subcommand("optimizers", "lists the optimizers and their options");
  static std::string name;
  static bool markdown = false;
  command->add_option("name", name, "only this one");
  command->add_flag("--markdown", markdown, "as the table of the README");
  command->callback([] {
    if (markdown)
      descent::cli::write_markdown(std::cout, name);
    else
      descent::cli::list_optimizers(std::cout, name);
  });
}

void add_surfaces(CLI::App& app) {
  auto* const command = app.add_subcommand("surfaces", "lists the surfaces of races");
  static std::string name;
  command->add_option("name", name, "only this one");
  command->callback([] { descent::cli::list_surfaces(std::cout, name); });
}

void add_race(CLI::App& app) {
  auto* const command =
      app.add_subcommand("race", "races optimizers on a surface: pictures, page and numbers");
#ifdef HAS_PICTURES
  static descent::cli::RaceSettings race;
  static bool gallery = false;
  auto* const all = command->add_flag("--gallery", gallery, "all races of the gallery instead");
  const auto of_one = [&](CLI::Option* option) { option->excludes(all); };
  of_one(command->add_option("--surface", race.surface, "see `descent surfaces`")
             ->capture_default_str());
  of_one(command->add_option("--optimizers", race.optimizers,
                             "sgd:lr=10,lion:lr=1 (see `descent optimizers`); without it, the ten "
                             "of the joint race"));
  of_one(command->add_option("--steps", race.steps, "how many")->capture_default_str());
  of_one(command->add_option("--start", race.start, "x,y (--start=-9,2); else the surface's own"));
  of_one(command->add_option("--weight-decay", race.weight_decay, "of all racers, decoupled")
             ->capture_default_str());
  of_one(command->add_option("--noise", race.noise, "scale of the noise on the losses of f0 to f5")
             ->capture_default_str());
  of_one(command->add_flag("--tune", race.tune, "gives each racer the best of 200 learning rates"));
  command->add_option("--seed", race.seed, "of the noise")->capture_default_str();
  command->add_option("--out", race.out, "folder (default: out/race or out/gallery)");
  command->add_flag("--force", race.force, "replaces files of the same names in the folder");
  command->callback([] {
    descent::cli::catch_interrupts();
    if (race.out.empty()) race.out = gallery ? "out/gallery" : "out/race";
    if (gallery)
      descent::cli::write_gallery({.seed = race.seed, .out = race.out, .force = race.force},
                                  std::cout);
    else
      descent::cli::run_race(race, std::cout);
  });
#else
  command->allow_extras();
  command->callback([] {
    throw std::runtime_error(
        "this program was built without pictures, which races need: install "
        "cairo (Debian: libcairo2-dev) and build it again");
  });
#endif
}

/// What went wrong, as one line.
int failed(const std::string& what, int status = 2) {
  std::cerr << "descent: " << what << '\n';
  return status;
}

}  // namespace

/// 0: done; 2: it could not be done, and one sentence says why; 130: interrupted.
int main(int argc, char** argv) {
  CLI::App app("Optimizers, races and loss landscapes for LibTorch.");
  app.set_version_flag("--version", "descent " DESCENT_VERSION ", LibTorch " TORCH_VERSION);
  app.require_subcommand(1);
  add_optimizers(app);
  add_surfaces(app);
  add_race(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
#ifdef HAS_PICTURES
  } catch (const descent::cli::Interrupted& error) {
    return failed(error.what(), 130);
#endif
  } catch (const c10::Error& error) {
    return failed(error.what_without_backtrace());
  } catch (const std::exception& error) {
    return failed(error.what());
  }
}
