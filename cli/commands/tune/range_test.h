#pragma once

namespace CLI {
class App;
}

namespace descent::cli {

/// `descent range-test`: trains a network in a file while the rate grows, prints three suggestions
/// and writes the curve.
void add_range_test(CLI::App& command);

}  // namespace descent::cli
