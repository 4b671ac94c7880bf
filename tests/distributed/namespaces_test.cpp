// Worlds whose ranks are machines of their own, as far as the network goes: a namespace each, with a
// cable to one switch that can be slow, and be pulled out. They need root and the programs ip and tc.
#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <torch/types.h>
#include <unistd.h>

#include <descent/distributed.h>

#include "../processes.h"

namespace namespaces_test {
namespace {

using namespace std::chrono_literals;
using descent::World;
using descent::WorldError;
using processes::Arguments;
using processes::Ended;
using processes::Role;
using processes::Running;
using processes::say;
using testing::HasSubstr;

/// sums NAMESPACE TIMEOUT CALLS NUMBERS [HOSTS]: sums so many numbers again and again, and says which call
/// it has come to. HOSTS takes the place of /etc/hosts.
const Role sums("sums in a namespace", [](const Arguments& arguments) {
  const int file = ::open(("/run/netns/" + arguments.at(0)).c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 || ::setns(file, CLONE_NEWNET) != 0)
    throw std::runtime_error("cannot enter the namespace " + arguments.at(0));
  ::close(file);
  if (arguments.size() > 4 &&
      (::unshare(CLONE_NEWNS) != 0 ||
       ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
       ::mount(arguments[4].c_str(), "/etc/hosts", nullptr, MS_BIND, nullptr) != 0))
    throw std::runtime_error("cannot have names of hosts of its own");
  auto world =
      World::from_environment({.timeout = std::chrono::seconds(std::stoi(arguments.at(1)))});
  for (int call = 1; call <= std::stoi(arguments.at(2)); ++call) {
    at::Tensor x = at::full({std::stoll(arguments.at(3))}, world.rank() + call);
    world.sum(x);
    const int ranks = world.size();
    if (!x.equal(at::full_like(x, ranks * (ranks - 1) / 2 + ranks * call)))
      throw std::runtime_error("call " + std::to_string(call) + " has a wrong sum");
    say("call " + std::to_string(call) + ".");
    std::this_thread::sleep_for(2ms);
  }
  world.barrier();
  say("all right");
});

class Cables : public testing::Test {
 protected:
  static constexpr int kRanks = 3;

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "namespaces need root";
    for (const std::string program : {"ip", "tc"})
      if (!does("command -v " + program)) GTEST_SKIP() << "there is no program " << program;
    if (!does("ip netns add " + switch_)) GTEST_SKIP() << "this system makes no namespaces";
    made_ = true;
    must("ip -n " + switch_ + " link add name switch type bridge");
    must("ip -n " + switch_ + " link set switch up");
    for (int rank = 0; rank < kRanks; ++rank) {
      must("ip netns add " + machine(rank));
      must("ip -n " + machine(rank) + " link add cable type veth peer name " + port(rank) +
           " netns " + switch_);
      must("ip -n " + switch_ + " link set " + port(rank) + " master switch up");
      must("ip -n " + machine(rank) + " addr add " + address(rank) + "/24 dev cable");
      for (const char* const link : {"lo", "cable"})
        must("ip -n " + machine(rank) + " link set " + link + " up");
    }
  }
  void TearDown() override {
    if (!made_) return;
    for (int rank = 0; rank < kRanks; ++rank) does("ip netns del " + machine(rank));
    does("ip netns del " + switch_);
  }

  /// Whether the shell could do it.
  static bool does(const std::string& command) {
    return std::system((command + " > /dev/null 2>&1").c_str()) == 0;
  }
  static void must(const std::string& command) {
    if (!does(command)) throw std::runtime_error("cannot do: " + command);
  }
  void set_cable(int rank, const char* state) const {
    must("ip -n " + switch_ + " link set " + port(rank) + " " + state);
  }
  std::string machine(int rank) const { return switch_ + "-" + std::to_string(rank); }
  static std::string port(int rank) { return "port" + std::to_string(rank); }
  static std::string address(int rank) { return "10.77.0." + std::to_string(rank + 1); }

