// A landscape by several processes, of which some are killed and one comes late.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <signal.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <descent/base/atomic_file.h>
#include <descent/landscape.h>
#include <descent/sharing.h>

#include "../processes.h"
#include "models.h"

namespace descent::tests {
namespace shared_test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using processes::Arguments;
using processes::Ended;
using processes::Folder;
using processes::Role;
using processes::Running;
using processes::say;
using testing::HasSubstr;

/// computes FOLDER FILE THREADS: a landscape, together with all others of that folder. Says when it has
/// computed a few networks, waits for the file "all", and says at last how many it has computed.
const Role computes("computes", [](const Arguments& arguments) {
  const fs::path folder = arguments.at(0);
  torch::manual_seed(0);
  nn::Sequential net = sine_net(4);
  std::atomic<int64_t> calls{0};
  const Network network(*net, [&](nn::SequentialImpl& m, const torch::Tensor& x) {
    if (++calls == 20) say("computing.");
    while (calls >= 20 && !fs::exists(folder / "all")) std::this_thread::sleep_for(1ms);
    return m.forward(x);
  });
  double reached = 0;
  Grid grid =
      evaluate(network, mse, sine_data(8), random_plane(*net), Axis{-5, 5, 40}, Axis{-5, 5, 20},
               {.path = Path::Loop,
                .threads = std::stoi(arguments.at(2)),
                .tiles = folder / "tiles",
                .store = folder_store(folder),
                .on_progress = [&](double done) {
                  if (done < reached) throw std::runtime_error("progress has gone back");
                  reached = done;
                  return true;
                }});
  grid.save(arguments.at(1));
  say("computed " + std::to_string(calls) + ", reached " + std::to_string(reached));
});

TEST(SharedLandscape, IsThatOfOneProcessThoughTwoOfFourAreKilled) {
  const Folder folder;
  fs::create_directory(folder / "alone");
  fs::create_directory(folder / "job");
  std::ofstream(folder / "alone/all") << "";
  Running running;
  const Ended alone =
      running.end(running.start("computes", {folder / "alone", folder / "alone.json", "2"}, {}));
  ASSERT_EQ(alone.code, 0) << alone.said;
  const std::string whole = read_file(folder / "alone.json");

  const auto start = [&](const std::string& name, const char* threads) {
    return running.start("computes", {folder / "job", folder / (name + ".json"), threads}, {});
  };
  const size_t first = start("first", "1"), second = start("second", "2"),
               third = start("third", "1"), fourth = start("fourth", "2");
  for (const size_t process : {first, second, third, fourth}) running.await(process, "computing.");
  for (const size_t process : {second, third}) {
    running.signal(process, SIGKILL);
    EXPECT_EQ(running.end(process).signal, SIGKILL);
  }
  std::ofstream(folder / "job/all") << "";
  const size_t late = start("late", "1");
  for (const auto& [process, name] :
       {std::pair{first, "first"}, std::pair{fourth, "fourth"}, std::pair{late, "late"}}) {
    const Ended ended = running.end(process);
    ASSERT_EQ(ended.code, 0) << ended.said;
    EXPECT_EQ(read_file(folder / (name + std::string(".json"))), whole) << name;
    EXPECT_THAT(ended.said, HasSubstr("reached 1.0"));
    // The dead have computed some.
    const auto at = ended.said.rfind("computed ");
    ASSERT_NE(at, std::string::npos);
    EXPECT_LT(std::stoi(ended.said.substr(at + 9)), 800) << name;
  }
}

}  // namespace
}  // namespace shared_test
}  // namespace descent::tests
