// The program `descent`.
#include <algorithm>
#include <csignal>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <c10/util/Exception.h>
#include <fcntl.h>
#include <signal.h>
#include <torch/version.h>

#include <descent/base/freed_memory.h>
#include <descent/base/nearest.h>
#include <descent/base/text.h>

#include "commands/optimizers.h"
#include "commands/surfaces.h"
#ifdef HAS_PICTURES
#include "commands/landscape/command.h"
#include "commands/map/command.h"
#include "commands/race.h"
#include "commands/tune/command.h"
#include "commands/tune/range_test.h"
#include "output.h"
#include "progress.h"
#endif

namespace {

struct Command {
  const char *name, *help;
  void (*set_up)(CLI::App& command);  // adds its options and what it does
};

using descent::cli::add_optimizers;
using descent::cli::add_surfaces;
#ifdef HAS_PICTURES
using descent::cli::add_landscape;
using descent::cli::add_map;
using descent::cli::add_race;
using descent::cli::add_range_test;
using descent::cli::add_tune;
#else
void refuse(CLI::App& command) {
  command.allow_extras();
  command.callback([] {
    throw std::runtime_error(
        "this program was built without pictures, which it needs for that: install "
        "cairo, cgif and libpng (Debian: libcairo2-dev libcgif-dev libpng-dev) and build it again");
  });
}
constexpr auto add_race = refuse, add_landscape = refuse, add_tune = refuse,
               add_range_test = refuse, add_map = refuse;
#endif

constexpr Command kCommands[] = {
    {"optimizers", "lists the optimizers and their options", add_optimizers},
    {"surfaces", "lists the surfaces of races", add_surfaces},
    {"race", "races optimizers on a surface: pictures, page and numbers", add_race},
    {"landscape", "draws the loss of a network of Python over a plane through its weights",
     add_landscape},
    {"tune", "looks for the options with which an optimizer trains best", add_tune},
    {"map",
     "trains a small network at each point of two hyperparameters, and draws what became of it",
     add_map},
    {"range-test", "looks for a learning rate by one short training", add_range_test},
};

/// Throws if the first word is no command.
void check_command(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  const std::string list = descent::joined(names);
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

/// A pipe that nobody reads any more becomes an error of the write, not the end of the program. A
/// standard stream that is closed is opened for the wrong direction: else the next file would get
/// its number, and what is printed would be written into that file.
void guard_standard_streams() {
  ::signal(SIGPIPE, SIG_IGN);
  for (int stream = 0; stream <= 2; ++stream)
    if (::fcntl(stream, F_GETFD) == -1) ::open("/dev/null", stream == 0 ? O_WRONLY : O_RDONLY);
}

/// What went wrong, as one line.
int failed(const std::string& what, int status = 2) {
  std::cerr << "descent: " << what << '\n';
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  guard_standard_streams();
  descent::keep_freed_memory();
  CLI::App app("Optimizers, races and loss landscapes for LibTorch.");
  app.set_version_flag("--version", "descent " DESCENT_VERSION ", LibTorch " TORCH_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Status: 0 if it was done; 1 if the files were written, but no value is finite; 2 if it\n"
      "could not be done; 130 if it was interrupted. One sentence on standard error says why.");
  for (const Command& command : kCommands)
    command.set_up(*app.add_subcommand(command.name, command.help));
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
  } catch (const descent::cli::NothingFinite& error) {
    return failed(error.what(), 1);
#endif
  } catch (const c10::Error& error) {
    return failed(error.what_without_backtrace());
  } catch (const std::exception& error) {
    return failed(error.what());
  }
}
