// Sums over processes, gloo's ring beside ours in the same run, and what simulate.py makes of them; pieces
// of shared work; steps of an optimizer whose state is spread; a landscape by one process and by all; and
// trainings, beside c10d's Reducer. A line of JSON for each, of the slowest rank's times.
//
//   bench_distributed [SIZE...]       starts worlds of 2 and 4 processes, or of these sizes
//   bench_distributed --sums FOLDER   is one rank, as RANK and the like say, and takes the sums only; all
//                                     have one folder (cables.py)
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <limits>
#include <numbers>
#include <string>
#include <thread>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <nlohmann/json.hpp>
#include <spawn.h>
#include <sys/wait.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <unistd.h>

#include <descent/distributed.h>
#include <descent/landscape.h>
#include <descent/optim/adam.h>
#include <descent/optim/optimizer/drop_in.h>

#include "free_port.h"
#include "rivals.h"
#include "training.h"
#include "turns.h"

extern char** environ;

namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

/// Least and median microseconds of the slowest rank.
std::vector<std::array<double, 2>> measured(descent::World& world, int rounds,
                                            const std::vector<std::function<void()>>& ways) {
  std::vector<std::array<double, 2>> result;
  for (const auto& list : in_turn(world, /*warm=*/2, rounds, ways)) {
    at::Tensor all = at::zeros({world.size(), 2}, at::kDouble);
    all[world.rank()][0] = list[0];
    all[world.rank()][1] = list[list.size() / 2];
    world.sum(all);
    const at::Tensor worst = std::get<0>(all.max(0));
    result.push_back({worst[0].item<double>(), worst[1].item<double>()});
  }
  return result;
}

void print(const descent::World& world, const Json& line) {
  if (world.rank() == 0) std::cout << line.dump() << std::endl;
}

/// What simulate.py's model takes: the delay of a hop and the times for a byte of the network and of adding,
/// from gloo's ring of 4 KiB and of 64 MiB.
void print_model(const descent::World& world, double small_us, double large_us) {
  const double n = world.size(), hops = 2 * (n - 1), bytes = 64 << 20;
  const at::Tensor from = at::ones({25 << 18}), to = at::ones({25 << 18});
  double gamma = std::numeric_limits<double>::infinity();
  for (int round = 0; round < 5; ++round) {
    const auto start = Clock::now();
    to.add_(from);
    const std::chrono::duration<double, std::nano> spent = Clock::now() - start;
    gamma = std::min(gamma, spent.count() / static_cast<double>(to.nbytes()));
  }
  const double travels_ns = 1000 * (large_us - small_us) - (n - 1) / n * bytes * gamma;
  print(world, {{"bench", "model"},
                {"ranks", world.size()},
                {"alpha_us", small_us / hops},
                {"beta_ns_a_byte", travels_ns / (hops / n * bytes)},
                {"gamma_ns_a_byte", gamma}});
}

/// `rounds` of large sums: those of small ones are more.
void bench_sum(descent::World& world, Rivals& rivals, int rounds) {
  double small_us = 0;
  for (const int64_t kib : {4, 64, 1024, 4096, 25600, 65536}) {
    const at::Tensor x = at::ones({kib * 256});
    const auto times = measured(world,
                                rounds * (kib <= 64     ? 25
                                          : kib <= 4096 ? 5
                                                        : 1),
                                {[&] { world.sum(x.fill_(1)); }, [&] { rivals.ring(x.fill_(1)); },
                                 [&] { world.broadcast(x); }});
    print(world, {{"bench", "sum"},
                  {"ranks", world.size()},
                  {"bytes", kib << 10},
                  {"ours_us", times[0]},
                  {"ring_us", times[1]},
                  {"broadcast_us", times[2]},
                  {"ring_over_ours", {times[1][0] / times[0][0], times[1][1] / times[0][1]}}});
    if (kib == 4) small_us = times[1][0];
    if (kib == 65536) print_model(world, small_us, times[1][0]);
  }
}

void bench_share(descent::World& world, const std::filesystem::path& folder) {
  constexpr int64_t kPieces = 2000;
  for (const std::string where : {"tcp", "folder"}) {
    descent::Store store = where == "tcp"
                               ? world.store()
                               : descent::folder_store(folder / std::to_string(world.size()));
    int64_t keys = 0;
    const auto calls = measured(
        world, 200,
        {[&] { store.add("number", 1); }, [&] { store.set("key/" + std::to_string(++keys), "1"); },
         [&] { store.has("key/1"); }});
    print(world, {{"bench", "store"},
                  {"ranks", world.size()},
                  {"store", where},
                  {"add_us", calls[0]},
                  {"set_us", calls[1]},
                  {"has_us", calls[2]}});
    // Pieces without work, which are claimed a few at once, and pieces that sleep, which are not.
    for (const int64_t work_us : {0, 1500}) {
      world.barrier();
      const auto start = Clock::now();
      std::chrono::duration<double, std::micro> worked{};
      descent::share(store, "pieces of " + std::to_string(work_us), kPieces, [&](int64_t) {
        const auto begun = Clock::now();
        if (work_us > 0) std::this_thread::sleep_for(std::chrono::microseconds(work_us));
        worked += Clock::now() - begun;
      });
      const std::chrono::duration<double, std::micro> spent = Clock::now() - start;
      at::Tensor all = at::ones({1}, at::kDouble) * (spent - worked).count();
      world.sum(all);
      print(world, {{"bench", "share"},
                    {"ranks", world.size()},
                    {"store", where},
                    {"work_us", work_us},
                    {"us_a_piece_beside_work", all.item<double>() / kPieces}});
    }
  }
}

