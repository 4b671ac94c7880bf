// Races optimizers, LibTorch's own among them, over a surface of one's own, and writes a page to
// play the race on.
//
//   race out/egg_crate.html        or .png, .svg, .gif
#include <cmath>
#include <iostream>

#include <c10/util/Exception.h>
#include <torch/optim/adam.h>

#include <descent/pictures.h>
#include <descent/surfaces.h>

namespace {

/// A bowl with bumps. Written over any number type, so its gradient is exact.
struct EggCrate {
  template <class T>
  T operator()(const T& x, const T& y) const {
    using std::sin;
    return 0.1 * (x * x + y * y) + sin(x) * sin(x) + sin(y) * sin(y);
  }
  descent::SurfaceFacts facts() const {
    return {.name = "egg_crate",
            .title = "Egg crate",
            .formula = "0.1 (x^2 + y^2) + sin^2 x + sin^2 y",
            .x = {-6, 6},
            .y = {-6, 6},
            .start = {5, -4.5},
            .minima = {{0, 0, 0}}};
  }
};

void run(const std::filesystem::path& file) {
  const descent::Surface surface = EggCrate{};
  std::vector<descent::Racer> racers = descent::parse_racers("sgd:lr=0.2,momentum=0.9,lion:lr=0.3");
  racers.push_back(descent::racer("torch::optim::Adam", [](std::vector<at::Tensor> params) {
    return std::make_unique<torch::optim::Adam>(std::move(params), 0.3);
  }));
  const auto tracks = descent::race(surface, racers, {.steps = 80});
  for (const descent::Track& track : tracks)
    std::cout << track.label << ": " << track.losses.back() << '\n';
  descent::draw(descent::mesh(surface), tracks, file, {.title = surface.title});
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(argc > 1 ? argv[1] : "race.html");
    return 0;
  } catch (const c10::Error& error) {
    std::cerr << "race: " << error.what_without_backtrace() << '\n';
  } catch (const std::exception& error) {
    std::cerr << "race: " << error.what() << '\n';
  }
  return 1;
}
