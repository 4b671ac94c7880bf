#include "grid.h"

void descent::fuzz::take(std::string_view bytes) {
  take_grid(bytes, formats::from_csv, formats::to_csv);
}
