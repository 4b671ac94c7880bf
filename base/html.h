#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace descent {

/// The text with what HTML would take for markup replaced: < > & ".
std::string escaped_html(std::string_view text);

/// The page with each place {{name}} replaced by its text, as it is. Throws std::runtime_error that
/// names a place that the page does not have exactly once.
std::string filled_html(std::string page,
                        const std::vector<std::pair<std::string, std::string>>& texts);

}  // namespace descent
