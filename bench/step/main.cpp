// The time of one optimizer's step, ours and that of peers in the same run, one JSON object a line:
//
//   who           "descent", "descent tensor" (--tensor-pass: the same rule in tensor operations),
//                 "torch::optim", "at::_fused_adamw_", "at::_fused_sgd_"
//   n, tensors    parameters in numbers and in tensors
//   us            the least time of a step, in microseconds
//   bytes         that the rule has to move in a step; gb_s: the same per second
//   triad_gb_s    an in-place triad over the same memory: parameters, gradients and state
//   triad_share   gb_s / triad_gb_s
//
// optimizer lbfgs, profile sine-mlp: us is the time of an iteration apart from the closure's.
// optimizer full_adagrad, profile 8x1024: us is the time of 8 steps of a fresh optimizer.
// --precision: AdamW as parameters and state are kept in fewer bits; "times_float32" is how much
// faster it is than AdamW on float32.
#include <algorithm>
#include <cmath>
#include <exception>
#include <iostream>
#include <memory>

#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "lbfgs.h"
#include "memory.h"
#include "profile.h"
#include "race.h"
#include "rival.h"

namespace {

using nlohmann::ordered_json;

void print(const ordered_json& line) { std::cout << line.dump() << std::endl; }

double rounded(double x) { return std::round(x * 1000) / 1000; }

ordered_json heading(const std::string& who, const bench::Cost& cost,
                     const bench::Profile& profile) {
  return {{"who", who},
          {"optimizer", cost.optimizer},
          {"profile", profile.name},
          {"n", profile.numel()},
          {"tensors", profile.shapes.size()},
          {"threads", at::get_num_threads()}};
}

void measure_time(const bench::Cost& cost, const bench::Profile& profile,
                  const bench::Tensors& tensors, int rounds, bool with_tensor_pass) {
  const int64_t n = profile.numel();
  const std::vector<bench::Rival> rivals = bench::rivals(cost, tensors, with_tensor_pass);
  const std::vector<double> us = bench::race(rivals, rounds);
  const int64_t pairs = cost.buffers == 0 ? n : 2 * n;
  const double triad = 12e-3 * static_cast<double>(pairs) / us.back();
  for (size_t i = 0; i + 1 < rivals.size(); ++i) {
    ordered_json line = heading(rivals[i].who, cost, profile);
    const int64_t bytes = cost.bytes * n;
    line.update({{"bytes", bytes},
                 {"us", rounded(us[i])},
                 {"gb_s", rounded(1e-3 * static_cast<double>(bytes) / us[i])},
                 {"triad_gb_s", rounded(triad)},
                 {"triad_share", rounded(1e-3 * static_cast<double>(bytes) / us[i] / triad)}});
    print(line);
  }
}

/// What an optimizer keeps of the heap beyond the numbers of its buffers, after two steps.
void measure_memory(const bench::Cost& cost, const bench::Profile& profile,
                    const bench::Tensors& tensors) {
  const int64_t buffers = cost.buffers * profile.numel() * static_cast<int64_t>(sizeof(float));
  for (const auto& [who, make] : bench::optimizers(cost, tensors)) {
    std::shared_ptr<torch::optim::Optimizer> optimizer;
    const int64_t growth = bench::heap_growth([&, make = make] {
      optimizer = make();
      bench::take_step(*optimizer);
      bench::take_step(*optimizer);
    });
    ordered_json line = heading(who, cost, profile);
    line["buffer_bytes"] = buffers;
    if (growth >= 0) line["extra_bytes"] = growth - buffers;
    print(line);
  }
}

void measure_precision(const bench::Profile& profile, int rounds) {
  std::vector<bench::Rival> rivals;
  const std::vector<bench::Kept> all = bench::kept_in_fewer_bits(profile);
  for (const bench::Kept& kept : all) rivals.push_back(kept.rival);
  const std::vector<double> us = bench::race(rivals, rounds);
  for (size_t i = 0; i < all.size(); ++i) {
    const int64_t bytes = all[i].bytes * profile.numel();
    print({{"who", "descent"},
           {"optimizer", "adamw"},
           {"profile", profile.name},
           {"n", profile.numel()},
           {"threads", at::get_num_threads()},
           {"dtype", all[i].dtype},
           {"options", all[i].options},
           {"bytes", bytes},
           {"us", rounded(us[i])},
           {"gb_s", rounded(1e-3 * static_cast<double>(bytes) / us[i])},
           {"times_float32", rounded(us[0] / us[i])}});
  }
}

void measure_full_adagrad(int rounds) {
  const bench::Rival rival = bench::full_adagrad();
  print({{"who", rival.who},
         {"optimizer", "full_adagrad"},
         {"profile", "8x1024"},
         {"n", 1024},
         {"tensors", 1},
         {"threads", at::get_num_threads()},
         {"us", rounded(bench::race({rival}, rounds).front())}});
}

void measure_lbfgs(int rounds) {
  for (const bench::LbfgsTime& time : bench::lbfgs(rounds > 0 ? rounds : 5))
    print({{"who", time.who},
           {"optimizer", "lbfgs"},
           {"line_search", time.search},
           {"profile", "sine-mlp"},
           {"threads", at::get_num_threads()},
           {"iterations", time.iterations},
           {"us", rounded(time.us)},
           {"closure_us", rounded(time.closure_us)}});
}

int run(int argc, char** argv) {
  std::vector<std::string> optimizers, profiles, known;
  for (const auto& cost : bench::costs()) optimizers.push_back(cost.optimizer);
  optimizers.emplace_back("full_adagrad");
  optimizers.emplace_back("lbfgs");
  for (const auto& profile : bench::profiles()) profiles.push_back(profile.name);
  int threads = at::get_num_threads(), rounds = 0;
  bool memory = false, tensor_pass = false, precision = false;

  CLI::App app("The time of one optimizer's step, beside peers; one JSON object a line.");
  app.add_option("--threads", threads, "threads of every competitor")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--optimizer", optimizers, "one or several; all if not given")
      ->check(CLI::IsMember(optimizers));
  app.add_option("--profile", profiles, "one or several; all if not given")
      ->check(CLI::IsMember(profiles));
  app.add_option("--rounds", rounds,
                 "turns of each competitor; 0: as many as fit into 0.4 s, but 5")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--memory", memory, "what is kept of the heap beyond the buffers, instead of times");
  app.add_flag("--tensor-pass", tensor_pass, "also the same rules in tensor operations (slow)");
  app.add_flag("--precision", precision, "AdamW with fewer bits of parameters and state instead");
  CLI11_PARSE(app, argc, argv);

  const auto asked_for = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  at::set_num_threads(threads);
  for (const auto& profile : bench::profiles()) {
    if (!asked_for(profiles, profile.name)) continue;
    if (precision) {
      measure_precision(profile, rounds);
      continue;
    }
    const bench::Tensors tensors(profile);
    for (const auto& cost : bench::costs()) {
      if (!asked_for(optimizers, cost.optimizer)) continue;
      if (memory)
        measure_memory(cost, profile, tensors);
      else
        measure_time(cost, profile, tensors, rounds, tensor_pass);
    }
  }
  if (memory || precision) return 0;
  if (asked_for(optimizers, "full_adagrad")) measure_full_adagrad(rounds);
  if (asked_for(optimizers, "lbfgs") && asked_for(profiles, "sine-mlp")) measure_lbfgs(rounds);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "bench_step: " << error.what() << '\n';
    return 1;
  }
}
