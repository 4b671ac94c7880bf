#pragma once
#include <iosfwd>
#include <string>

namespace descent::cli {

/// Every optimizer with its options, or only the one of that name. Throws c10::Error with the
/// nearest names.
void list_optimizers(std::ostream& out, const std::string& name);

/// The same as the table of docs/optimizers.md.
void write_markdown(std::ostream& out, const std::string& name);

}  // namespace descent::cli
