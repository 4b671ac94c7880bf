#include <cmath>
#include <memory>
#include <set>
#include <stdexcept>

#include <gmock/gmock.h>

#include <descent/tune/population.h>

namespace {

using descent::Exploit, descent::OptionValues, descent::Population, descent::PopulationMember,
    descent::PopulationOptions, descent::Range, descent::Space;
using testing::HasSubstr;
using testing::ThrowsMessage;

#define EXPECT_REFUSES(expression, text) \
  EXPECT_THAT([&] { expression; }, ThrowsMessage<std::invalid_argument>(HasSubstr(text)))

/// Figure 2 of the paper: Q = 1.2 - t0^2 - t1^2 is to be maximised, but only the slope of 1.2 - h0
/// t0^2 - h1 t1^2 is known.
struct Toy : PopulationMember {
  double t[2] = {0.9, 0.9}, h[2] = {0, 0};
  double train(int64_t, int64_t steps) override {
    for (int64_t i = 0; i < steps; ++i)
      for (int k = 0; k < 2; ++k) t[k] -= 0.01 * 2 * h[k] * t[k];
    return t[0] * t[0] + t[1] * t[1] - 1.2;
  }
  void set(const OptionValues& values) override {
    for (size_t k = 0; k < 2; ++k) h[k] = std::get<double>(values[k].second);
  }
  void copy(const PopulationMember& other) override {
    const auto& from = dynamic_cast<const Toy&>(other);
    t[0] = from.t[0];
    t[1] = from.t[1];
  }
};

const Space kSides{{"h0", Range{0, 1}}, {"h1", Range{0, 1}}};
std::unique_ptr<PopulationMember> toy(int64_t) { return std::make_unique<Toy>(); }

PopulationOptions figure_2() {
  return {.interval = 4, .first = {{{"h0", 1}, {"h1", 0}}, {{"h0", 0}, {"h1", 1}}}};
}

TEST(APopulation, StaysWhereItIsWithoutCopying) {
  PopulationOptions options = figure_2();
  options.exploit = Exploit::Never;
  Population members(kSides, 2, toy, options);
  members.run(200);
  for (const double loss : members.losses()) EXPECT_NEAR(-loss, 0.3897494379486972, 1e-14);
  EXPECT_EQ(members.schedule().size(), 1u);
  EXPECT_TRUE(members.copies().empty());
}

TEST(APopulation, FindsTheMaximumOfThePapersFigure2ByCopying) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    PopulationOptions options = figure_2();
    options.interval = 1;
    options.seed = seed;
    Population members(kSides, 2, toy, options);
    members.run(200);
    EXPECT_GT(-members.losses()[static_cast<size_t>(members.best())], 1.19) << seed;
  }
}

TEST(APopulation, HasAScheduleThatLeadsToTheSameWeights) {
  PopulationOptions options = figure_2();
  Population members(kSides, 2, toy, options);
  members.run(203);
  const auto schedule = members.schedule();
  EXPECT_EQ(schedule.front().step, 0);
  EXPECT_GT(schedule.size(), 3u);
  Toy again;
  for (size_t i = 0; i < schedule.size(); ++i) {
    again.set(schedule[i].values);
    const int64_t end = i + 1 < schedule.size() ? schedule[i + 1].step : members.steps();
    again.train(schedule[i].step, end - schedule[i].step);
  }
  const auto& best = dynamic_cast<const Toy&>(members.member(members.best()));
  EXPECT_EQ(again.t[0], best.t[0]);
  EXPECT_EQ(again.t[1], best.t[1]);
}

TEST(APopulation, HasAScheduleThatIsReplayed) {
  Population members(kSides, 2, toy, figure_2());
  members.run(203);
  const auto changes = members.schedule();
  const descent::Schedule replayed = descent::replayed(changes, "h1");
  size_t now = 0;
  for (int64_t step = 0; step < 203; ++step) {
    while (now + 1 < changes.size() && changes[now + 1].step <= step) ++now;
    EXPECT_EQ(replayed.at(0.5, step), std::get<double>(changes[now].values[1].second)) << step;
  }
  EXPECT_GT(now, 2u);
  EXPECT_EQ(replayed.problem(1), "");
  EXPECT_REFUSES(descent::replayed(changes, "h2"), "replayed: has no h2");
  EXPECT_REFUSES(descent::replayed({}), "no values from step 0 on");
  EXPECT_REFUSES(descent::replayed({{0, {{"lr", "high"}}}}), "lr = high, must be a number");
}

