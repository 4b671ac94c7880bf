#include "commands/gallery/families.h"

#include <stdexcept>

#include <descent/base/nearest.h>

namespace descent {
namespace {

/// An optimizer as a family shows it: its label, its name and, apart from the rate, its options.
struct Form {
  const char* label;
  const char* name;
  const char* options;
};

// As keras.optimizers has them; learning rates apart.
constexpr Form kSgd{"SGD", "sgd", ""};
constexpr Form kNag{"NAG", "sgd", ",momentum=0.9,nesterov=true,velocity=step"};
constexpr Form kRmsprop{"RMSprop", "rmsprop", ",alpha=0.9,eps=1e-7,eps_mode=inside"};
constexpr Form kAdagrad{"AdaGrad", "adagrad",
                        ",initial_accumulator_value=0.1,eps=1e-7,eps_mode=inside"};
constexpr Form kAdam{"Adam", "adam", ",eps=1e-7,eps_mode=hat"};
constexpr Form kAdamw{"Adam", "adamw", ",eps=1e-7,eps_mode=hat,weight_decay=0"};
constexpr Form kAdamax{"Adamax", "adamax", ",eps=1e-7,eps_place=after_max"};
constexpr Form kNadam{"NAdam", "nadam", ",eps=1e-7,momentum_decay=1"};
constexpr Form kLion{"Lion", "lion", ""};
constexpr Form kLamb{"LAMB", "lamb", ",eps=1e-7,decay_place=decoupled"};
constexpr Form kFtrl{"FTRL", "ftrl", ""};

// As torch.optim has them.
constexpr Form kMomentum{"Momentum", "sgd", ",momentum=0.9"};
constexpr Form kLookahead{"Look-ahead NAG", "sgd", ",momentum=0.9,lookahead=true"};
constexpr Form kNesterov{"NAG", "sgd", ",momentum=0.9,nesterov=true"};
constexpr Form kPlainAdagrad{"AdaGrad", "adagrad", ""};
constexpr Form kPlainRmsprop{"RMSprop", "rmsprop", ",alpha=0.9"};
constexpr Form kAdadelta{"AdaDelta", "adadelta", ""};
constexpr Form kSecant{"Secant search", "line_search", ",method=secant"};
constexpr Form kGolden{"Golden section", "line_search", ",method=golden_section"};

Racer at(const Form& form, const char* lr) {
  Racer result = racer(std::string(form.name) + ":lr=" + lr + form.options);
  result.label = form.label;
  return result;
}

Racer labelled(const Form& form, const char* lr) {
  Racer result = at(form, lr);
  result.label += std::string(" lr ") + lr;
  return result;
}

/// One optimizer at several rates.
Family rates(const char* key, const Form& form, std::initializer_list<const char*> lrs,
             std::vector<Heat> heats) {
  Family family{key, std::string(form.label) + " at five learning rates", {}, std::move(heats)};
  for (const char* lr : lrs) family.racers.push_back(labelled(form, lr));
  return family;
}

Heat on(const char* surface) { return {find_surface(surface)}; }

Heat on(const char* surface, double elevation, double azimuth) {
  Heat heat = on(surface);
  heat.surface.view.elevation = elevation;
  heat.surface.view.azimuth = azimuth;
  return heat;
}

Heat from(const Point& start, Heat heat) {
  heat.surface.start = start;
  return heat;
}

Heat steps(int64_t count, Heat heat) {
  heat.options.steps = count;
  return heat;
}

Heat with_view_of(const char* other, Heat heat) {
  heat.surface.view = find_surface(other).view;
  return heat;
}

}  // namespace

std::vector<Family> families() {
  return {
      rates("sgd", kSgd, {"0.1", "1", "10", "20", "50"}, {on("f0"), on("f5")}),
      rates("nag", kNag, {"0.1", "1", "10", "20", "50"}, {on("f0", 40, -20), on("f5")}),
      rates("rmsprop", kRmsprop, {"0.01", "0.025", "0.05", "0.075", "1"},
            {on("f0", 40, -20), on("f5")}),
      rates("adagrad", kAdagrad, {"0.01", "0.1", "0.5", "1", "10"}, {on("f0"), on("f5"), on("f4")}),
      rates("adam", kAdam, {"0.001", "0.01", "0.1", "1", "10"}, {on("f5"), on("f4")}),
      rates("lion", kLion, {"0.01", "0.1", "0.25", "0.5", "1"}, {on("f5"), on("f4"), on("f1")}),
      rates("lamb", kLamb, {"0.001", "0.01", "0.1", "0.2", "0.5"},
            {on("f5"), from({9, 9}, with_view_of("f5", on("f4"))), on("f1")}),
      rates("ftrl", kFtrl, {"0.001", "0.01", "0.1", "1", "10"}, {on("f5"), on("f4"), on("f1")}),
      {"joint",
       "Ten optimizers together",
       {at(kSgd, "10"), at(kNag, "10"), at(kRmsprop, "1"), at(kAdagrad, "10"), at(kAdamw, "1"),
        at(kAdamax, "1"), at(kNadam, "1"), at(kLion, "1"), at(kLamb, "1"), at(kFtrl, "1")},
       {on("f0"), on("f5", 20, -100), on("f1"), on("f2"), from({-9, -2.5}, on("f3")), on("f4")}},
      {"saddle",
       "Who leaves a saddle point",
       {at(kSgd, "0.01"), at(kMomentum, "0.01"), at(kLookahead, "0.01"), at(kPlainAdagrad, "0.1"),
        at(kPlainRmsprop, "0.05"), at(kAdadelta, "5")},
       {steps(400, on("saddle"))}},
      {"beale",
       "Who is led off the track",
       {at(kSgd, "0.002"), at(kMomentum, "0.005"), at(kLookahead, "0.005"),
        at(kPlainAdagrad, "1.0"), at(kPlainRmsprop, "0.05"), at(kAdadelta, "50")},
       {steps(300, on("beale"))}},
      {"lookahead",
       "The gradient one step ahead",
       {at(kMomentum, "0.01"), at(kNesterov, "0.01"), at(kLookahead, "0.01")},
       {on("booth"), on("himmelblau")}},
      {"line_search",
       "Steepest descent with a searched step",
       {at(kSgd, "0.001"), at(kSecant, "0.01"), at(kGolden, "0.01")},
       {steps(300, on("rosenbrock")), on("beale"), on("booth"), on("mae")}},
      {"regression",
       "LAMB against Adam at high learning rates",
       {labelled(kAdam, "0.1"), labelled(kLamb, "0.1"), labelled(kAdam, "1"), labelled(kLamb, "1")},
       {on("mse"), on("rmse"), on("mae")}},
  };
}

Family find_family(std::string_view key) {
  std::vector<std::string> keys;
  for (Family& family : families()) {
    if (same_word(key, family.key)) return std::move(family);
    keys.push_back(family.key);
  }
  throw std::invalid_argument("no family of races is called " + std::string(key) +
                              did_you_mean(key, keys));
}

}  // namespace descent
