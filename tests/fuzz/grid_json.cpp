#include "grid.h"

void descent::fuzz::take(std::string_view bytes) {
  take_grid(bytes, formats::from_json, formats::to_json);
}
