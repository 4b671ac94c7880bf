#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <descent/base/nearest.h>
#include <descent/optim/optimizer/registry.h>
#include <descent/optim/training/line_search_descent.h>
#include <descent/surfaces/race.h>

namespace descent {
namespace {

constexpr int64_t kMostSteps = 10'000'000;  // 400 MB a track

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument("race: " + what); }

at::Tensor two_numbers(const Point& at) {
  at::Tensor p = at::empty({2}, at::kDouble);
  auto* const z = p.mutable_data_ptr<double>();
  z[0] = at.x;
  z[1] = at.y;
  return p;
}

/// Where an optimizer is, as it sees it: a tensor of two elements.
class Walker {
 public:
  Walker(const Surface& surface, const Point& start)
      : surface_(surface), p_(two_numbers(start).requires_grad_()) {}

  const at::Tensor& parameter() const { return p_; }
  Point at() const {
    const double* const z = p_.const_data_ptr<double>();
    return {z[0], z[1]};
  }

  /// The loss here; the gradient becomes the parameter's, a new tensor as after zero_grad().
  Dual evaluate() {
    const Point here = at();
    const Dual loss = surface_.gradient(here.x, here.y);
    p_.mutable_grad() = two_numbers({loss.dx, loss.dy});
    return loss;
  }

  /// The same for optimizers: a tensor of one element.
  at::Tensor closure() {
    at::Tensor loss = at::empty({}, at::kDouble);
    *loss.mutable_data_ptr<double>() = evaluate().value;
    return loss;
  }

 private:
  const Surface& surface_;
  at::Tensor p_;
};

/// What an optimizer threw, as one sentence of this program; the surface's own pass as they are.
template <class F>
auto in_one_sentence(const std::string& who, F work) {
  try {
    return work();
  } catch (const c10::Error& error) {
    throw std::runtime_error(who + ": " + error.what_without_backtrace());
  }
}

std::unique_ptr<torch::optim::Optimizer> made(const Racer& racer, const at::Tensor& p) {
  if (!racer.make) refuse(racer.label + " has no function that makes its optimizer");
  auto optimizer = in_one_sentence("race: " + racer.label, [&] { return racer.make({p}); });
  if (!optimizer) refuse(racer.label + " made no optimizer");
  return optimizer;
}

bool has_option(const engine::RuleTable& rule, std::string_view name) {
  return std::any_of(rule.defaults.begin(), rule.defaults.end(),
                     [&](const OptionInfo& option) { return option.name == name; });
}

void set_weight_decay(const Racer& racer, torch::optim::Optimizer& optimizer, double decay) {
  const std::string whose = "weight_decay = " + to_text(decay) + ", but " + racer.label;
  if (dynamic_cast<LineSearchDescent*>(&optimizer) != nullptr)
    refuse(whose + " has no weight decay");
  auto* const ours = dynamic_cast<OptimizerBase*>(&optimizer);
  if (ours == nullptr)
    refuse(whose + " is not one of the optimizers that are made by name: set it in its options");
  const engine::RuleTable& rule = ours->rule();
  if (!has_option(rule, "weight_decay")) refuse(whose + " has no weight decay");
  OptionValues changes{{"weight_decay", decay}};
  for (const char* place : {"decay_mode", "decay_place"})
    if (has_option(rule, place)) changes.emplace_back(place, "decoupled");
  ours->group_options().set(changes);
}

void check(const Surface& surface, const Point& start, const RaceOptions& options) {
  if (options.steps < 1 || options.steps > kMostSteps)
    refuse("steps = " + std::to_string(options.steps) + ", must be in [1, " +
           std::to_string(kMostSteps) + "]");
  if (!domains::non_negative.holds(options.weight_decay))
    refuse(fields::out_of_range("weight_decay", options.weight_decay, domains::non_negative.text));
  const auto pair = [](const char* open, double first, double second, const char* close) {
    return std::string(open).append(to_text(first)).append(", ").append(to_text(second)) + close;
  };
  const std::string where = pair("(", start.x, start.y, ")");
  if (!surface.contains(start.x, start.y))
    refuse("start = " + where + ", must be in " + pair("[", surface.x.lo, surface.x.hi, "]") +
           " x " + pair("[", surface.y.lo, surface.y.hi, "]") + ", the domain of " + surface.name);
  const Dual loss = surface.gradient(start.x, start.y);
  for (const auto& [what, number] :
       {std::pair{"value", loss.value}, std::pair{"gradient", loss.dx + loss.dy}})
    if (!std::isfinite(number))
      refuse(surface.name + " has the " + what + " " + to_text(number) + " at the start " + where +
             ", must be finite");
}

std::string listed(const OptionValues& options) {
  std::string text;
  for (const auto& [name, value] : options)
    text += (text.empty() ? "" : ",") + name + "=" + to_text(value);
  return text;
}

Racer line_search_racer(const OptionValues& options) {
  LineSearchOptions search;
  for (const auto& [name, value] : options) {
    const std::string problem = fields::set(search, name, value);
    if (!problem.empty()) throw std::invalid_argument("line_search: " + problem);
  }
  return {.label = "Line search", .make = [search](std::vector<at::Tensor> params) {
            return std::make_unique<LineSearchDescent>(std::move(params), search);
          }};
}

Racer registered_racer(std::string_view name, const OptionValues& options) {
  std::vector<std::string> names{kLineSearch};
  for (const engine::RuleTable* rule : optimizers()) names.emplace_back(rule->about.key);
  if (std::none_of(names.begin(), names.end(), [&](const auto& n) { return same_word(name, n); }))
    throw std::invalid_argument("no optimizer is called " + std::string(name) +
                                did_you_mean(name, names));
  const engine::RuleTable& rule = find_rule(name);
  return {.label = rule.about.name,
          .make = [key = std::string(rule.about.key), options](std::vector<at::Tensor> params) {
            return make_optimizer(key, std::move(params), options);
          }};
}

}  // namespace

