#include <descent/landscape/data/data_file.h>

#include "fuzz.h"

/// The input is a whole file of numpy.savez.
void descent::fuzz::take(std::string_view bytes) { load_data(file_of(bytes, ".npz")); }
