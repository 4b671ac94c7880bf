#include <cmath>
#include <stdexcept>

#include <gmock/gmock.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>

#include <descent/optim/sgd.h>
#include <descent/optim/training/line_search_descent.h>
#include <descent/optim/wrappers/lookahead.h>
#include <descent/optim/wrappers/sam.h>

#include "tracks.h"

namespace race_test {
namespace {

using descent::find_surface;
using descent::parse_racers;
using descent::race;
using descent::RaceOptions;
using descent::Racer;
using descent::racer;
using descent::Surface;
using descent::Track;
using tracks::message;
using tracks::way;

const Surface kBowl("bowl", [](const auto& x, const auto& y) { return x * x + y * y; },
                    {.x = {-2, 2}, .y = {-2, 2}, .start = {1, -0.5}});

void expect_the_same_way(const Track& a, const Track& b) {
  EXPECT_EQ(a.x, b.x);
  EXPECT_EQ(a.y, b.y);
  EXPECT_EQ(a.losses, b.losses);
  EXPECT_EQ(a.gradient_norms, b.gradient_norms);
}

TEST(ARace, RecordsEveryPointLossAndGradient) {
  const Track track = race(kBowl, racer("sgd:lr=0.25"), {.steps = 3});
  EXPECT_EQ(track.x, (std::vector<double>{1, 0.5, 0.25, 0.125}));
  EXPECT_EQ(track.y, (std::vector<double>{-0.5, -0.25, -0.125, -0.0625}));
  EXPECT_EQ(track.losses[1], 0.3125);
  EXPECT_EQ(track.smooth_losses, track.losses);
  ASSERT_EQ(track.gradient_norms.size(), 3);
  EXPECT_DOUBLE_EQ(track.gradient_norms[0], std::sqrt(5));
  EXPECT_EQ(track.label, "SGD");
  EXPECT_EQ(track.detail, "sgd:lr=0.25");
  EXPECT_EQ(track.left_at, -1);
  EXPECT_FALSE(track.diverged);
  EXPECT_EQ(track.stopped, "");
  descent::check(track, "track");
}

TEST(ARace, AsksAheadOfEachStepAndEndsWithWhatIsThrown) {
  std::vector<int64_t> steps;
  race(kBowl, racer("sgd"), {.steps = 3, .on_step = [&](int64_t step) { steps.push_back(step); }});
  EXPECT_EQ(steps, (std::vector<int64_t>{1, 2, 3}));
  struct Enough {};
  const auto stop = [](int64_t step) {
    if (step == 2) throw Enough();
  };
  EXPECT_THROW(race(kBowl, racer("sgd"), {.on_step = stop}), Enough);
  EXPECT_THROW(descent::tune(kBowl, "sgd", {.race = {.on_step = stop}}), Enough);
}

TEST(ARace, IsTheSameOnEveryRun) {
  const descent::Family joint = descent::find_family("joint");
  const auto once = race(find_surface("f1"), joint.racers),
             again = race(find_surface("f1"), joint.racers);
  for (size_t i = 0; i < once.size(); ++i) {
    const size_t n = once[i].drawable();
    EXPECT_TRUE(std::equal(once[i].x.begin(), once[i].x.begin() + n, again[i].x.begin()));
  }
}

TEST(ARace, EndsWhereARacerDivergesAndSaysSo) {
  const Track track = race(find_surface("rosenbrock"), racer("sgd:lr=0.1"));
  EXPECT_TRUE(track.diverged);
  EXPECT_EQ(track.stopped, "diverged at step " + std::to_string(track.x.size() - 1));
  EXPECT_LT(track.x.size(), 20);
  EXPECT_EQ(track.gradient_norms.size(), track.x.size() - 1);
  EXPECT_FALSE(std::isfinite(track.smooth_losses.back()));
  EXPECT_GT(track.left_at, 0);
}

TEST(ARace, NotesWhereTheDomainWasLeft) {
  const Track track = race(find_surface("f2"), racer("sgd:lr=10"));
  EXPECT_EQ(track.left_at, 14);
  EXPECT_GT(std::abs(track.y[14]), 10);
  EXPECT_LE(std::abs(track.y[13]), 10);
  EXPECT_EQ(track.x.size(), 101);
}

TEST(ARace, RunsLibTorchsOwnOptimizersToo) {
  const Racer theirs = racer("LibTorch", [](std::vector<at::Tensor> params) {
    return std::make_unique<torch::optim::SGD>(std::move(params),
                                               torch::optim::SGDOptions(0.002).momentum(0.9));
  });
  const Surface beale = find_surface("beale");
  const Track track = race(beale, theirs);
  const Track ours = race(beale, racer("sgd:lr=0.002,momentum=0.9"));
  EXPECT_EQ(track.label, "LibTorch");
  ASSERT_EQ(track.x.size(), 101);
  for (size_t i = 0; i < track.x.size(); ++i) {
    EXPECT_NEAR(track.x[i], ours.x[i], 1e-12);
    EXPECT_NEAR(track.y[i], ours.y[i], 1e-12);
  }
}

TEST(ARace, RunsOptimizersThatEvaluateElsewhere) {
  const auto params_to = [](auto make) { return racer("own", make); };
  const Track lbfgs =
      race(find_surface("rosenbrock"), params_to([](std::vector<at::Tensor> p) {
             return std::make_unique<torch::optim::LBFGS>(
                 std::move(p), torch::optim::LBFGSOptions(1).line_search_fn("strong_wolfe"));
           }),
           {.steps = 20});
  EXPECT_LT(lbfgs.losses.back(), 1e-8);
  const Track sam =
      race(kBowl, params_to([](std::vector<at::Tensor> p) {
             return std::make_unique<descent::SAM>(descent::SGD(std::move(p), {.lr = 0.1}),
                                                   descent::SAM::Options{.rho = 0.1});
           }),
           {.steps = 1});
  // By hand: the gradient (2, -1) leads to q = p + 0.1 (2, -1)/sqrt 5, the step is lr 2 q.
  EXPECT_NEAR(sam.x[1], 1 - 0.2 * (1 + 0.2 / std::sqrt(5)), 1e-12);
  const Track slow = race(kBowl, params_to([](std::vector<at::Tensor> p) {
                            return std::make_unique<descent::Lookahead>(
                                descent::SGD(std::move(p), {.lr = 0.25}),
                                descent::Lookahead::Options{.k = 2, .alpha = 0.5});
                          }),
                          {.steps = 2});
  EXPECT_EQ(slow.x, (std::vector<double>{1, 0.5, 1 + 0.5 * (0.25 - 1)}));
}

TEST(ARace, GivesLookAheadTheGradientAhead) {
  // By hand on x^2: b1 = 2, p1 = .8; q = .8 - .1 .9 2 = .62, b2 = 1.8 + 1.24, p2 = .8 - .304.
  const Track track = race(kBowl, racer("sgd:lr=0.1,momentum=0.9,lookahead=true"), {.steps = 2});
  EXPECT_NEAR(track.x[1], 0.8, 1e-15);
  EXPECT_NEAR(track.x[2], 0.496, 1e-15);
  EXPECT_NEAR(track.gradient_norms[1], 2 * std::hypot(0.8, 0.4), 1e-15);
}

TEST(ARace, MeasuresTheNormsOfLambOverBothCoordinates) {
  const Track track = race(kBowl, racer("lamb:lr=0.1"), {.steps = 1});
  EXPECT_NEAR(tracks::step_length(track, 1), 0.1 * std::hypot(1, 0.5), 1e-12);
}

TEST(ARace, GivesEachStepAGradientOfItsOwn) {
  // Full-matrix AdaGrad remembers gradients. By hand along x: 4 - 4/sqrt(16), 3 - 3/sqrt(16 + 9).
  const Surface valley("valley", [](const auto& x, const auto& y) { return x * x / 2 + 0 * y; },
                       {.x = {-9, 9}, .start = {4, 0}});
  const Track track = race(valley, racer("full_adagrad:lr=1,eps=1e-9"), {.steps = 2});
  EXPECT_NEAR(track.x[1], 3, 1e-8);
  EXPECT_NEAR(track.x[2], 3 - 3 / 5.0, 1e-8);
}

TEST(LineSearchDescent, IsExactOnABowl) {
  for (const char* method : {"secant", "golden_section"}) {
    const Track track =
        race(kBowl, racer("line_search:lr=0.1,method=" + std::string(method)), {.steps = 2});
    EXPECT_LT(track.losses[1], 1e-8) << method;
  }
}

TEST(LineSearchDescent, StaysWhereNothingIsLower) {
  const Surface valley("valley", [](const auto& x, const auto& y) { return x * x + 0 * y; },
                       {.start = {0, 0.5}});
  const Track track = race(valley, racer("line_search"), {.steps = 3});
  EXPECT_EQ(track.x, (std::vector<double>{0, 0, 0, 0}));
}

TEST(LineSearchDescent, RefusesWhatItCannotDo) {
  EXPECT_EQ(message([] { racer("line_search:method=newton"); }),
            "line_search: method = newton, must be secant or golden_section");
  EXPECT_EQ(message([] { racer("line_search:lr=-1"); }),
            "LineSearchDescent: lr = -1, must be finite and > 0");
  at::Tensor p = torch::ones({1}, torch::kDouble).requires_grad_();
  descent::LineSearchDescent optimizer({p});
  EXPECT_THROW(optimizer.step(), c10::Error);
}

// Weight decay.

TEST(WeightDecay, IsThePlainWalks) {
  const double lr = 0.5, wd = 0.03;
  const Surface f5 = find_surface("f5");
  const Track track = race(f5, racer("sgd:lr=0.5"), {.steps = 50, .weight_decay = wd});
  double x = 9, y = 9;
  for (size_t i = 1; i <= 50; ++i) {
    const descent::Dual g = f5.gradient(x, y);
    x = x - lr * g.dx - lr * wd * x;
    y = y - lr * g.dy - lr * wd * y;
    EXPECT_NEAR(track.x[i], x, 1e-13);
    EXPECT_NEAR(track.y[i], y, 1e-13);
  }
}

TEST(WeightDecay, IsDecoupledForWhoeverOffersIt) {
  // A step that is lr sign(g) whatever the gradient's size: p - lr sign(g) - lr wd p.
  for (const char* name : {"adam", "adamw", "adamax", "lion"}) {
    const Racer one = racer(std::string(name) + ":lr=0.1");
    const Track track = race(kBowl, one, {.steps = 1, .weight_decay = 0.5});
    EXPECT_NEAR(track.x[1], 1 - 0.1 - 0.05, 1e-7) << name;
  }
  const Track lamb = race(kBowl, racer("lamb:lr=0.1"), {.steps = 1, .weight_decay = 0.5});
  EXPECT_NEAR(tracks::step_length(race(kBowl, racer("lamb:lr=0.1"), {.steps = 1}), 1),
              0.1 * std::hypot(1, .5), 1e-12);
  EXPECT_NEAR(lamb.x[1], 0.95 - 0.1 * 0.95 * std::hypot(1, .5) / std::sqrt(2), 1e-6);
}

TEST(WeightDecay, IsRefusedWhereThereIsNone) {
  const RaceOptions options{.weight_decay = 0.1};
  EXPECT_EQ(message([&] { race(kBowl, racer("rprop"), options); }),
            "race: weight_decay = 0.1, but Rprop has no weight decay");
  const Racer theirs = racer("their SGD", [](std::vector<at::Tensor> params) {
    return std::make_unique<torch::optim::SGD>(std::move(params), 0.1);
  });
  EXPECT_EQ(message([&] { race(kBowl, theirs, options); }),
            "race: weight_decay = 0.1, but their SGD is not one of the optimizers that are made by "
            "name: set it in its options");
  EXPECT_EQ(message([] { race(kBowl, racer("sgd"), {.weight_decay = -1}); }),
            "race: weight_decay = -1, must be finite and >= 0");
}

// Refusals.

TEST(ARace, IsRefusedWithOneSentence) {
  EXPECT_EQ(message([] { race(kBowl, std::vector<Racer>{}); }),
            "race: there are no racers, must be at least one");
  EXPECT_EQ(message([] { race(kBowl, racer("sgd"), {.steps = 0}); }),
            "race: steps = 0, must be in [1, 10000000]");
  EXPECT_EQ(message([] { race(kBowl, racer("sgd"), {.steps = 10'000'001}); }),
            "race: steps = 10000001, must be in [1, 10000000]");
  EXPECT_EQ(message([] {
              race(kBowl, racer("sgd"), {.start = descent::Point{1, 3}});
            }),
            "race: start = (1, 3), must be in [-2, 2] x [-2, 2], the domain of bowl");
  EXPECT_EQ(message([] { race(kBowl, Racer{.label = "nobody"}); }),
            "race: nobody has no function that makes its optimizer");
  const Racer null = racer("null", [](auto) { return nullptr; });
  EXPECT_EQ(message([&] { race(kBowl, null); }), "race: null made no optimizer");
}

TEST(ARace, IsRefusedOnASurfaceThatIsNotFiniteAtTheStart) {
  const Surface log("log",
                    [](const auto& x, const auto& y) {
                      using std::log;
                      return log(x) + y;
                    },
                    {.start = {-0.5, 0}});
  EXPECT_EQ(message([&] { race(log, racer("sgd")); }).substr(0, 18), "race: log has the ");
  EXPECT_THAT(message([&] { race(log, racer("sgd")); }),
              testing::EndsWith("at the start (-0.5, 0), must be finite"));
}

TEST(ARace, PassesOnWhatASurfaceThrows) {
  const auto guarded = [](const auto& x, const auto& y) {
    if constexpr (!std::is_same_v<std::decay_t<decltype(x)>, at::Tensor>)
      if (x < 0.5) throw std::runtime_error("too far left");
    return x * x + y * y;
  };
  const Surface cliff("cliff", guarded, {.start = {1, 0}});
  EXPECT_EQ(message([&] { race(cliff, racer("sgd:lr=0.3")); }),
            "Surface cliff: its function threw at (0.4, 0): too far left");
}

TEST(ARace, StopsARacerThatMeetsNaN) {
  const auto text = [](const auto& x, const auto& y) {
    using std::sqrt;
    return sqrt(x) + y * y;
  };
  const Surface edge("edge", text, {.start = {0.5, 0}});
  const Track track = race(edge, racer("sgd:lr=0.4"));
  EXPECT_TRUE(track.diverged);
  EXPECT_EQ(track.stopped, "diverged at step 2");
}

TEST(ARace, SaysWhoseOptimizerFailed) {
  const Racer broken = racer("broken", [](std::vector<at::Tensor>) {
    TORCH_CHECK(false, "out of order");
    return std::unique_ptr<torch::optim::Optimizer>();
  });
  EXPECT_EQ(message([&] { race(kBowl, broken); }), "race: broken: out of order");
}

// Racers by name.

TEST(ARacer, IsCheckedAtOnce) {
  EXPECT_EQ(message([] { racer("adamm"); }),
            "no optimizer is called adamm, did you mean adam, adamw or adamax?");
  EXPECT_EQ(message([] { racer("adam:learning=1"); }).substr(0, 29),
            "Adam: has no option learning");
  EXPECT_EQ(message([] { racer("adam:lr=-1"); }), "Adam: lr = -1, must be finite and >= 0");
  EXPECT_EQ(message([] { racer("sgd:nesterov=true"); }),
            "SGD: nesterov = true, must be false unless momentum > 0 and dampening = 0");
  EXPECT_EQ(message([] { racer("sgd:lr"); }), "options: 'lr' cannot be read, must be name=value");
}

TEST(ARacer, IsMadeAgainByItsDetail) {
  const Racer first = racer("adamw:lr=0.1,betas=0.9:0.95,eps_mode=hat");
  EXPECT_EQ(first.detail, "adamw:lr=0.1,betas=[0.9, 0.95],eps_mode=hat");
  const Racer second = racer(first.detail);
  EXPECT_EQ(second.detail, first.detail);
  expect_the_same_way(race(kBowl, first), race(kBowl, second));
}

TEST(Racers, AreReadFromOneText) {
  const auto racers =
      parse_racers("sgd:lr=10,momentum=0.9, lion:lr=1,betas=[0.9,0.99],adam,line_search");
  ASSERT_EQ(racers.size(), 4);
  EXPECT_EQ(racers[0].detail, "sgd:lr=10,momentum=0.9");
  EXPECT_EQ(racers[1].detail, "lion:lr=1,betas=[0.9, 0.99]");
  EXPECT_EQ(racers[2].detail, "adam");
  EXPECT_EQ(racers[3].label, "Line search");
  EXPECT_EQ(parse_racers("adam:betas=0.9:0.95,lr=1")[0].detail, "adam:betas=[0.9, 0.95],lr=1");
  EXPECT_EQ(parse_racers("adam,lr=1")[0].detail, "adam:lr=1");
}

TEST(Racers, HaveLabelsThatTellThemApart) {
  const auto racers = parse_racers("sgd:lr=1,sgd:lr=10,adam,sgd:lr=1");
  EXPECT_EQ(racers[0].label, "SGD lr=1");
  EXPECT_EQ(racers[1].label, "SGD lr=10");
  EXPECT_EQ(racers[2].label, "Adam");
  EXPECT_EQ(racers[3].label, "SGD lr=1 (2)");
}

TEST(Racers, AreRefusedWhereTheTextMakesNoSense) {
  EXPECT_EQ(message([] { parse_racers("lr=1,sgd"); }),
            "optimizers: 'lr=1' comes ahead of any optimizer");
  EXPECT_EQ(message([] { parse_racers("sgd,,adam"); }),
            "optimizers: 'sgd,,adam' has an empty name, must be like sgd:lr=10,lion:lr=1");
  EXPECT_EQ(message([] { parse_racers(""); }),
            "optimizers: '' has an empty name, must be like sgd:lr=10,lion:lr=1");
  EXPECT_EQ(message([] { parse_racers("sgd:lr=1,lyon"); }),
            "no optimizer is called lyon, did you mean lion?");
}

TEST(Families, AreFoundByTheirKeys) {
  EXPECT_EQ(descent::find_family("joint").racers.size(), 10);
  EXPECT_EQ(message([] { descent::find_family("sadle"); }),
            "no family of races is called sadle, did you mean saddle?");
}

TEST(Families, RunOnAllTheirSurfaces) {
  for (const descent::Family& family : descent::families())
    for (const descent::Heat& heat : family.heats)
      for (const Track& track : race(heat.surface, family.racers, heat.options))
        descent::check(track, family.key + " " + track.label);
}

}  // namespace
}  // namespace race_test
