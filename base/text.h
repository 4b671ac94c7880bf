#pragma once
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>

namespace descent {

/// The fewest digits that read back as the same number: "0.1", "1e-07", "-inf", and "nan" whatever
/// its sign.
std::string digits(double x);

/// Without the spaces around it.
std::string_view trimmed(std::string_view text);

/// "a, b, c", of words of any kind.
template <class Words>
std::string joined(const Words& words) {
  std::string text;
  bool first = true;
  for (const auto& word : words) {
    if (!first) text += ", ";
    first = false;
    text += std::string_view(word);
  }
  return text;
}

/// "a, b or c".
template <class Words>
std::string alternatives(const Words& words) {
  std::string text;
  size_t left = std::size(words);
  for (const auto& word : words) {
    text += text.empty() ? "" : left == 1 ? " or " : ", ";
    text += std::string_view(word);
    --left;
  }
  return text;
}

}  // namespace descent
