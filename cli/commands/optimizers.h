#pragma once

namespace CLI {
class App;
}

namespace descent::cli {

/// `descent optimizers`: every optimizer with its options, or only one, also as the table of docs.
void add_optimizers(CLI::App& command);

}  // namespace descent::cli