void bench_sharded(descent::World& world) {
  const auto parameters = [] {
    std::vector<at::Tensor> list;
    for (int i = 0; i < 16; ++i) list.push_back(at::zeros({1 << 20}).requires_grad_());
    return list;
  };
  const auto whole = parameters(), spread = parameters();
  descent::AdamW alone(whole, {.lr = 1e-3});
  descent::Sharded sharded(descent::AdamW(spread, {.lr = 1e-3}), world);
  for (const auto& list : {whole, spread})
    for (at::Tensor p : list) p.mutable_grad() = at::ones({1 << 20});
  const at::Tensor flat = at::zeros({16 << 20});
  std::vector<int64_t> bounds;
  for (int r = 0; r <= world.size(); ++r) bounds.push_back(flat.numel() * r / world.size());
  const auto times = measured(
      world, 10,
      {[&] { alone.step(); }, [&] { sharded.step(); }, [&] { world.gather_pieces(flat, bounds); }});
  print(world, {{"bench", "sharded"},
                {"ranks", world.size()},
                {"numbers", flat.numel()},
                {"replicated_step_us", times[0]},
                {"sharded_step_us", times[1]},
                {"gather_us", times[2]},
                {"sharded_over_step_and_gather", times[1][0] / (times[0][0] + 1.2 * times[2][0])}});
}

/// 10,000 networks on the sine, by rank 0 alone and by all ranks together, in turn.
void bench_landscape(descent::World& world, const std::filesystem::path& folder) {
  namespace nn = torch::nn;
  torch::manual_seed(0);
  const nn::Sequential net(nn::Linear(1, 64), nn::ReLU(), nn::Linear(64, 64), nn::ReLU(),
                           nn::Linear(64, 1));
  const at::Tensor x = at::linspace(-std::numbers::pi, std::numbers::pi, 10000).unsqueeze(1);
  const descent::Data data{x, x.sin()};
  const auto plane = descent::random_plane(*net, {.seed = 1});
  const descent::Axis axis{-5, 5, 100};
  std::array<double, 2> least;
  least.fill(std::numeric_limits<double>::infinity());
  constexpr int kRounds = 9;
  for (int round = 0; round < kRounds; ++round) {
    for (const int way : {0, 1}) {
      const auto job = folder / ("landscape-" + std::to_string(world.size()) + "-" +
                                 std::to_string(round) + "-" + std::to_string(way));
      world.barrier();
      const auto start = Clock::now();
      if (way == 1 || world.rank() == 0)
        descent::evaluate(
            *net, descent::mse, data, plane, axis, axis,
            {.threads = 1, .tiles = job / "tiles", .store = descent::folder_store(job)});
      world.barrier();
      const std::chrono::duration<double> spent = Clock::now() - start;
      least[way] = std::min(least[way], spent.count());
    }
  }
  print(world, {{"bench", "landscape"},
                {"ranks", world.size()},
                {"networks", axis.n * axis.n},
                {"alone_s", least[0]},
                {"together_s", least[1]},
                {"times_as_fast", least[0] / least[1]}});
}

int run_rank(const std::filesystem::path& folder, bool only_sums) {
  at::set_num_threads(1);
  auto world = descent::World::from_environment();
  Rivals rivals(world, folder / ("rivals-" + std::to_string(world.size())));
  bench_sum(world, rivals, /*rounds=*/only_sums ? 2 : 8);
  if (!only_sums) {
    bench_share(world, folder);
    bench_sharded(world);
    bench_landscape(world, folder);
    bench_training(world, rivals);
  }
  world.barrier();
  return 0;
}

/// Whether all ranks of a world of that size came to their end.
bool run_world(int size, const std::string& folder) {
  ::setenv("MASTER_ADDR", "127.0.0.1", 1);
  ::setenv("MASTER_PORT", std::to_string(processes::free_port()).c_str(), 1);
  ::setenv("WORLD_SIZE", std::to_string(size).c_str(), 1);
  std::vector<pid_t> ranks(size);
  for (int rank = 0; rank < size; ++rank) {
    ::setenv("RANK", std::to_string(rank).c_str(), 1);
    std::string words[] = {"bench_distributed", "--rank", folder};
    char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
    if (::posix_spawn(&ranks[rank], "/proc/self/exe", nullptr, nullptr, arguments, environ) != 0)
      return false;
  }
  bool all_right = true;
  for (const pid_t rank : ranks) {
    int status = 0;
    all_right &=
        ::waitpid(rank, &status, 0) == rank && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  return all_right;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string role = argc == 3 ? argv[1] : "";
    if (role == "--rank" || role == "--sums") return run_rank(argv[2], role == "--sums");
    std::vector<int> sizes;
    for (int i = 1; i < argc; ++i) sizes.push_back(std::stoi(argv[i]));
    if (sizes.empty()) sizes = {2, 4};
    std::string folder =
        (std::filesystem::temp_directory_path() / "bench_distributed-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error(folder + " cannot be made");
    bool all_right = true;
    for (const int size : sizes) all_right &= run_world(size, folder);
    std::filesystem::remove_all(folder);
    return all_right ? 0 : 1;
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}
