// The program `descent`.
#include <algorithm>
#include <iostream>

#include <CLI/CLI.hpp>
#include <c10/util/Exception.h>
#include <torch/version.h>

#include <descent/base/nearest.h>

#include "commands/optimizers.h"
#include "commands/surfaces.h"
#ifdef HAS_PICTURES
#include "commands/gallery/gallery.h"
#include "commands/landscape/landscape.h"
#include "commands/race.h"
#include "progress.h"
#endif

namespace {

/// For unsigned options, which would take -1 as a large number.
std::string whole_number(const std::string& text) {
  return text.starts_with("-") ? text + ", must be a whole number >= 0" : "";
}

void add_optimizers(CLI::App& app) {
  auto* const command = app.add_subcommand("optimizers", "lists the optimizers and their options");
  static std::string name;
  static bool markdown = false;
  command->add_option("name", name, "only this one");
  command->add_flag("--markdown", markdown, "as the table of docs/optimizers.md");
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

#ifndef HAS_PICTURES
void needs_pictures(CLI::App* command) {
  command->allow_extras();
  command->callback([] {
    throw std::runtime_error(
        "this program was built without pictures, which it needs for that: install "
        "cairo (Debian: libcairo2-dev) and build it again");
  });
}
#endif

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
                             "sgd:lr=10,lion:lr=1 (see `descent optimizers`), line_search among "
                             "them; without it, the ten of the joint race"));
  of_one(command->add_option("--steps", race.steps, "how many")->capture_default_str());
  of_one(command->add_option("--start", race.start, "x,y (--start=-9,2); else the surface's own"));
  of_one(command->add_option("--weight-decay", race.weight_decay, "of all racers, decoupled")
             ->capture_default_str());
  of_one(command->add_option("--noise", race.noise,
                             "scale of the noise on the losses of f0 to f5 (default: 1)"));
  of_one(command->add_flag("--tune", race.tune, "gives each racer the best of 200 learning rates"));
  command->add_option("--seed", race.seed, "of the noise (default: 0)")->check(whole_number);
  auto* const out =
      command->add_option("--out", race.out, "folder (default: out/race or out/gallery)");
  command->add_flag("--force", race.force, "replaces files of the same names in the folder");
  command->callback([out] {
    descent::cli::catch_interrupts();
    if (!out->count()) race.out = gallery ? "out/gallery" : "out/race";
    if (gallery)
      descent::cli::write_gallery(
          {.seed = race.seed.value_or(0), .out = race.out, .force = race.force}, std::cout);
    else
      descent::cli::run_race(race, std::cout);
  });
#else
  needs_pictures(command);
#endif
}

void add_landscape(CLI::App& app) {
  auto* const command = app.add_subcommand(
      "landscape", "draws the loss of a TorchScript network over a plane through its weights");
#ifdef HAS_PICTURES
  static descent::cli::LandscapeSettings settings;
  command->add_option("--model", settings.model, "TorchScript file")->required();
  command
      ->add_option("--data", settings.data,
                   "file of torch.save: {\"input\": x, \"target\": y}, (x, y) or a list of these")
      ->required();
  command->add_option("--loss", settings.loss, "mse, cross_entropy or nll")->required();
  command
      ->add_option("--metrics", settings.metrics, "what is measured beside the loss: accuracy, ...")
      ->delimiter(',');
  command
      ->add_option("--plane", settings.plane,
                   "random, filter (random, filter-normalised), hessian, pca:FOLDER (of weights "
                   "saved in training), line:OTHER.pt, between:B.pt,C.pt")
      ->capture_default_str();
  command->add_option("--norm", settings.norm,
                      "of a random plane: none, filter, layer, weight, dfilter, dlayer");
  command->add_option("--seed", settings.seed, "of what is drawn at random (default: 0)")
      ->check(whole_number);
  command->add_option("--axes", settings.axes,
                      "from:to:points for both axes or for each, -1:1:51,-2:2:31; else what suits "
                      "the plane");
  auto* const log = command->add_flag("--log", settings.log, "heights and colours are logarithms");
  command->add_flag("--linear", settings.linear, "they never are (default: if they spread far)")
      ->excludes(log);
  command
      ->add_option("--batch-norm", settings.batch_norm,
                   "by which statistics: keep, interpolate, recompute or batch")
      ->capture_default_str();
  command->add_option("--path", settings.path, "auto, loop, batched or fused")
      ->capture_default_str();
  command->add_option("--threads", settings.threads, "0: as many as LibTorch uses")
      ->capture_default_str();
  command->add_option(
      "--memory", settings.memory,
      "for what is computed at once (default: 256MiB of networks or snapshots, 1GiB "
      "of vectors for eigenvalues)");
  command->add_option("--weight-decay", settings.weight_decay,
                      "of the training: what it adds to the loss, as a landscape apart");
  command->add_flag("--curvature", settings.curvature,
                    "also eigenvalues, trace and spectrum of the Hessian");
  command->add_flag("--resume", settings.resume, "goes on with what an interrupted run computed");
  command->add_option("--out", settings.out, "folder")->default_val("out/landscape");
  command->add_flag("--force", settings.force, "replaces files of the same names in the folder");
  command->callback([] {
    descent::cli::catch_interrupts();
    descent::cli::run_landscape(settings, std::cout);
  });
#else
  needs_pictures(command);
#endif
}

/// Throws if the first word is no command.
void check_command(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  if (argc < 2) throw std::invalid_argument("no command is given, must be one of " + list);
  const std::string first = argv[1];
  if (first.starts_with("-") || std::count(names.begin(), names.end(), first) > 0) return;
  throw std::invalid_argument("no command is called " + first +
                              descent::did_you_mean(first, names) + " (there are " + list + ")");
}

/// What the command line lacks or has too much of, as one sentence.
std::string about(const CLI::ParseError& error) {
  std::string text = error.what();
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) text += ", must be a number";
  for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos;) text.replace(at, 1, " ");
  return text + " (see --help)";
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
  add_landscape(app);
  try {
    check_command(app, argc, argv);
    app.parse(argc, argv);
    std::cout.flush();
    return std::cout ? 0 : failed("standard output cannot be written");
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    return failed(about(error));
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
