#include "archive.h"
#include "pickle.h"

/// The input is the pickle in an archive, whose checksums are right whatever it is.
void descent::fuzz::take(std::string_view bytes) { take_pickle(file_of(archive_of(bytes), ".pt")); }
