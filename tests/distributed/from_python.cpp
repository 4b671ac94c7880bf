// For Python: sums over a group that Python has made. Returns "" or what went wrong.
#include <string>

#include <ATen/ops/from_blob.h>

#include <descent/distributed/world.h>

extern "C" const char* descent_sum(const char* group, float* values, int64_t count, int backend) {
  static std::string error;
  error.clear();
  try {
    auto world = descent::World::from_python(group, {.timeout = std::chrono::minutes(1)});
    world.sum(at::from_blob(values, {count}, at::kFloat),
              backend != 0 ? descent::Sum::Backend : descent::Sum::Ordered);
  } catch (const std::exception& e) {
    error = e.what();
  }
  return error.c_str();
}
