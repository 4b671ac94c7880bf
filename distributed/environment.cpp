#include <charconv>
#include <cstdlib>
#include <limits>
#include <memory>
#include <sstream>
#include <string_view>

#include <net/if.h>

#include <descent/base/text.h>
#include <descent/distributed/environment.h>
#include <descent/sharing/store.h>

namespace descent::distributed {
namespace {

struct Launcher {
  const char* name;
  const char* rank;
  const char* size;
};
/// The first whose size is set counts. SLURM sets SLURM_PROCID in batch scripts too, but the size of a
/// step only in what srun starts.
constexpr Launcher kLaunchers[] = {
    {"torchrun or by hand", "RANK", "WORLD_SIZE"},
    {"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
    {"PMI", "PMI_RANK", "PMI_SIZE"},
    {"SLURM", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"},
};

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

int number_in(const char* name, int least, int most) {
  const std::string_view text = variable(name);
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || value < least ||
      value > most)
    throw WorldError(
        "World: " + std::string(name) + (text.empty() ? " is not set" : "=" + std::string(text)) +
        ", must be an integer in [" + std::to_string(least) + ", " + std::to_string(most) + "]");
  return value;
}

std::vector<std::string> all_interfaces() {
  std::vector<std::string> names;
  const std::unique_ptr<struct if_nameindex, decltype(&::if_freenameindex)> list(
      ::if_nameindex(), ::if_freenameindex);
  for (const struct if_nameindex* at = list.get(); at != nullptr && at->if_index != 0; ++at)
    names.emplace_back(at->if_name);
  return names;
}

}  // namespace

Place place_in_environment() {
  constexpr int kMany = std::numeric_limits<int>::max() - 1;
  Place place;
  for (const Launcher& launcher : kLaunchers) {
    const bool is_first = &launcher == kLaunchers;
    if (variable(launcher.size).empty() && !(is_first && !variable(launcher.rank).empty()))
      continue;
    place.size = number_in(launcher.size, 1, kMany);
    place.rank = number_in(launcher.rank, 0, place.size - 1);
    if (place.size == 1) return place;
    place.host = variable("MASTER_ADDR");
    if (place.host.empty())
      throw WorldError(
          "World: rank " + std::to_string(place.rank) + " of " + std::to_string(place.size) + " (" +
          launcher.name +
          "): MASTER_ADDR is not set, must be the machine of rank 0, by name or address");
    place.port = static_cast<uint16_t>(number_in("MASTER_PORT", 1, 65535));
    place.served = variable("TORCHELASTIC_USE_AGENT_STORE") == "True";
    return place;
  }
  return place;
}

std::vector<std::string> interfaces_in_environment() {
  std::vector<std::string> names;
  std::istringstream list{std::string(variable("GLOO_SOCKET_IFNAME"))};
  for (std::string name; std::getline(list, name, ',');)
    if (!name.empty()) names.push_back(name);
  for (const std::string& name : names)
    if (::if_nametoindex(name.c_str()) == 0)
      throw WorldError("GLOO_SOCKET_IFNAME names " + name +
                       ", must be interfaces of this machine: " + joined(all_interfaces()));
  return names;
}

}  // namespace descent::distributed