/// A member whose loss is its number, and which says how it was treated.
struct Numbered : PopulationMember {
  explicit Numbered(int64_t index) : weight(index) {}
  int64_t weight;
  double lr = 0;
  double train(int64_t, int64_t) override { return static_cast<double>(weight); }
  void set(const OptionValues& values) override { lr = std::get<double>(values[0].second); }
  void copy(const PopulationMember& other) override {
    weight = dynamic_cast<const Numbered&>(other).weight;
  }
};
std::unique_ptr<PopulationMember> numbered(int64_t index) {
  return std::make_unique<Numbered>(index);
}
const Space kRate{{"lr", descent::LogRange{1e-6, 1}}};

TEST(APopulation, LetsTheWorstFifthCopyTheBestFifth) {
  PopulationOptions options{.interval = 10, .quantile = 0.2, .resample = 0};
  for (int i = 0; i < 12; ++i) options.first.push_back({{"lr", 1e-3 * (i + 1)}});
  Population members(kRate, 12, numbered, options);
  members.run(19);
  ASSERT_EQ(members.copies().size(), 3u);  // ceil(0.2 * 12)
  for (size_t i = 0; i < 3; ++i) {
    const auto& copy = members.copies()[i];
    EXPECT_EQ(copy.step, 10);
    EXPECT_EQ(copy.member, 9 + static_cast<int64_t>(i));
    EXPECT_LT(copy.from, 3);
    const double ratio = std::get<double>(members.values(copy.member)[0].second) /
                         (1e-3 * static_cast<double>(copy.from + 1));
    EXPECT_NEAR(std::min(std::abs(ratio - 1.2), std::abs(ratio - 0.8)), 0, 1e-12);
  }
  // Only who has copied explores.
  for (int64_t i = 0; i < 9; ++i)
    EXPECT_NEAR(std::get<double>(members.values(i)[0].second), 1e-3 * static_cast<double>(i + 1),
                1e-15);
}

TEST(APopulation, CopiesTheBetterOneOfTwoInATournament) {
  Population members(kRate, 10, numbered,
                     {.interval = 1, .exploit = Exploit::BinaryTournament, .seed = 3});
  members.run(1);
  EXPECT_GT(members.copies().size(), 2u);
  for (const auto& copy : members.copies()) {
    EXPECT_LT(copy.from, copy.member);
    EXPECT_EQ(dynamic_cast<const Numbered&>(members.member(copy.member)).weight, copy.from)
        << "what is copied is what was there ahead of all copies";
  }
}

TEST(APopulation, WaitsForItsFirstComparison) {
  Population members(kRate, 10, numbered, {.interval = 10, .burn_in = 25});
  members.run(29);
  EXPECT_TRUE(members.copies().empty());
  members.run(1);
  EXPECT_FALSE(members.copies().empty());
}

TEST(APopulation, MovesListsByOnePlaceAndDrawsAnewWhereAskedTo) {
  const Space space{{"mode", descent::Choice{1, 2, 3, 4, 5}}};
  PopulationOptions options{.interval = 1, .resample = 0};
  for (int i = 0; i < 10; ++i) options.first.push_back({{"mode", 3}});
  Population members(space, 10, numbered, options);
  members.run(1);
  for (const int64_t i : {8, 9}) {
    const double mode = std::get<double>(members.values(i)[0].second);
    EXPECT_TRUE(mode == 2 || mode == 4) << mode;
  }
  Population drawn(kRate, 10, numbered, {.interval = 1, .resample = 1});
  drawn.run(1);
  for (const auto& copy : drawn.copies()) {
    const double ratio = std::get<double>(drawn.values(copy.member)[0].second) /
                         std::get<double>(drawn.values(copy.from)[0].second);
    EXPECT_GT(std::min(std::abs(ratio - 1.2), std::abs(ratio - 0.8)), 1e-6);
  }
}

