// Worlds of several processes: what the collectives compute, and what becomes of everybody when one
// rank does not take part as it should.
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <torch/types.h>

#include <descent/distributed.h>
#include <descent/distributed/c10d.h>
#include <descent/distributed/environment.h>
#include <descent/distributed/meeting.h>
#include <descent/distributed/tree.h>

#include "../processes.h"

namespace world_test {
namespace {

using namespace std::chrono_literals;
using descent::Sum;
using descent::World;
using descent::WorldError;
using processes::Arguments;
using processes::Ended;
using processes::Role;
using processes::Running;
using processes::say;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using testing::ThrowsMessage;

void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

// What rank r brings to a call, the same on whatever rank it is computed.
at::Tensor brought(int rank, int64_t count, at::ScalarType type) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(1000 + rank + count);
  if (at::isIntegralType(type, false)) return at::randint(-50, 50, {count}, generator, type);
  return at::randn({count}, generator, at::kDouble).to(type);
}

at::Tensor tree(int size, int64_t count, at::ScalarType type) {
  std::vector<at::Tensor> all;
  for (int rank = 0; rank < size; ++rank) all.push_back(brought(rank, count, type));
  for (int stride = 1; stride < size; stride *= 2)
    for (int i = 0; i + stride < size; i += 2 * stride) all[i] = all[i] + all[i + stride];
  return all[0];
}

const Role collectives("collectives", [](const Arguments& arguments) {
  auto world =
      World::from_environment({.timeout = 60s, .direct_up_to = std::stoi(arguments.at(0))});
  const int n = world.size(), me = world.rank();
  // What several segments make up; over rows and columns, of which pieces are cut anew, fewer do.
  const int64_t large = arguments.at(0) == "64" ? 1000001 : 140001;
  for (const auto type : {at::kFloat, at::kDouble, at::kLong, at::kBFloat16}) {
    for (const int64_t count : {int64_t{0}, int64_t{1}, int64_t{n - 1}, int64_t{n + 1}, large}) {
      const std::string about = std::string(c10::toString(type)) + " " + std::to_string(count);
      at::Tensor x = brought(me, count, type);
      world.sum(x);
      require(x.equal(tree(n, count, type)), "sum " + about);
      for (int from = 0; from < n; ++from) {
        x = brought(me, count, type);
        world.broadcast(x, from);
        require(x.equal(brought(from, count, type)), "broadcast " + about);
      }
      std::vector<int64_t> bounds{0};
      for (int r = 1; r < n; ++r) bounds.push_back(count * r * r / (n * n));
      bounds.push_back(count);
      x = brought(me, count, type);
      world.gather_pieces(x, bounds);
      for (int r = 0; r < n; ++r)
        require(x.slice(0, bounds[r], bounds[r + 1])
                    .equal(brought(r, count, type).slice(0, bounds[r], bounds[r + 1])),
                "gather_pieces " + about);
      std::vector<at::Tensor> tensors;
      std::vector<int> owners;
      for (int k = 0; k < 2 * n; ++k) {
        tensors.push_back(brought(me, k % 2 == 0 ? count : 3, type));
        owners.push_back(k * k % n);
      }
      world.gather(tensors, owners);
      for (int k = 0; k < 2 * n; ++k)
        require(tensors[k].equal(brought(owners[k], tensors[k].numel(), type)), "gather " + about);
      if (at::isFloatingType(type)) {
        x = brought(me, count, type);
        world.mean(x);
        require(x.equal(tree(n, count, type) / n), "mean " + about);
      }
    }
  }
  at::Tensor x = brought(me, 1000, at::kFloat);
  world.sum(x, Sum::Backend);
  require(x.allclose(tree(n, 1000, at::kFloat), 1e-4, 1e-5), "sum by the backend");

  at::Tensor square = brought(me, 1200, at::kFloat).view({30, 40});
  at::Tensor columns = square.t().slice(1, 0, 30, 2);
  world.sum(columns);
  const at::Tensor expected = tree(n, 1200, at::kFloat).view({30, 40});
  require(columns.equal(expected.t().slice(1, 0, 30, 2)), "sum of a view");
  require(square[1].equal(brought(me, 1200, at::kFloat).view({30, 40})[1]),
          "what is beside a view");

  at::Tensor parameter = brought(me, 10, at::kFloat).requires_grad_();
  world.broadcast(parameter);
  require(parameter.is_leaf() && parameter.equal(brought(0, 10, at::kFloat)), "a parameter");

  // The twin is used by another thread, out of step with the first.
  World twin = world.twin();
  at::Tensor y = brought(me, 5000, at::kFloat);
  std::thread other([&] {
    for (int i = 0; i < 20; ++i) twin.broadcast(y, i % n);
    twin.sum(y);
  });
  for (int i = 0; i < 20; ++i) {
    x = brought(me, 100 * i, at::kFloat);
    world.sum(x);
    require(x.equal(tree(n, 100 * i, at::kFloat)), "sum beside a twin");
  }
  other.join();
  at::Tensor same = brought(0, 5000, at::kFloat);
  for (int stride = 1; stride < n; stride *= 2) same = same * (n > stride ? 2 : 1);
  if (n == 4 || n == 2) require(y.equal(same), "sum of a twin");

  descent::Store store = world.store();
  store.set("of " + std::to_string(me), std::to_string(me * me));
  for (int r = 0; r < n; ++r)
    require(store.get("of " + std::to_string(r)) == std::to_string(r * r), "the store");
  store.add("sum", me + 1);
  const std::string first = store.set_once("first", "by " + std::to_string(me));
  world.barrier();
  require(store.get("first") == first, "who was first");
  require(store.add("sum", 0) == n * (n + 1) / 2, "the barrier");
  world.barrier();
  say("all right");
});

void expect_all_right(const std::vector<Ended>& all) {
  for (const Ended& ended : all) {
    EXPECT_EQ(ended.code, 0);
    EXPECT_EQ(ended.signal, 0);
    EXPECT_EQ(ended.said, "all right\n");
  }
}

TEST(World, ComputesWhatOneProcessWould) {
  for (const int size : {1, 2, 3, 4})
    expect_all_right(processes::world("collectives", size, {"64"}));
}

/// Leaves when it has met the others, who may still be connecting.
const Role leaves("leaves at once", [](const Arguments&) {
  auto world = World::from_environment({.timeout = 60s});
  world.twin();
  say("all right");
});

TEST(World, MayBeLeftAtOnce) {
  for (int round = 0; round < 5; ++round) expect_all_right(processes::world("leaves at once", 4));
}

TEST(World, GivesTheSameBitsOverRowsAndColumns) {
  for (const int size : {4, 6}) expect_all_right(processes::world("collectives", size, {"1"}));
}

TEST(World, AddsAsABalancedTree) {
  // 1e8 swallows a 4 in float32; what is left shows who was added to whom.
  std::vector<std::vector<float>> values{{4}, {1e8F}, {-1e8F}, {4}, {1}};
  std::vector<float*> parts;
  for (auto& value : values) parts.push_back(value.data());
  float out = 0;
  descent::distributed::sum_tree(parts, 1, &out);
  EXPECT_EQ(out, (4.F + 1e8F) + (-1e8F + 4.F) + 1.F);
  EXPECT_NE(out, 4.F + (1e8F + -1e8F) + 4.F + 1.F);
}

TEST(World, OfOneNeedsNobody) {
  auto world = World::from_environment();
  EXPECT_EQ(world.size(), 1);
  const at::Tensor x = at::ones({3});
  world.sum(x);
  world.mean(x);
  world.broadcast(x);
  world.gather_pieces(x, {0, 3});
  world.gather({x}, {0});
  world.barrier();
  world.twin().sum(x);
  EXPECT_TRUE(x.equal(at::ones({3})));
  world.store().set("a", "b");
  EXPECT_EQ(world.store().get("a"), "b");
}

TEST(World, RefusesTensorsThatItCannotSend) {
  auto world = World::from_environment();
  const auto refuses = [&](const at::Tensor& x, const char* text) {
    EXPECT_THAT([&] { world.sum(x); }, ThrowsMessage<c10::Error>(HasSubstr(text)));
  };
  refuses(at::Tensor(), "World::sum: the tensor is undefined");
  refuses(at::empty({2}, at::kMeta), "the tensor is on meta, must be on the CPU");
  refuses(at::ones({2}).to_sparse(), "must be dense");
  refuses(at::ones({2}, at::kBool), "the tensor is Bool, must hold real numbers");
  refuses(at::ones({2}, at::kComplexFloat), "is ComplexFloat, must hold real numbers");
  refuses(at::ones({2}).to(at::kFloat8_e4m3fn), "is Float8_e4m3fn, must hold real numbers");
  EXPECT_THAT([&] { world.sum(at::ones({2}, at::kShort), Sum::Backend); },
              ThrowsMessage<c10::Error>(HasSubstr("Short (not by the backend)")));
  EXPECT_THAT([&] { world.mean(at::ones({2}, at::kLong)); },
              ThrowsMessage<c10::Error>(HasSubstr("World::mean: the tensor is Long")));
  EXPECT_THAT([&] { world.broadcast(at::ones({2}), 1); },
              ThrowsMessage<c10::Error>(HasSubstr("rank 1, must be in [0, 0]")));
  EXPECT_THAT(
      [&] {
        world.gather_pieces(at::ones({2}), {0, 1});
      },
      ThrowsMessage<c10::Error>(HasSubstr("bounds must be 2 rising numbers from 0 to 2")));
  const auto does_not_gather = [&](const at::Tensor& x, int owner, const char* text) {
    EXPECT_THAT([&] { world.gather({x}, {owner}); }, ThrowsMessage<c10::Error>(HasSubstr(text)));
  };
  does_not_gather(at::ones({2}), 1, "World::gather: owner 1, must be in [0, 0]");
  does_not_gather(at::ones({2, 2}).t().slice(0, 0, 1), 0, "tensor 0 must be contiguous");
  EXPECT_THAT([&] { world.gather({at::ones({2})}, {}); },
              ThrowsMessage<c10::Error>(HasSubstr("1 tensors and 0 owners")));
}

class Environment : public testing::Test {
 protected:
  void set(const char* name, const char* value) {
    ::setenv(name, value, 1);
    names_.push_back(name);
  }
  void TearDown() override { unset(); }
  void unset() {
    for (const char* name : names_) ::unsetenv(name);
  }

