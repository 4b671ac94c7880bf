#pragma once
#include <chrono>
#include <cstdint>
#include <string>

#include <descent/sharing/store.h>

namespace descent::distributed {

/// The address of this machine by which it reaches `host`. gloo's own choice, what the host's name
/// stands for, is 127.0.1.1 on Debian; where it is such a one, other than "localhost" and addresses in
/// digits, the first address that other machines can reach. Throws WorldError.
std::string own_address(const std::string& host, uint16_t port);

/// A name for this attempt, the same on all ranks. torchrun keeps one store over its restarts, with the
/// keys of earlier attempts in it, and its count of restarts differs between machines. Throws
/// WorldError after the time-out, naming who did not come.
std::string fresh_name(Store store, int rank, int size, std::chrono::milliseconds timeout);

/// Waits until all ranks are here. Throws WorldError, on all ranks that came, naming those who did not,
/// ranks that two processes have, and ranks whose `about` is another than rank 0's.
void meet(Store store, int rank, int size, const std::string& about,
          std::chrono::milliseconds timeout);

}  // namespace descent::distributed
