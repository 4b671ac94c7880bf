#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <commands/landscape/command.h>  // of the folder cli
#include <commands/optimizers.h>
#include <commands/race.h>
#include <commands/surfaces.h>

#include "fuzz.h"

namespace {
struct WasRead {};
}  // namespace

/// The input is a command line, one argument a line. It is read, and what it asks for is not done.
void descent::fuzz::take(std::string_view text) {
  CLI::App app;
  app.require_subcommand(1);
  app.parse_complete_callback([] { throw WasRead(); });  // ahead of what the command does
  cli::add_optimizers(*app.add_subcommand("optimizers"));
  cli::add_surfaces(*app.add_subcommand("surfaces"));
  cli::add_race(*app.add_subcommand("race"));
  cli::add_landscape(*app.add_subcommand("landscape"));

  std::vector<std::string> arguments(1);
  for (const char letter : text) {
    if (letter == '\n')
      arguments.emplace_back();
    else
      arguments.back() += letter;
  }
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes a list
  try {
    app.parse(arguments);
  } catch (const WasRead&) {
  } catch (const CLI::Success&) {  // --help
  } catch (const CLI::ParseError& error) {
    throw std::invalid_argument(error.what());
  }
}
