#pragma once

namespace CLI {
class App;
}

namespace descent::cli {

/// `descent race`: runs one race, writes its pictures, page and numbers and prints its table; or all
/// races of the gallery.
void add_race(CLI::App& command);

}  // namespace descent::cli
