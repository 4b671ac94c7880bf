#pragma once

namespace CLI {
class App;
}

namespace descent::cli {

/// `descent landscape`: computes the landscape of a network in a file, writes its numbers, pictures
/// and page, and prints what there is to see. What was computed survives an interruption.
void add_landscape(CLI::App& command);

}  // namespace descent::cli
