// For Python: sums over a group that Python has made, by our own connections (way 0), by the group (1), or
// by gloo in a twin (2). Returns "" or what went wrong.
#include <string>

#include <ATen/ops/from_blob.h>

#include <descent/distributed/world.h>

extern "C" const char* descent_sum(const char* group, float* values, int64_t count, int way) {
  static std::string error;
  error.clear();
  try {
    auto world = descent::World::from_python(group, {.timeout = std::chrono::minutes(1)});
    const at::Tensor tensor = at::from_blob(values, {count}, at::kFloat);
    if (way == 2)
      world.twin().sum(tensor, descent::Sum::Backend);
    else
      world.sum(tensor, way == 1 ? descent::Sum::Backend : descent::Sum::Ordered);
  } catch (const std::exception& e) {
    error = e.what();
  }
  return error.c_str();
}
