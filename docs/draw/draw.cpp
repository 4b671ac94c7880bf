// Draws the pictures of docs/. The target docs_pictures builds and runs it.
//
//   draw race OUT.png SURFACE RACERS STEPS     the ways of optimizers over a surface
//   draw schedules FOLDER                      the rates of every schedule
#include <iostream>
#include <string>
#include <vector>

#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>

#include <descent/optim.h>
#include <descent/pictures.h>
#include <descent/surfaces.h>

namespace {

/// Small enough for a repository, large enough to read.
constexpr int kWidth = 640, kHeight = 320;

void draw_race(const std::filesystem::path& file, const std::string& surface_name,
               const std::string& racers, int64_t steps) {
  const descent::Surface& surface = descent::find_surface(surface_name);
  const auto tracks = descent::race(surface, descent::parse_racers(racers), {.steps = steps});
  std::vector<descent::KnownMinimum> minima;
  for (const descent::Minimum& m : surface.minima) minima.push_back({m.x, m.y, m.value, m.global});
  descent::draw(descent::mesh(surface), tracks, file,
                {.width = kWidth,
                 .height = kHeight,
                 .azimuth_degrees = surface.view.azimuth,
                 .log = surface.view.log,
                 .minima = minima});
}

/// The rates of a group with lr = 1 over 100 steps, as a way that a race would have gone.
descent::Track rates(const std::string& label, const descent::Schedule& schedule) {
  at::Tensor p = at::zeros({1}).requires_grad_();
  descent::SGD opt({p}, {.lr = 1, .momentum = 0.9});
  descent::Scheduler scheduler(opt, schedule);
  descent::Track track{.label = label};
  for (int step = 0; step <= 100; ++step) {
    track.x.push_back(step);
    track.y.push_back(0);
    track.losses.push_back(scheduler.last_lr()[0]);
    track.smooth_losses.push_back(scheduler.last_lr()[0]);
    if (step > 0) track.gradient_norms.push_back(0);
    if (step < 100) scheduler.step();
  }
  return track;
}

struct Family {
  const char* file;
  std::vector<std::pair<std::string, descent::Schedule>> schedules;
};

void draw_schedules(const std::filesystem::path& folder) {
  using namespace descent;
  const std::vector<Family> families{
      {"steps.png",
       {{"StepLR", StepLR{.step_size = 30, .gamma = 0.5}},
        {"MultiStepLR", MultiStepLR{.milestones = {20, 80}, .gamma = 0.5}},
        {"StepBased", StepBased{.d = 0.7, .r = 10}},
        {"ConstantLR", ConstantLR{.factor = 0.5, .total_iters = 40}}}},
      {"falls.png",
       {{"ExponentialLR", ExponentialLR{.gamma = 0.97}},
        {"ExponentialE", ExponentialE{.d = 0.05}},
        {"TimeBased", TimeBased{.d = 0.001}},
        {"PolynomialLR", PolynomialLR{.total_iters = 100, .power = 2}},
        {"LinearLR", LinearLR{.start_factor = 1, .end_factor = 0.1, .total_iters = 100}},
        {"InverseSqrt", InverseSqrt{.W = 10}}}},
      {"cosines.png",
       {{"CosineAnnealingLR", CosineAnnealingLR{.T_max = 100}},
        {"CosineAnnealingWarmRestarts", CosineAnnealingWarmRestarts{.T_0 = 15, .T_mult = 2}},
        {"Warmup", Warmup{.W = 10, .schedule = CosineAnnealingLR{.T_max = 90}}},
        {"WSD", WSD{.W = 10, .S = 50, .D = 40}}}},
      {"cycles.png",
       {{"OneCycleLR", OneCycleLR{.max_lr = 1, .total_steps = 100}},
        {"CyclicLR",
         CyclicLR{
             .base_lr = 0.1, .max_lr = 0.8, .step_size_up = 12, .mode = CyclicMode::Triangular2}},
        {"SWALR", SWALR{.swa_lr = 0.2, .anneal_epochs = 60}}}}};
  for (const auto& [file, schedules] : families) {
    std::vector<Track> tracks;
    for (const auto& [label, schedule] : schedules) tracks.push_back(rates(label, schedule));
    draw_losses(tracks, folder / file,
                {.width = kWidth, .height = kHeight, .value_name = "rate", .lo = 0, .hi = 1.05});
  }
}

void run(const std::vector<std::string>& words) {
  if (words.size() == 5 && words[0] == "race")
    draw_race(words[1], words[2], words[3], std::stoll(words[4]));
  else if (words.size() == 2 && words[0] == "schedules")
    draw_schedules(words[1]);
  else
    throw std::invalid_argument("race OUT.png SURFACE RACERS STEPS, or schedules FOLDER");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run({argv + 1, argv + argc});
    return 0;
  } catch (const c10::Error& error) {
    std::cerr << "draw: " << error.what_without_backtrace() << '\n';
  } catch (const std::exception& error) {
    std::cerr << "draw: " << error.what() << '\n';
  }
  return 1;
}
