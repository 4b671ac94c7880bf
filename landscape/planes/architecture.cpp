#include <descent/landscape/planes/architecture.h>
#include <descent/landscape/planes/weights.h>

namespace descent::landscape {

Architecture architecture(const char* who, const Network& network) {
  Architecture result{parameters_of(network.model()), floating_buffers_of(network.model())};
  check_center(who, result.parameters.names, result.parameters.tensors);
  return result;
}

void check_same(const char* who, const Architecture& a, const Architecture& b) {
  check_same(who, "parameter", a.parameters, b.parameters);
  check_same(who, "buffer", a.buffers, b.buffers);
}

Plane at_center(const Architecture& center) {
  Plane plane;
  plane.names = center.parameters.names;
  plane.aliases = center.parameters.aliases;
  plane.center = copied(center.parameters.tensors);
  return plane;
}

}  // namespace descent::landscape
