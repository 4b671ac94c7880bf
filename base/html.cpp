#include <algorithm>
#include <stdexcept>

#include <descent/base/html.h>

namespace descent {

std::string escaped_html(std::string_view text) {
  std::string result;
  for (const char c : text)
    if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else if (c == '&')
      result += "&amp;";
    else if (c == '"')
      result += "&quot;";
    else
      result += c;
  return result;
}

std::string filled_html(std::string page,
                        const std::vector<std::pair<std::string, std::string>>& texts) {
  std::vector<std::pair<size_t, const std::pair<std::string, std::string>*>> places;
  for (const auto& text : texts) {
    const std::string place = "{{" + text.first + "}}";
    const size_t at = page.find(place);
    if (at == std::string::npos || page.find(place, at + 1) != std::string::npos)
      throw std::runtime_error("the page must have the place " + place + " exactly once");
    places.emplace_back(at, &text);
  }
  // From the back, so that a text that looks like a place stays a text.
  std::sort(places.begin(), places.end());
  for (auto place = places.rbegin(); place != places.rend(); ++place)
    page.replace(place->first, place->second->first.size() + 4, place->second->second);
  return page;
}

}  // namespace descent