Racer racer(std::string_view name, const OptionValues& options) {
  const bool search = same_word(name, kLineSearch);
  Racer result = search ? line_search_racer(options) : registered_racer(name, options);
  try {
    result.make({two_numbers({1, 1})});
  } catch (const c10::Error& error) {
    throw std::invalid_argument(error.what_without_backtrace());
  }
  result.name = name;
  result.options = options;
  result.detail = result.name + (options.empty() ? "" : ":" + listed(options));
  return result;
}

Racer racer(std::string_view text) {
  const size_t end = std::min(text.find(':'), text.size());
  const size_t rest = std::min(end + 1, text.size());
  return racer(text.substr(0, end), parse_options(text.substr(rest)));
}

Racer racer(std::string label, MakeOptimizer make) {
  return {.label = label, .detail = label, .make = std::move(make)};
}

std::vector<Racer> parse_racers(std::string_view text) {
  // Pieces between commas outside brackets, joined again to one text a racer.
  std::vector<std::string> texts;
  for (size_t begin = 0; begin <= text.size();) {
    size_t end = begin;
    for (int depth = 0; end < text.size() && (depth > 0 || text[end] != ','); ++end)
      depth += text[end] == '[' ? 1 : text[end] == ']' ? -1 : 0;
    while (begin < end && text[begin] == ' ') ++begin;
    const std::string piece(text.substr(begin, end - begin));
    begin = end + 1;
    const size_t mark = piece.find_first_of(":=");
    const bool is_option = mark != std::string::npos && piece[mark] == '=';
    if (!is_option) {
      texts.push_back(piece);
    } else if (texts.empty()) {
      throw std::invalid_argument("optimizers: '" + piece + "' comes ahead of any optimizer");
    } else {
      std::string& racer_text = texts.back();
      racer_text += (racer_text.find(':') == std::string::npos ? ":" : ",") + piece;
    }
  }
  std::vector<Racer> racers;
  for (const std::string& racer_text : texts) {
    if (racer_text.empty())
      throw std::invalid_argument("optimizers: '" + std::string(text) +
                                  "' has an empty name, must be like sgd:lr=10,lion:lr=1");
    racers.push_back(racer(racer_text));
  }
  tell_apart(racers);
  return racers;
}

void tell_apart(std::vector<Racer>& racers) {
  const auto name_sharers = [&](auto rename) {
    std::vector<std::string> labels;
    for (const Racer& r : racers) labels.push_back(r.label);
    for (size_t i = 0; i < racers.size(); ++i)
      if (std::count(labels.begin(), labels.end(), labels[i]) > 1)
        rename(racers[i], std::count(labels.begin(), labels.begin() + i + 1, labels[i]));
  };
  name_sharers([](Racer& r, auto) {
    if (!r.options.empty()) r.label.append(" ").append(listed(r.options));
  });
  name_sharers([](Racer& r, auto number) {
    if (number > 1) r.label.append(" (").append(std::to_string(number)).append(")");
  });
}

Track race(const Surface& surface, const Racer& racer, const RaceOptions& options) {
  const Point start = options.start.value_or(surface.start);
  check(surface, start, options);
  Walker walker(surface, start);
  const auto optimizer = made(racer, walker.parameter());
  if (options.weight_decay != 0) set_weight_decay(racer, *optimizer, options.weight_decay);

  Track track{.label = racer.label, .detail = racer.detail};
  const auto points = static_cast<size_t>(options.steps) + 1;
  for (auto* list :
       {&track.x, &track.y, &track.losses, &track.smooth_losses, &track.gradient_norms})
    list->reserve(points);
  const Noise* const noise = options.noise ? &*options.noise : nullptr;
  const torch::optim::Optimizer::LossClosure closure = [&walker] { return walker.closure(); };
  for (int64_t step = 0;; ++step) {
    const Point here = walker.at();
    const bool on_the_plane = std::isfinite(here.x) && std::isfinite(here.y);
    const Dual loss = on_the_plane ? walker.evaluate() : Dual(std::nan(""));
    track.x.push_back(here.x);
    track.y.push_back(here.y);
    track.smooth_losses.push_back(loss.value);
    track.losses.push_back(surface.reported(loss.value, noise, here.x, here.y));
    if (track.left_at < 0 && !surface.contains(here.x, here.y)) track.left_at = step;
    if (!std::isfinite(loss.value)) {
      track.diverged = true;
      track.stopped = "diverged at step " + std::to_string(step);
      return track;
    }
    if (step == options.steps) return track;
    track.gradient_norms.push_back(std::hypot(loss.dx, loss.dy));
    if (options.on_step) options.on_step(step + 1);
    in_one_sentence("race: " + racer.label + " at step " + std::to_string(step + 1),
                    [&] { optimizer->step(closure); });
  }
}

std::vector<Track> race(const Surface& surface, std::span<const Racer> racers,
                        const RaceOptions& options) {
  if (racers.empty()) refuse("there are no racers, must be at least one");
  std::vector<Track> tracks;
  tracks.reserve(racers.size());
  for (const Racer& racer : racers) tracks.push_back(race(surface, racer, options));
  return tracks;
}

}  // namespace descent