  void start(int timeout, int calls, int numbers) {
    for (int rank = 0; rank < kRanks; ++rank) start_one(rank, timeout, calls, numbers);
  }
  void start_one(int rank, int timeout, int calls, int numbers, const std::string& hosts = "") {
    processes::Variables variables = processes::place(rank, kRanks, /*port=*/29500);
    variables["MASTER_ADDR"] = hosts.empty() ? address(0) : "first";
    Arguments arguments{machine(rank), std::to_string(timeout), std::to_string(calls),
                        std::to_string(numbers)};
    if (!hosts.empty()) arguments.push_back(hosts);
    running_.start("sums in a namespace", arguments, variables);
  }
  void expect_all_right() {
    for (int rank = 0; rank < kRanks; ++rank) {
      const Ended ended = running_.end(rank);
      EXPECT_EQ(ended.code, 0) << ended.said;
      EXPECT_THAT(ended.said, HasSubstr("all right"));
    }
  }

  Running running_;

 private:
  const std::string switch_ = "descent-" + std::to_string(::getpid());
  bool made_ = false;
};

TEST_F(Cables, MayBeOutForAMoment) {
  start(/*timeout=*/60, /*calls=*/300, /*numbers=*/20000);
  running_.await(0, "call 50.");
  set_cable(1, "down");
  std::this_thread::sleep_for(1500ms);
  set_cable(1, "up");
  expect_all_right();
}

TEST_F(Cables, ThatStayOutAreNamedAtTheTimeOut) {
  start(/*timeout=*/5, /*calls=*/1000000, /*numbers=*/20000);
  running_.await(0, "call 50.");
  set_cable(2, "down");
  for (int rank = 0; rank < kRanks; ++rank) {
    const Ended ended = running_.end(rank);
    EXPECT_EQ(ended.code, 1);
    EXPECT_LT(ended.seconds, 60);
    EXPECT_THAT(ended.said, HasSubstr("World: rank " + std::to_string(rank) + " of 3 in sum of"));
    if (rank < 2) {
      EXPECT_THAT(ended.said, HasSubstr("no answer from rank 2"));
    }
  }
}

TEST_F(Cables, ThatAreCutWhileOthersAreAwaitedEndAtTheTimeOut) {
  // The last rank does not come, so the others are still meeting.
  for (const int rank : {0, 1}) start_one(rank, /*timeout=*/8, 1, 1);
  std::this_thread::sleep_for(4s);
  set_cable(1, "down");
  for (const int rank : {0, 1}) {
    const Ended ended = running_.end(rank);
    EXPECT_EQ(ended.code, 1);
    EXPECT_LT(ended.seconds, 40);
    EXPECT_THAT(ended.said, HasSubstr(rank == 0 ? "these ranks did not come: 2"
                                                : "no answer from rank 0, who serves the store"));
  }
}

TEST_F(Cables, LeadToARankWhoseOwnNameIsALoopback) {
  // As on Debian, where the name of a machine stands for 127.0.1.1 on itself.
  const processes::Folder folder;
  for (int rank = 0; rank < kRanks; ++rank) {
    const auto hosts = folder / ("hosts" + std::to_string(rank));
    std::ofstream(hosts) << (rank == 0 ? "127.0.1.1" : address(0)) << " first\n";
    start_one(rank, /*timeout=*/20, /*calls=*/5, /*numbers=*/100, hosts);
  }
  expect_all_right();
}

TEST_F(Cables, MayBeSlowAndLosePackets) {
  // A queue of a few packets at 50 Mbit/s drops what is more; where the kernel knows netem, a cable
  // loses some and delays all as well.
  for (int rank = 0; rank < kRanks; ++rank) {
    const std::string here = "tc -n " + machine(rank) + " qdisc add dev cable root ";
    if (rank == 1 && does(here + "netem delay 5ms loss 2%")) continue;
    if (!does(here + "tbf rate 50mbit burst 5kb limit 15kb"))
      GTEST_SKIP() << "this kernel has no tbf";
  }
  start(/*timeout=*/60, /*calls=*/20, /*numbers=*/50000);
  expect_all_right();
}

}  // namespace
}  // namespace namespaces_test
