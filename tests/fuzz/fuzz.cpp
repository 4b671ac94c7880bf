#include "fuzz.h"

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <typeinfo>

#include <sanitizer/allocator_interface.h>
#include <unistd.h>

namespace descent::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr size_t kTimes = 4;
std::atomic<size_t> most = std::numeric_limits<size_t>::max();

void check_allocation(const volatile void*, size_t size) {
  if (size <= most) return;
  most = std::numeric_limits<size_t>::max();  // the report may allocate what it needs
  std::fprintf(stderr, "fuzz: %zu bytes are allocated at once\n", size);
  std::abort();
}

/// c10::Error and its kinds, which this file must not need.
bool is_libtorchs(const std::exception& error) {
  return std::string_view(typeid(error).name()).starts_with("N3c10");
}

/// Whether an exception is one that readers promise. Types that derive from the standard ones, such
/// as those of std::filesystem, are not promised.
bool is_refusal(const std::exception& error) {
  const std::type_info& type = typeid(error);
  return type == typeid(std::runtime_error) || type == typeid(std::invalid_argument) ||
         is_libtorchs(error);
}

void remove_folder() {
  std::error_code ignored;
  fs::remove_all(folder(), ignored);
}

}  // namespace

__attribute__((weak)) size_t always() { return size_t{1} << 20; }

void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

const fs::path& folder() {
  static const fs::path path = [] {
    // In memory where that can be had: an input may be one of a million.
    const fs::path memory = "/dev/shm";
    const fs::path parent =
        ::access(memory.c_str(), W_OK) == 0 ? memory : fs::temp_directory_path();
    std::string name = (parent / "descent-fuzz-XXXXXX").string();
    expect(::mkdtemp(name.data()) != nullptr, "a folder for inputs cannot be made");
    return fs::path(name);
  }();
  return path;
}

fs::path file_of(std::string_view bytes, std::string_view ending) {
  const fs::path path = folder() / ("input" + std::string(ending));
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  expect(file.good(), "an input cannot be written to a file");
  return path;
}

}  // namespace descent::fuzz

// LibTorch's reader of archives loses the directory of records when its constructor throws.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:mz_zip_reader_init\nleak:mz_zip_reader_read_central_dir\n";
}

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  descent::fuzz::folder();
  std::atexit(descent::fuzz::remove_folder);
  __sanitizer_install_malloc_and_free_hooks(descent::fuzz::check_allocation,
                                            [](const volatile void*) {});
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace descent::fuzz;
  most = kTimes * size + always();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    take(bytes);
  } catch (const std::exception& error) {
    if (!is_refusal(error)) {
      std::fprintf(stderr, "fuzz: a reader threw %s: %s\n", typeid(error).name(), error.what());
      std::abort();
    }
    const std::string_view says = error.what();
    expect(!says.empty(), "a refusal without a word");
    constexpr std::string_view kCalls = "(most recent call first)";
    expect(
        is_libtorchs(error) || says.find(kCalls) == says.npos || bytes.find(kCalls) != bytes.npos,
        "a refusal with LibTorch's list of calls");
  }
  most = std::numeric_limits<size_t>::max();
  return 0;
}
