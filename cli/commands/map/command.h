#pragma once

namespace CLI {
class App;
}

namespace descent::cli {

/// `descent map`: trains a small network at each point of two hyperparameters, and draws where it
/// converges and where it does not. What was computed survives an interruption.
void add_map(CLI::App& command);

}  // namespace descent::cli
