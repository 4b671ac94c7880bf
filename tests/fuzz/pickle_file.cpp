#include "pickle.h"

/// The input is the whole archive.
void descent::fuzz::take(std::string_view bytes) { take_pickle(file_of(bytes, ".pt")); }
