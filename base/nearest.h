#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace descent {

/// The up to three candidates that a misspelt `name` most likely meant, best first (edit distance,
/// case ignored); empty when nothing is near.
std::vector<std::string> nearest(std::string_view name, const std::vector<std::string>& candidates);

/// ", did you mean a, b or c?" or "" when nothing is near: the tail of an error message.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace descent
