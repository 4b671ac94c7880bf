#include <algorithm>
#include <cctype>
#include <numeric>
#include <utility>

#include <descent/base/nearest.h>

namespace descent {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

/// Levenshtein's distance: the fewest insertions, deletions and replacements that turn a into b.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

std::vector<std::string> nearest(std::string_view name,
                                 const std::vector<std::string>& candidates) {
  const std::string wanted = lower(name);
  std::vector<std::pair<size_t, std::string>> ranked;
  for (const auto& candidate : candidates) {
    const std::string known = lower(candidate);
    const bool contains = !wanted.empty() && (known.find(wanted) != std::string::npos ||
                                              wanted.find(known) != std::string::npos);
    const size_t d = distance(wanted, known);
    if (contains || d <= std::max<size_t>(2, wanted.size() / 3)) ranked.emplace_back(d, candidate);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  // Two edits change half of a short name.
  if (wanted.size() < 5)
    std::erase_if(ranked, [best = ranked.empty() ? 0 : ranked.front().first](const auto& found) {
      return found.first > best;
    });
  std::vector<std::string> result;
  for (size_t i = 0; i < ranked.size() && i < 3; ++i) result.push_back(std::move(ranked[i].second));
  return result;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates) {
  const auto near = nearest(name, candidates);
  if (near.empty()) return "";
  std::string text = ", did you mean ";
  for (size_t i = 0; i < near.size(); ++i)
    text += (i == 0 ? "" : i + 1 == near.size() ? " or " : ", ") + near[i];
  return text + "?";
}

}  // namespace descent
