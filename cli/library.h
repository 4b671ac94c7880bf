#pragma once
#include <filesystem>

namespace descent::cli {

/// Loads a shared library for the rest of the program, whose static objects register operations.
/// Throws std::runtime_error with the path and the reason.
void load_library(const std::filesystem::path& file);

}  // namespace descent::cli
