#include "commands/surfaces.h"

#include <ostream>

#include <descent/base/fields.h>
#include <descent/surfaces/surface.h>

namespace descent::cli {

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

}  // namespace descent::cli
