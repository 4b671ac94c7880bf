#pragma once

namespace CLI {
class App;
}

namespace descent::cli {

/// `descent tune`: looks for the options with which an optimizer ends at the lowest loss, on a
/// surface or on a network in a file; writes the study, its numbers and pictures, and prints the
/// best. What has been tried survives an interruption.
void add_tune(CLI::App& command);

}  // namespace descent::cli