 private:
  std::vector<const char*> names_;
};

TEST_F(Environment, IsThatOfEveryLauncher) {
  for (const auto& [rank, size] : std::vector<std::pair<const char*, const char*>>{
           {"RANK", "WORLD_SIZE"},
           {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
           {"PMI_RANK", "PMI_SIZE"},
           {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS"}}) {
    set(rank, "2");
    set(size, "5");
    set("MASTER_ADDR", "somewhere");
    set("MASTER_PORT", "1234");
    const auto place = descent::distributed::place_in_environment();
    EXPECT_EQ(place.rank, 2);
    EXPECT_EQ(place.size, 5);
    EXPECT_EQ(place.host, "somewhere");
    EXPECT_EQ(place.port, 1234);
    EXPECT_FALSE(place.served);
    unset();
  }
  set("SLURM_PROCID", "0");  // a batch script, which srun has not started
  EXPECT_EQ(descent::distributed::place_in_environment().size, 1);
}

TEST_F(Environment, IsRefusedByName) {
  const auto refuses = [&](const char* text) {
    EXPECT_THAT([] { World::from_environment(); }, ThrowsMessage<WorldError>(HasSubstr(text)));
  };
  set("RANK", "0");
  refuses("World: WORLD_SIZE is not set, must be an integer in [1, ");
  set("WORLD_SIZE", "four");
  refuses("World: WORLD_SIZE=four, must be an integer");
  set("WORLD_SIZE", "4");
  set("RANK", "4");
  refuses("World: RANK=4, must be an integer in [0, 3]");
  set("RANK", "3");
  refuses("rank 3 of 4 (torchrun or by hand): MASTER_ADDR is not set");
  set("MASTER_ADDR", "127.0.0.1");
  set("MASTER_PORT", "99999");
  refuses("World: MASTER_PORT=99999, must be an integer in [1, 65535]");
  set("MASTER_PORT", "29500x");
  refuses("World: MASTER_PORT=29500x");
  set("MASTER_PORT", "29500");
  set("MASTER_ADDR", "no.such.host.invalid");
  refuses("MASTER_ADDR=no.such.host.invalid: ");
}

/// As where a user may have no more of them.
void refuse_threads() {
  // A new one is a clone() of the process or, where the C library knows it, a clone3().
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone3, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{sizeof filter / sizeof filter[0], filter};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    say("this system filters no calls");
}

/// Sums until something happens.
const Role adds("adds", [](const Arguments& arguments) {
  auto world =
      World::from_environment({.timeout = std::chrono::seconds(std::stoi(arguments.at(0)))});
  const int who = std::stoi(arguments.at(2));
  for (int call = 1; call <= 1000; ++call) {
    at::Tensor x = at::ones({4096});
    const bool is_it = world.rank() == who && call == 5;
    if (is_it && arguments.at(1).starts_with("dies")) ::kill(::getpid(), SIGKILL);
    if (is_it && arguments.at(1) == "throws") throw std::runtime_error("an error of its own");
    if (is_it && arguments.at(1) == "stops") {
      say("stopping");
      ::kill(::getpid(), SIGSTOP);
    }
    if (call == 5 && arguments.at(1) == "dies, no threads are left") refuse_threads();
    if (is_it && arguments.at(1) == "longer") x = at::ones({5000});
    if (is_it && arguments.at(1) == "shorter") x = at::ones({1000});
    if (is_it && arguments.at(1) == "broadcasts") {
      world.broadcast(x);
      continue;
    }
    if (call == 5 && arguments.at(1) == "dies") std::this_thread::sleep_for(300ms);
    try {
      world.sum(x, arguments.size() > 3 ? Sum::Backend : Sum::Ordered);
    } catch (const WorldError& e) {
      say(e.what());
      try {
        world.barrier();
        say("and went on");
      } catch (const WorldError& again) {
        require(std::string(again.what()) == e.what(), "another error the second time");
      }
      throw std::runtime_error("ended by a WorldError");
    }
  }
});

/// Runs it with 4 ranks; the others' words have to be like this.
void expect_the_others_say(const char* what, int who,
                           const testing::Matcher<const std::string&>& words,
                           const char* timeout = "60", const Arguments& more = {}) {
  Running running;
  const int port = processes::free_port();
  Arguments arguments{timeout, what, std::to_string(who)};
  arguments.insert(arguments.end(), more.begin(), more.end());
  for (int rank = 0; rank < 4; ++rank)
    running.start("adds", arguments, processes::place(rank, 4, port));
  for (int rank = 0; rank < 4; ++rank) {
    if (rank == who) continue;
    const Ended ended = running.end(rank);
    EXPECT_EQ(ended.signal, 0) << what << " " << rank;
    EXPECT_EQ(ended.code, 1) << what << " " << rank;
    EXPECT_THAT(ended.said,
                AllOf(words, HasSubstr("ended by a WorldError"), Not(HasSubstr("went on"))))
        << what << " " << rank;
    // Far from the 60 s that it would take to wait for the time-out.
    EXPECT_LT(ended.seconds, 45) << what << " " << rank;
  }
}

TEST(World, NamesARankThatDied) {
  // The survivors write twice to connections whose other end is gone, which must not end them.
  expect_the_others_say("dies", 2,
                        AllOf(HasSubstr("of 4 in sum of 4096 Float numbers, call 5: no answer from "
                                        "rank 2. Start again from a checkpoint. ("),
                              HasSubstr("World: rank ")));
}

TEST(World, NamesTheServerThatDied) {
  expect_the_others_say("dies", 0, HasSubstr("no answer from rank 0"));
}

TEST(World, EndsWithARankThatThrows) {
  expect_the_others_say("throws", 3, HasSubstr("call 5: no answer from rank 3"));
}

TEST(World, NamesARankThatHangsAtTheTimeOut) {
  expect_the_others_say("stops", 1, HasSubstr("call 5: no answer from rank 1"), "6");
}

TEST(World, SaysWhoIsInWhatWhereCallsDoNotFit) {
  expect_the_others_say("longer", 1, HasSubstr("rank 1 is in sum of 5000 Float numbers, call 5"),
                        "6");
  expect_the_others_say("shorter", 0, HasSubstr("rank 0 is in sum of 1000 Float numbers, call 5"),
                        "6");
  expect_the_others_say(
      "broadcasts", 3,
      HasSubstr("rank 3 is in broadcast of 4096 Float numbers from rank 0, call 5"), "6");
  // gloo's own sum would end the process, or add what is not there.
  for (const auto& [what, count] : {std::pair("longer", "5000"), std::pair("shorter", "1000")})
    expect_the_others_say(what, 2,
                          HasSubstr("rank 2 is in sum by the backend of " + std::string(count) +
                                    " Float numbers, call 5"),
                          "6", {"by the backend"});
}

TEST(World, SaysThatARankIsGoneThoughItGetsNoThreadToAskForIt) {
  expect_the_others_say("dies, no threads are left", 2,
                        AnyOf(HasSubstr("call 5: no answer from rank 0, who serves the store"),
                              HasSubstr("this system filters no calls")));
}

/// Rank 1 waits in a twin, and the others in the World itself.
const Role in_a_twin("in a twin", [](const Arguments& arguments) {
  auto world =
      World::from_environment({.timeout = std::chrono::seconds(std::stoi(arguments.at(0)))});
  World twin = world.twin(), other = twin.twin();
  at::Tensor x = at::ones({10});
  const auto calls = [&](World& called) -> std::string {
    try {
      called.sum(x);
      return "nothing";
    } catch (const WorldError& e) {
      return e.what();
    }
  };
  const std::string said = calls(world.rank() == 1 ? other : world);
  for (World* const each : {&world, &twin, &other})
    require(calls(*each) == said, "another error of a twin: " + calls(*each));
  try {
    world.twin();
  } catch (const WorldError& e) {
    require(e.what() == said, e.what());
  }
  say(said);
});

TEST(World, FailsWithItsTwinsAndSaysWhoIsInWhichOfThem) {
  const auto all = processes::world("in a twin", 3, {"5"});
  for (size_t rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(all[rank].code, 0) << all[rank].said;
    EXPECT_THAT(all[rank].said, HasSubstr("all ranks answer"));
    EXPECT_THAT(all[rank].said,
                HasSubstr(rank == 1 ? "in sum of 10 Float numbers, call 1 of twin 1.1:"
                                    : "rank 1 is in sum of 10 Float numbers, call 1 of twin 1.1"));
  }
}

const Role joins("joins", [](const Arguments& arguments) {
  auto world =
      World::from_environment({.timeout = std::chrono::seconds(std::stoi(arguments.at(0)))});
  const at::Tensor x = at::ones({3});
  world.sum(x);
  require(x.equal(at::full({3}, static_cast<double>(world.size()))), "the sum");
  if (arguments.size() > 1 && world.rank() == 1) ::kill(::getpid(), SIGKILL);
  world.barrier();
  say("all right");
});

TEST(World, NamesTheRanksThatDidNotCome) {
  for (const int missing : {2, 0}) {
    Running running;
    const int port = processes::free_port();
    std::vector<size_t> started;
    for (int rank = 0; rank < 4; ++rank)
      if (rank != missing && rank != 3)
        started.push_back(running.start("joins", {"3"}, processes::place(rank, 4, port)));
    for (const size_t process : started) {
      const Ended ended = running.end(process);
      EXPECT_EQ(ended.code, 1);
      EXPECT_LT(ended.seconds, 30);
      const std::string where =
          " of 4 did not find the others at 127.0.0.1:" + std::to_string(port) + ": ";
      EXPECT_THAT(ended.said, HasSubstr(where + (missing == 0 ? "nobody answers there"
                                                              : "these ranks did not come: 2, 3")));
    }
  }
}

/// meets PORT: takes part as rank 1 of 2, late, and then connects to nobody.
const Role meets("meets", [](const Arguments& arguments) {
  auto meeting = descent::distributed::tcp_store(
                     "127.0.0.1", static_cast<uint16_t>(std::stoi(arguments.at(0))), false, 60s)
                     .part("descent/meeting");
  const std::string about = meeting.get("here/0");
  std::this_thread::sleep_for(12s);
  descent::distributed::meet(meeting, 1, 2, about, 60s);
  say("has met");
  std::this_thread::sleep_for(300s);
});

TEST(World, WaitsForOneTimeOutInAllThatComesBeforeTheFirstCall) {
  Running running;
  const int port = processes::free_port();
  const size_t first = running.start("joins", {"15"}, processes::place(0, 2, port));
  running.await(running.start("meets", {std::to_string(port)}, {}), "has met");
  const Ended ended = running.end(first);
  EXPECT_EQ(ended.code, 1);
  EXPECT_LT(ended.seconds, 24);
}

/// Starts four processes of which one is another than the others take it for.
void expect_refused(const std::function<void(int rank, processes::Variables&)>& change,
                    const std::string& words, const std::string& other_program = "") {
  Running running;
  const int port = processes::free_port();
  for (int rank = 0; rank < 4; ++rank) {
    auto variables = processes::place(rank, 4, port);
    change(rank, variables);
    running.start("joins", {"60"}, variables,
                  rank == 2 && !other_program.empty() ? other_program : "/proc/self/exe");
  }
  for (int rank = 0; rank < 4; ++rank) {
    const Ended ended = running.end(rank);
    EXPECT_EQ(ended.code, 1);
    EXPECT_THAT(ended.said, HasSubstr(words));
    EXPECT_LT(ended.seconds, 45);
  }
}

TEST(World, RefusesOtherSizes) {
  expect_refused(
      [](int rank, auto& variables) {
        if (rank == 2) variables["WORLD_SIZE"] = "5";
      },
      "but rank 2 is distributed_test with descent ");
}

TEST(World, RefusesOtherPrograms) {
  const auto own = std::filesystem::read_symlink("/proc/self/exe");
  const auto other = own.parent_path() / "another_program";
  std::filesystem::remove(other);
  std::filesystem::create_hard_link(own, other);
  expect_refused([](int, auto&) {}, "but rank 2 is another_program with descent ", other.string());
  std::filesystem::remove(other);
}

TEST(World, RefusesTwoProcessesOfOneRank) {
  Running running;
  const int port = processes::free_port();
  for (const int rank : {0, 1, 1}) running.start("joins", {"60"}, processes::place(rank, 3, port));
  for (const size_t process : {0, 1, 2}) {
    const Ended ended = running.end(process);
    EXPECT_EQ(ended.code, 1);
    EXPECT_THAT(ended.said, HasSubstr("two processes are rank 1"));
    EXPECT_LT(ended.seconds, 45);
  }
}

TEST(World, IsAtTheInterfacesThatAVariableNames) {
  for (const char* const names : {"", "lo", "lo,lo"})
    expect_all_right(processes::world("joins", 2, {"60"}, {{"GLOO_SOCKET_IFNAME", names}}));
  for (const Ended& ended :
       processes::world("joins", 2, {"5"}, {{"GLOO_SOCKET_IFNAME", "nosuch0"}}))
    EXPECT_THAT(ended.said,
                HasSubstr("GLOO_SOCKET_IFNAME names nosuch0, must be interfaces of this "
                          "machine: "));
}

const Role serves("serves", [](const Arguments& arguments) {
  const auto store = descent::distributed::tcp_store(
      "127.0.0.1", static_cast<uint16_t>(std::stoi(arguments.at(0))), true, 60s);
  say("serving");
  std::this_thread::sleep_for(300s);
});

TEST(World, RefusesAPortThatIsTaken) {
  Running running;
  const int port = processes::free_port();
  running.await(running.start("serves", {std::to_string(port)}, {}), "serving");
  const Ended ended = running.end(running.start("joins", {"3"}, processes::place(0, 2, port)));
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.said, AllOf(HasSubstr("127.0.0.1:" + std::to_string(port)),
                                HasSubstr("is the port taken?")));
}

TEST(World, MeetsInAStoreThatEarlierAttemptsHaveUsed) {
  // As torchrun does: one store for all attempts, in which the dead have left their keys.
  Running running;
  const int port = processes::free_port();
  running.await(running.start("serves", {std::to_string(port)}, {}), "serving");
  const auto start = [&](int rank, const Arguments& arguments) {
    auto variables = processes::place(rank, 3, port);
    variables["TORCHELASTIC_USE_AGENT_STORE"] = "True";
    return running.start("joins", arguments, variables);
  };
  const auto all = [&](const Arguments& arguments) {
    std::vector<size_t> started;
    for (int rank = 0; rank < 3; ++rank) started.push_back(start(rank, arguments));
    std::vector<Ended> ended;
    for (const size_t process : started) ended.push_back(running.end(process));
    return ended;
  };
  // Rank 1 dies after the meeting; then two come without rank 0, and two with it.
  EXPECT_THAT(all({"60", "dies"})[0].said, HasSubstr("no answer from rank 1"));
  for (const std::vector<int>& some : {std::vector<int>{1, 2}, std::vector<int>{0, 2}}) {
    std::vector<size_t> started;
    for (const int rank : some) started.push_back(start(rank, {"2"}));
    for (const size_t process : started) {
      const Ended ended = running.end(process);
      EXPECT_EQ(ended.code, 1);
      EXPECT_THAT(ended.said,
                  HasSubstr(some[0] == 0 ? "these ranks did not come: " : "rank 0 did not come"));
    }
  }
  expect_all_right(all({"60"}));
}

}  // namespace
}  // namespace world_test
