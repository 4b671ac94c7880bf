#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <torch/optim/optimizer.h>

#include <descent/base/fields.h>
#include <descent/grid/track.h>
#include <descent/surfaces/surface.h>

namespace descent {

/// Makes an optimizer of these parameters: in a race one float64 tensor of two elements, [x, y].
using MakeOptimizer =
    std::function<std::unique_ptr<torch::optim::Optimizer>(std::vector<at::Tensor>)>;

/// One that takes part in races.
struct Racer {
  std::string label{};   ///< short: "AdamW"
  std::string detail{};  ///< what runs, as racer() takes it: "adamw:lr=1,betas=[0.9, 0.95]"
  MakeOptimizer make{};
  std::string name{};      ///< of one of this library's optimizers; of any other empty
  OptionValues options{};  ///< its own, those that are not the defaults
};

/// One of this library's optimizers by name, with options, or steepest descent by line_search():
/// "line_search:method=golden_section,lr=0.1". Names, options and values are checked at once:
/// std::invalid_argument, unknown ones with the nearest. A racer's detail makes it again.
Racer racer(std::string_view text);
Racer racer(std::string_view name, const OptionValues& options);

/// Any other optimizer, LibTorch's for one.
Racer racer(std::string label, MakeOptimizer make);

/// Several of the first kind: "sgd:lr=10,momentum=0.9,lion:lr=1". A comma parts racers and options
/// alike: a piece with a ':' ahead of any '=', or without '=', begins a racer, any other goes on
/// with the options; brackets keep their commas. Ends with tell_apart().
std::vector<Racer> parse_racers(std::string_view text);

/// Adds to labels that several racers have their options, and numbers to those that are still
/// equal.
void tell_apart(std::vector<Racer>& racers);

struct RaceOptions {
  std::optional<Point> start{};  ///< empty: the surface's own
  int64_t steps = 100;           ///< 1 to 10,000,000
  /// Decoupled where the optimizer offers it: p <- p - lr weight_decay p, from the p ahead of the
  /// step. Takes the place of the racers' own unless 0.
  double weight_decay = 0;
  std::optional<Noise> noise{};  ///< seen in the reported losses, never by an optimizer
  /// Called ahead of each step with its number, from 1. What it throws ends the race.
  std::function<void(int64_t step)> on_step{};
};

/// Runs each racer alone from the start, `steps` steps with the exact gradient, and returns their
/// ways in the same order. Losses are recorded at each point, gradient norms at each point that was
/// left. A racer whose point or loss is not finite ends there, flagged. step() is given a closure,
/// so optimizers that evaluate elsewhere (look-ahead, line searches, SAM, L-BFGS) take part.
///
/// Throws std::invalid_argument for no racers, steps out of range, a start outside the domain or
/// where the surface is not finite, and a weight_decay that an optimizer cannot have;
/// std::runtime_error where the surface's function or an optimizer throws.
std::vector<Track> race(const Surface& surface, std::span<const Racer> racers,
                        const RaceOptions& options = {});

/// The way of one racer.
Track race(const Surface& surface, const Racer& racer, const RaceOptions& options = {});

}  // namespace descent
