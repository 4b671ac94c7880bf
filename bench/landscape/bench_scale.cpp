// Landscapes of networks as large as people have them. For each line that it reads it measures a row
// of networks and prints a JSON object: the seconds that evaluate() took, those that it worked, and the values. At the end
// it prints the most memory that evaluate() took beyond the network, the plane and the data, and after
// which part of a network's time the first progress came. bench/peers/landscape_torch_loop.py writes the files
// and takes turns with it.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <torch/serialize.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <descent/landscape.h>
#include <descent/networks.h>

namespace {

namespace fs = std::filesystem;
using at::Tensor;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// What the process has worked so far: on a machine that others use too, steadier than the clock.
double seconds_of_work() {
  return static_cast<double>(std::clock()) / static_cast<double>(CLOCKS_PER_SEC);
}

/// A number of bytes out of /proc/self/status, 0 where there is none.
int64_t memory(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field + ":")) return std::stoll(line.substr(field.size() + 1)) << 10;
  return 0;
}

std::vector<Tensor> list_of(const c10::IValue& value) {
  std::vector<Tensor> tensors;
  for (const c10::IValue& item : value.toListRef()) tensors.push_back(item.toTensor());
  return tensors;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Landscapes of large networks"};
  fs::path folder = "out/scale";
  std::string name = "resnet20";
  int64_t points = 9;
  descent::EvaluateOptions options{.path = descent::Path::Loop, .threads = 1};
  app.add_option("--folder", folder, "what landscape_torch_loop.py wrote")->capture_default_str();
  app.add_option("--network", name)->capture_default_str();
  app.add_option("--points", points)->capture_default_str();
  app.add_option("--threads", options.threads)->capture_default_str();
  app.add_option("--memory", options.memory)->capture_default_str();
  app.add_flag_callback(
      "--bfloat16", [&] { options.precision = descent::Precision::Bfloat16; },
      "where the processor has it");
  CLI11_PARSE(app, argc, argv);
  if (!fs::exists(folder / (name + ".pt2"))) {
    std::cout << "bench_scale: " << folder.string() << " has no " << name
              << "; run landscape_torch_loop.py\n";
    return 0;
  }
  descent::keep_freed_memory();
  at::set_num_threads(options.threads);
  const auto network = descent::load_network(folder / (name + ".pt2"));
  std::ifstream file(folder / (name + ".pt"), std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  const auto read = torch::pickle_load(bytes).toGenericDict();
  descent::Data data{{}, read.at("target").toTensor()};
  for (const auto& entry : read.at("inputs").toGenericDict())
    data.named.emplace_back(entry.key().toStringRef(), entry.value().toTensor());
  data.input = data.named.front().second;
  if (data.named.size() == 1) data.named.clear();
  descent::Plane plane = descent::random_plane(network, {.draw = descent::Draw::Gaussian});
  plane.u = list_of(read.at("u"));
  plane.v = list_of(read.at("v"));
  const descent::Axis x{-1, points > 1 ? 1. : -1., points}, y{0, 0, 1};

  const int64_t before = memory("VmRSS");
  double first = 0, best = 1e300;
  for (std::string line; std::getline(std::cin, line);) {
    const auto begin = Clock::now();
    const double work_before = seconds_of_work();
    double shown = 0;
    options.on_progress = [&](double) {
      if (shown == 0) shown = seconds_of_work() - work_before;
      return true;
    };
    const descent::Grid grid =
        descent::evaluate(network, descent::cross_entropy, data, plane, x, y, options);
    const double seconds = seconds_since(begin);
    const double work = seconds_of_work() - work_before;
    if (work < best) first = shown / (work / static_cast<double>(points));
    best = std::min(best, work);
    std::cout << nlohmann::json{{"s", seconds}, {"work", work}, {"values", grid.values}}.dump()
              << std::endl;
  }
  std::cout << nlohmann::json{{"mebibytes", (memory("VmHWM") - before) >> 20},
                              {"first_progress", first}}
                   .dump()
            << std::endl;
}
