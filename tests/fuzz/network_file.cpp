#include <descent/networks/saved_network.h>

#include "fuzz.h"

/// The input is a whole file of torch.export.
void descent::fuzz::take(std::string_view bytes) { load_network(file_of(bytes, ".pt2")); }
