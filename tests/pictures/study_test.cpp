#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>

#include <gtest/gtest.h>

#include <descent/base/atomic_file.h>
#include <descent/base/random.h>
#include <descent/pictures/draw_study.h>

#include "pictures.h"

namespace descent {
namespace {

constexpr uint32_t kBestSoFar = 0xd55e00, kRed = 0xff4b33, kBlue = 0x0072b2;

/// A bowl over two numbers and a list.
Trials some_trials(size_t n = 40) {
  Trials trials{.parameters = {{.name = "lr", .lo = 1e-5, .hi = 1, .log = true},
                               {.name = "momentum", .lo = 0, .hi = 0.99},
                               {.name = "nesterov", .words = {"true", "false"}}}};
  std::mt19937_64 bits(1);
  for (size_t k = 0; k < n; ++k) {
    const double lr = std::pow(10, -5 * uniform(bits)), momentum = 0.99 * uniform(bits);
    const double word = uniform(bits) < 0.5 ? 0 : 1;
    trials.trials.push_back({.number = static_cast<int64_t>(k),
                             .at = {lr, momentum, word},
                             .value = 0.001 + std::pow(std::log10(lr) + 2, 2) + momentum + word});
  }
  return trials;
}

class PictureOfAStudy : public PictureFile {
 protected:
  Pixels png(const Trials& trials, const StudyPictureOptions& options) {
    draw(trials, folder_ / "study.png", options);
    return Pixels(read_file(folder_ / "study.png"));
  }
  /// How many places of a page show a row of its table.
  static int64_t spots(const std::string& page) {
    const size_t first = page.find("\"spots\":[") + 9;
    const std::string list = page.substr(first, page.find("]]", first) - first);
    return std::count(list.begin(), list.end(), '[');
  }
};

TEST_F(PictureOfAStudy, HasTheSameBytesEachTimeInEachView) {
  for (const StudyView view : {StudyView::All, StudyView::History, StudyView::Slices,
                               StudyView::Contours, StudyView::Parallel})
    for (const char* const name : {"study.png", "study.svg"}) {
      draw(some_trials(), folder_ / name, {.view = view});
      const std::string first = read_file(folder_ / name);
      EXPECT_GT(first.size(), 5000u);
      draw(some_trials(), folder_ / name, {.view = view});
      EXPECT_EQ(read_file(folder_ / name), first) << name;
    }
}

TEST_F(PictureOfAStudy, IsAPageWithAllTrials) {
  Trials trials = some_trials(12);
  trials.parameters[2].words = {"</script>", "b&c"};
  trials.trials[3].value = kNaN;
  draw(trials, folder_ / "study.html", {.title = "a < b"});
  const std::string page = read_file(folder_ / "study.html");
  EXPECT_NE(page.find("<title>a &lt; b</title>"), std::string::npos);
  EXPECT_NE(page.find("\"names\":[\"trial\",\"loss\",\"lr\",\"momentum\",\"nesterov\""),
            std::string::npos);
  EXPECT_NE(page.find("[3,null,"), std::string::npos);
  EXPECT_EQ(page.find("http://", page.find("id=\"data\"")),
            page.find("http://www.w3.org/2000/svg", page.find("id=\"data\"")));
  size_t ends = 0;
  for (size_t at = 0; (at = page.find("</script>", at)) != std::string::npos; ++at) ++ends;
  EXPECT_EQ(ends, 2u);
}

TEST_F(PictureOfAStudy, MarksTheBestTrial) {
  Trials trials = some_trials();
  const StudyPictureOptions history{.width = 800, .height = 400, .view = StudyView::History};
  // Where the star is: to the right the later the best trial comes.
  const auto star = [&](size_t best) {
    Trials with = trials;
    with.trials[best].value = 1e-4;
    const Pixels picture = png(with, history);
    return picture.marker(0, picture.width).x;
  };
  const double early = star(5), late = star(35);
  EXPECT_GT(late, early + 400);
  EXPECT_GT(png(trials, {.view = StudyView::Parallel}).count(kRed, 600), 500);
}

TEST_F(PictureOfAStudy, ShowsTheBestSoFarAndWhatWasGivenUp) {
  const Trials trials = some_trials();
  const StudyPictureOptions history{.view = StudyView::History};
  const Pixels whole = png(trials, history);
  EXPECT_GT(whole.count(kBestSoFar, whole.height), 1000);
  Trials hollow = trials;
  for (auto& trial : hollow.trials) trial.stopped = trial.number % 2 == 0;
  EXPECT_LT(png(hollow, history).count(kBlue, whole.height),
            whole.count(kBlue, whole.height) * 3 / 4);
  Trials crossed = trials;
  for (size_t k = 0; k < 10; ++k) crossed.trials[k].value = kNaN;
  EXPECT_GT(png(crossed, history).count(kRed, whole.height), whole.count(kRed, whole.height) + 50);
}

TEST_F(PictureOfAStudy, TakesStudiesOfAnyShape) {
  Trials one = some_trials(1);
  one.parameters.resize(1);
  one.trials[0].at.resize(1);
  Trials many = some_trials(300);
  for (int more = 0; more < 9; ++more) {
    many.parameters.push_back({.name = "p" + std::to_string(more)});
    for (auto& trial : many.trials) trial.at.push_back(0.5);
  }
  Trials equal = some_trials(5);
  for (auto& trial : equal.trials) trial.value = 2;
  for (const Trials& trials : {one, many, equal})
    EXPECT_NO_THROW(png(trials, {.title = "title", .caption = "caption"}));
  EXPECT_NO_THROW(png(many, {.view = StudyView::Contours}));
}

TEST_F(PictureOfAStudy, RefusesWhatCannotBeDrawn) {
  const auto expect = [&](const Trials& trials, const StudyPictureOptions& options,
                          const std::string& text, const char* name = "study.png") {
    const std::string said = refusal([&] { draw(trials, folder_ / name, options); });
    EXPECT_NE(said.find(text), std::string::npos) << said;
    EXPECT_TRUE(std::filesystem::is_empty(folder_));
  };
  expect({}, {}, "parameters.size() = 0");
  Trials wrong = some_trials();
  expect(wrong, {}, "extension \".gif\"", "study.gif");
  expect(wrong, {.width = 100}, "width = 100");
  wrong.trials[3].at[0] = 0;
  expect(wrong, {}, "trial 3: lr = 0, must be finite and > 0");
  wrong = some_trials();
  for (auto& trial : wrong.trials) trial.value = kNaN;
  expect(wrong, {}, "no trial, must be one with a finite value");
  wrong = some_trials();
  wrong.trials[0].value = -1;
  expect(wrong, {.log = true}, "a value = -1, must be > 0 where log is true");
  wrong.parameters.resize(1);
  for (auto& trial : wrong.trials) trial.at.resize(1);
  expect(wrong, {.view = StudyView::Contours}, "contours of 1 parameter");
}

TEST_F(PictureOfAStudy, ShowsARangeTestWithItsSuggestions) {
  RateCurve curve;
  for (int k = 0; k < 100; ++k) {
    const double t = k / 100.0;
    curve.rates.push_back(1e-8 * std::pow(1e8, t));
    curve.losses.push_back(1 - 0.8 * t + (t > 0.9 ? 40 * (t - 0.9) : 0) + 0.02 * std::sin(9.0 * k));
    curve.smoothed.push_back(1 - 0.8 * t + (t > 0.9 ? 40 * (t - 0.9) : 0));
  }
  const auto count = [&](uint32_t color) {
    draw(curve, folder_ / "range.png");
    return Pixels(read_file(folder_ / "range.png")).count(color, 700);
  };
  const int64_t without = count(0xd55e00);
  curve.valley = 1e-3;
  EXPECT_GT(count(0xd55e00), without + 300);
  draw(curve, folder_ / "range.svg");
  draw(curve, folder_ / "range.html");
  const std::string page = read_file(folder_ / "range.html");
  EXPECT_NE(page.find("Point at a step:"), std::string::npos);
  EXPECT_NE(page.find("\"names\":[\"step\",\"lr\",\"loss\",\"its mean\"],\"rows\":[[0,1e-08,1,1],"),
            std::string::npos);
  EXPECT_EQ(spots(page), 2 * 100) << "the loss and the mean of each step";
  curve.rates[5] = 1;
  EXPECT_NE(refusal([&] { draw(curve, folder_ / "other.png"); }).find("a rate = "),
            std::string::npos);
}

TEST_F(PictureOfAStudy, ShowsALineageWithTheWayToItsBest) {
  Lineage lineage{.parameters = {{.name = "lr", .lo = 1e-4, .hi = 1, .log = true}}, .best = 1};
  for (int64_t from = 0; from < 300; from += 100)
    for (int64_t member = 0; member < 4; ++member)
      lineage.lives.push_back({.member = member,
                               .from = from,
                               .to = from + 100,
                               .parent = from == 100 && member == 1 ? 3 : -1,
                               .values = {0.001 * static_cast<double>(1 + member)},
                               .loss = 1.0 / static_cast<double>(from + 50 + member)});
  const auto red = [&] {
    draw(lineage, folder_ / "lineage.png");
    const Pixels picture(read_file(folder_ / "lineage.png"));
    return picture.count(kRed, picture.height);
  };
  const int64_t with_copy = red();
  EXPECT_GT(with_copy, 1000);
  draw(lineage, folder_ / "lineage.html");
  const std::string page = read_file(folder_ / "lineage.html");
  EXPECT_NE(page.find("[0,0,100,\"\",0.02,0.001]"), std::string::npos) << page;
  EXPECT_NE(page.find("[1,100,200,3,"), std::string::npos);
  EXPECT_EQ(spots(page), 2 * 12) << "of each life in both parts";
  for (auto& life : lineage.lives) life.parent = -1;
  EXPECT_NE(red(), with_copy);
  lineage.lives[0].values.clear();
  EXPECT_NE(refusal([&] { draw(lineage, folder_ / "other.png"); }).find("a life of member 0"),
            std::string::npos);
}

}  // namespace
}  // namespace descent
