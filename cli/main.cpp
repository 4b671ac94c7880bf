// The program `descent`.
#include <iostream>

#include <CLI/CLI.hpp>
#include <c10/util/Exception.h>
#include <torch/version.h>

#include "optimizers.h"

int main(int argc, char** argv) {
  CLI::App app("Optimizers and loss landscapes for LibTorch.");
  app.set_version_flag("--version", "descent " DESCENT_VERSION ", LibTorch " TORCH_VERSION);
  app.require_subcommand(1);

  auto* const optimizers =
      app.add_subcommand("optimizers", "lists the optimizers and their options");
  std::string name;
  bool markdown = false;
  optimizers->add_option("name", name, "only this one");
  optimizers->add_flag("--markdown", markdown, "as the table of the README");
  optimizers->callback([&] {
    if (markdown)
      descent::cli::write_markdown(std::cout, name);
    else
      descent::cli::list_optimizers(std::cout, name);
  });

  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const c10::Error& error) {
    std::cerr << "descent: " << error.what_without_backtrace() << '\n';
  } catch (const std::exception& error) {
    std::cerr << "descent: " << error.what() << '\n';
  }
  return 1;
}
