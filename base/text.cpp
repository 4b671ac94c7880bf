#include <charconv>
#include <cmath>

#include <descent/base/text.h>

namespace descent {

std::string digits(double x) {
  if (std::isnan(x)) return "nan";
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, x).ptr};
}

}  // namespace descent
