#pragma once

namespace CLI {
class App;
}

namespace descent::cli {

/// `descent surfaces`: every surface that has a name, or only one: formula, domain, start, minima.
void add_surfaces(CLI::App& command);

}  // namespace descent::cli
