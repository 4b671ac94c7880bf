#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <numeric>
#include <random>
#include <stdexcept>
#include <tuple>

#include <descent/base/random.h>
#include <descent/surfaces/tune.h>

namespace descent {
namespace {

void check(const TuneOptions& options) {
  const auto refuse = [](const std::string& what) { throw std::invalid_argument("tune: " + what); };
  if (options.tries < 1) refuse("tries = " + std::to_string(options.tries) + ", must be >= 1");
  if (!domains::positive.holds(options.lo))
    refuse(fields::out_of_range("lo", options.lo, domains::positive.text));
  if (!(options.lo < options.hi) || !std::isfinite(options.hi))
    refuse(fields::out_of_range("hi", options.hi, "finite and > lo = " + to_text(options.lo)));
}

/// The same optimizer at another rate.
Racer at_rate(const Racer& other, double lr) {
  OptionValues options = other.options;
  std::erase_if(options, [](const auto& option) { return option.first == "lr"; });
  options.insert(options.begin(), {"lr", lr});
  return racer(other.name, options);
}

/// How good a way was: less is better.
std::tuple<double, double> score(const Track& track) {
  const auto& losses = track.smooth_losses;
  if (track.diverged) return {kInfinity, kInfinity};
  return {losses.back(),
          std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(losses.size())};
}

/// A rate in [exp(low), exp(low + range)), to three digits.
double drawn(std::mt19937_64& bits, double low, double range) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2e", std::exp(low + uniform(bits) * range));
  return std::strtod(text, nullptr);
}

}  // namespace

TuneResult tune(const Surface& surface, const Racer& racer, const TuneOptions& options) {
  check(options);
  if (racer.name.empty())
    throw std::invalid_argument("tune: " + racer.label +
                                ", must be one of this library's optimizers");
  std::mt19937_64 bits(options.seed);
  const double low = std::log(options.lo), range = std::log(options.hi) - low;
  TuneResult best;
  std::exception_ptr refused;  // why the racer cannot have a rate that was drawn
  bool any = false;
  std::tuple<double, double> best_score{kInfinity, kInfinity};
  for (int64_t i = 0; i < options.tries; ++i) {
    const double lr = drawn(bits, low, range);
    Racer tried;
    try {
      tried = at_rate(racer, lr);
    } catch (const std::invalid_argument&) {
      if (refused == nullptr) refused = std::current_exception();
      continue;
    }
    any = true;
    const Track track = race(surface, tried, options.race);
    if (!(score(track) < best_score)) continue;
    best_score = score(track);
    best.racer = std::move(tried);
    best.lr = lr;
    best.loss = track.smooth_losses.back();
  }
  if (!any && refused != nullptr) std::rethrow_exception(refused);
  if (!best.racer.make)
    throw std::runtime_error("tune: no lr in [" + to_text(options.lo) + ", " + to_text(options.hi) +
                             "] leads " + racer.detail + " to a finite loss on " + surface.name);
  best.how = "of " + std::to_string(options.tries) + " log-uniform tries in [" +
             to_text(options.lo) + ", " + to_text(options.hi) + "], seed " +
             std::to_string(options.seed) + ", by the loss after " +
             std::to_string(options.race.steps) + " steps";
  return best;
}

TuneResult tune(const Surface& surface, std::string_view text, const TuneOptions& options) {
  return tune(surface, racer(text), options);
}

}  // namespace descent
