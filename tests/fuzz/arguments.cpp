#include <string>

#include <arguments.h>  // of the folder cli

#include "fuzz.h"

void descent::fuzz::take(std::string_view bytes) {
  const std::string text(bytes);
  const bool size = text.ends_with("B");
  if (size) {
    expect(cli::bytes_of(text) >= 1, "a size of no bytes");
    return;
  }
  const cli::Axes axes = cli::axes_of(text);
  check(axes.x, "x");
  check(axes.y, "y");
}
