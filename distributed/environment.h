#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace descent::distributed {

/// Which process of how many this is, and where all of them meet.
struct Place {
  int rank = 0, size = 1;
  std::string host{};
  uint16_t port = 0;
  bool served = false;  ///< torchrun serves the port, else rank 0
};

/// As the variables of the environment say; a world of one if there are none. Throws WorldError naming
/// the variable, what was found in it, and what is allowed.
Place place_in_environment();

/// The network interfaces that GLOO_SOCKET_IFNAME names, as PyTorch reads it: with commas between them.
/// Throws WorldError if this machine has none of such a name.
std::vector<std::string> interfaces_in_environment();

}  // namespace descent::distributed
