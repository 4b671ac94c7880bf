#include "library.h"

#include <stdexcept>
#include <string>

#include <dlfcn.h>

namespace descent::cli {

void load_library(const std::filesystem::path& file) {
  // By its path: a name alone would be looked for where the system has its libraries.
  const std::string path = std::filesystem::absolute(file).string();
  if (::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr) return;
  const char* const reason = ::dlerror();
  throw std::runtime_error("--library = " + file.string() +
                           " cannot be loaded: " + (reason ? reason : "no reason is known"));
}

}  // namespace descent::cli
