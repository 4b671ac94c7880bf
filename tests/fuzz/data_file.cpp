#include <descent/landscape/data/data_file.h>

#include "archive.h"
#include "fuzz.h"

/// The input is the pickle in an archive, whose checksums are right whatever it is.
void descent::fuzz::take(std::string_view bytes) { load_data(file_of(archive_of(bytes), ".pt")); }
