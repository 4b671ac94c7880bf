#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <descent/base/text.h>
#include <descent/distributed/meeting.h>

namespace descent::distributed {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

std::string digits_of(const sockaddr* address, socklen_t length) {
  char text[NI_MAXHOST];
  const bool known =
      ::getnameinfo(address, length, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0;
  return known ? text : "";
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1";
}

bool is_in_digits(const std::string& host) {
  in6_addr ignored;
  return ::inet_pton(AF_INET, host.c_str(), &ignored) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

/// The first address of this machine that others can reach; "" if it has none.
std::string outer_address() {
  ifaddrs* found = nullptr;
  if (::getifaddrs(&found) != 0) return "";
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list(found, ::freeifaddrs);
  for (const ifaddrs* at = found; at != nullptr; at = at->ifa_next)
    if (at->ifa_addr != nullptr && at->ifa_addr->sa_family == AF_INET &&
        (at->ifa_flags & IFF_RUNNING) != 0 && (at->ifa_flags & IFF_LOOPBACK) == 0)
      return digits_of(at->ifa_addr, sizeof(sockaddr_in));
  return "";
}

}  // namespace

std::string own_address(const std::string& host, uint16_t port) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_DGRAM;
  if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
      error != 0)
    throw WorldError("MASTER_ADDR=" + host + ": " + ::gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, ::freeaddrinfo);
  // Nothing is sent: the system only says which of its addresses it would send from.
  sockaddr_storage own{};
  auto* const address = reinterpret_cast<sockaddr*>(&own);
  socklen_t length = sizeof own;
  const int fd = ::socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool known = fd >= 0 && ::connect(fd, found->ai_addr, found->ai_addrlen) == 0 &&
                     ::getsockname(fd, address, &length) == 0;
  if (fd >= 0) ::close(fd);
  const std::string text = known ? digits_of(address, length) : "";
  if (text.empty())
    throw WorldError("MASTER_ADDR=" + host + ": this machine has no network that leads there");
  if (!is_loopback(text) || host == "localhost" || is_in_digits(host)) return text;
  const std::string outer = outer_address();
  return outer.empty() ? text : outer;
}

std::string fresh_name(Store store, int rank, int size, std::chrono::milliseconds timeout) {
  // Rank 0 draws the name, and tells it to those who ask under a number that they have drawn
  // themselves. Numbers that are left of dead processes get answers that nobody reads.
  std::random_device random;
  const std::string own = std::to_string((uint64_t{random()} << 32) | random());
  const auto ask = [](int r) { return "ask/" + std::to_string(r); };
  const auto joined = [](const std::string& name, int r) {
    return name + "/joined/" + std::to_string(r);
  };
  if (rank > 0) {
    store.set(ask(rank), own);
    const std::string answer = "answer/" + own;
    try {
      store.wait({answer}, timeout);
    } catch (const WorldError&) {
      throw WorldError("rank 0 did not come");
    }
    const std::string name = store.get(answer);
    store.set(joined(name, rank), "1");
    return name;
  }
  std::vector<std::string> all;
  for (int r = 1; r < size; ++r) all.push_back(joined(own, r));
  std::set<std::string> answered;
  const auto end = Clock::now() + timeout;
  while (!store.has_all(all)) {
    if (Clock::now() > end) {
      std::vector<std::string> missing;
      for (int r = 1; r < size; ++r)
        if (!store.has(joined(own, r))) missing.push_back(std::to_string(r));
      throw WorldError("these ranks did not come: " + descent::joined(missing));
    }
    for (int r = 1; r < size; ++r) {
      if (!store.has(ask(r))) continue;
      const std::string question = store.get(ask(r));
      if (answered.insert(question).second) store.set("answer/" + question, own);
    }
    std::this_thread::sleep_for(5ms);
  }
  return own;
}

void meet(Store store, int rank, int size, const std::string& about,
          std::chrono::milliseconds timeout) {
  std::vector<std::string> here;
  for (int r = 0; r < size; ++r) here.push_back("here/" + std::to_string(r));
  const auto missing = [&] {
    std::vector<std::string> ranks;
    for (int r = 0; r < size; ++r)
      if (!store.has(here[r])) ranks.push_back(std::to_string(r));
    return "these ranks did not come: " + joined(ranks);
  };
  const std::string verdict = "verdict";
  // Who comes second under a rank is known at once, and whoever is first to say so is heard.
  if (store.add("count/" + std::to_string(rank), 1) > 1) {
    const std::string problem = "two processes are rank " + std::to_string(rank);
    store.set(verdict, problem);
    throw WorldError(problem);
  }
  store.set(here[rank], about);

  std::string problem;
  if (rank == 0) {
    const auto end = Clock::now() + timeout;
    while (!store.has_all(here) && !store.has(verdict) && Clock::now() < end)
      std::this_thread::sleep_for(5ms);
    if (!store.has_all(here)) problem = missing();
    for (int r = 1; r < size && problem.empty(); ++r) {
      const std::string theirs = store.get(here[r]);
      if (theirs != about)
        problem = "rank 0 is " + about + ", but rank " + std::to_string(r) + " is " + theirs;
    }
    if (!store.has(verdict)) store.set(verdict, problem);
  } else {
    try {
      store.wait({verdict}, timeout + 1s);  // rank 0 says it if it is here
    } catch (const WorldError&) {
      throw WorldError(missing());
    }
  }
  problem = store.get(verdict);
  if (problem.empty()) return;
  // The store ends with rank 0, who therefore waits a moment for the others to hear it.
  const auto heard = [](int r) { return "heard/" + std::to_string(r); };
  store.set(heard(rank), "1");
  const auto end = Clock::now() + 2s;
  for (int r = 1; r < size && rank == 0; ++r)
    while (store.has(here[r]) && !store.has(heard(r)) && Clock::now() < end)
      std::this_thread::sleep_for(5ms);
  throw WorldError(problem);
}

}  // namespace descent::distributed