TEST(APopulation, MovesWholeNumbersByAtLeastOne) {
  for (const descent::Scale& scale :
       {descent::Scale(descent::Integer{-9, 9}), descent::Scale(descent::LogInteger{1, 9})})
    for (const int start : {-2, 0, 1, 2, 4}) {
      if (start < 1 && std::holds_alternative<descent::LogInteger>(scale)) continue;
      PopulationOptions options{.interval = 1, .resample = 0};
      for (int i = 0; i < 40; ++i) options.first.push_back({{"n", start}});
      Population members({{"n", scale}}, 40, numbered, options);
      members.run(1);
      std::set<double> seen;
      for (const auto& copy : members.copies())
        seen.insert(std::get<double>(copy.values[0].second) - start);
      const bool held = start == 1 && std::holds_alternative<descent::LogInteger>(scale);
      EXPECT_EQ(seen, held ? (std::set<double>{0, 1}) : (std::set<double>{-1, 1})) << start;
    }
}

TEST(APopulation, HasTheSameMembersOnAnyNumberOfThreads) {
  const auto run = [](int64_t threads) {
    Population members(kSides, 9, toy, {.interval = 3, .threads = threads, .seed = 5});
    members.run(60);
    return members.losses();
  };
  EXPECT_EQ(run(2), run(1));
  EXPECT_EQ(run(7), run(1));
}

TEST(APopulation, TakesWhatIsNotFiniteAsTheWorst) {
  struct Broken : Numbered {
    using Numbered::Numbered;
    double train(int64_t, int64_t) override {
      return weight == 0 ? std::nan("") : static_cast<double>(weight);
    }
  };
  Population members(kRate, 10, [](int64_t i) { return std::make_unique<Broken>(i); },
                     {.interval = 10});
  members.run(10);
  ASSERT_EQ(members.copies().size(), 3u);  // ceil(0.25 * 10)
  EXPECT_EQ(members.copies()[2].member, 0);
}

TEST(APopulation, EndsWithWhatAMemberThrows) {
  struct Thrower : Numbered {
    using Numbered::Numbered;
    double train(int64_t, int64_t) override { throw std::runtime_error("no memory"); }
  };
  for (const int64_t threads : {1, 3}) {
    Population members(kRate, 4, [](int64_t i) { return std::make_unique<Thrower>(i); },
                       {.threads = threads});
    EXPECT_THAT([&] { members.run(1); }, ThrowsMessage<std::runtime_error>(HasSubstr("no memory")));
  }
}

TEST(APopulation, RefusesWhatItCannotBe) {
  EXPECT_REFUSES(Population(kRate, 1, numbered), "members = 1, must be at least 2");
  EXPECT_REFUSES(Population(kRate, 3, numbered, {.quantile = 0.5}), "quantile = 0.5");
  EXPECT_EQ(PopulationOptions().quantile, 0.25) << "as Ray Tune's";
  EXPECT_REFUSES(Population(kRate, 8, numbered, {.quantile = 0.6}), "quantile = 0.6, must be in");
  EXPECT_REFUSES(Population(kRate, 8, numbered, {.interval = 0}), "interval = 0");
  EXPECT_REFUSES(Population(kRate, 8, numbered, {.factors = {1.2, 0}}), "factors = [1.2, 0]");
  EXPECT_REFUSES(Population(kRate, 8, nullptr), "no function is given");
  EXPECT_REFUSES(Population(kRate, 8, [](int64_t) { return nullptr; }), "member 0 is null");
  EXPECT_REFUSES(Population(kRate, 2, numbered, {.first = {{{"lr", 2}}}}), "lr = 2, must be in");
  EXPECT_REFUSES(Population(kRate, 2, numbered).run(-1), "steps = -1, must be >= 0");
}

}  // namespace
