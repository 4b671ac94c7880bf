#include "commands/surfaces.h"

#include <iostream>
#include <memory>
#include <ostream>
#include <string>

#include <CLI/CLI.hpp>

#include <descent/base/fields.h>
#include <descent/surfaces/surface.h>

namespace descent::cli {
namespace {

/// Throws std::invalid_argument with the nearest names.
void list_surfaces(std::ostream& out, const std::string& name) {
  for (const Surface& surface :
       name.empty() ? surfaces() : std::vector<Surface>{find_surface(name)}) {
    out << surface.name << "  " << surface.title;
    if (!surface.source.empty()) out << "; " << surface.source;
    out << "\n  " << surface.formula << "\n  x in [" << to_text(surface.x.lo) << ", "
        << to_text(surface.x.hi) << "], y in [" << to_text(surface.y.lo) << ", "
        << to_text(surface.y.hi) << "], start (" << to_text(surface.start.x) << ", "
        << to_text(surface.start.y) << ")\n";
    for (const Minimum& minimum : surface.minima)
      out << "  " << (minimum.global ? "minimum " : "local minimum ") << to_text(minimum.value)
          << " at (" << to_text(minimum.x) << ", " << to_text(minimum.y) << ")\n";
  }
}

}  // namespace

void add_surfaces(CLI::App& command) {
  const auto name = std::make_shared<std::string>();
  command.add_option("name", *name, "only this one");
  command.callback([name] { list_surfaces(std::cout, *name); });
}

}  // namespace descent::cli
