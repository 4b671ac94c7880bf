// Known facts of the joint race and of the textbook's races, number by number.
#include <cmath>
#include <map>

#include <gmock/gmock.h>

#include "tracks.h"

namespace facts_test {
namespace {

using namespace tracks;

using Steps = std::map<std::string, int64_t>;

/// The step at which each smooth loss first falls below 0.01.
void expect_arrivals(const Field& field, const Steps& steps) {
  EXPECT_EQ(steps.size(), field.all().size());
  for (const auto& [label, step] : steps) EXPECT_EQ(first_below(field[label], 0.01), step) << label;
}

/// Losses at a step, to the digits that are given: half a unit of the last one.
void expect_losses(const Field& field, size_t step,
                   const std::map<std::string, std::pair<double, double>>& losses) {
  for (const auto& [label, loss] : losses)
    EXPECT_NEAR(field[label].smooth_losses.at(step), loss.first, loss.second / 2) << label;
}

void expect_crossings(const Field& field, const std::vector<std::string>& crossers,
                      const std::vector<std::string>& others) {
  for (const auto& label : crossers) EXPECT_TRUE(crosses_x0(field[label])) << label;
  for (const auto& label : others) EXPECT_FALSE(crosses_x0(field[label])) << label;
}

/// Lion at rate 1 jumps through the whole numbers, in the end 1, 0, -1, 0 in both coordinates.
void expect_lions_jumps(const Track& lion, double loss_at_one, double digit) {
  const size_t n = lion.x.size();
  for (size_t i = n - 40; i < n; ++i) {
    EXPECT_NEAR(lion.x[i], -lion.x[i - 2], 1e-12);
    EXPECT_NEAR(std::abs(lion.x[i] + lion.x[i - 1]), 1, 1e-12);
    EXPECT_NEAR(lion.smooth_losses[i], std::abs(lion.x[i]) > 0.5 ? loss_at_one : 0, digit / 2);
  }
  EXPECT_NEAR(lion.smooth_losses.back(), loss_at_one, digit / 2);
}

TEST(TheJointRace, OnF0) {
  const Field field("joint", "f0");
  expect_arrivals(field, {{"SGD", 12},
                          {"NAG", 9},
                          {"RMSprop", 7},
                          {"AdaGrad", 4},
                          {"Adam", 9},
                          {"Adamax", 12},
                          {"NAdam", 14},
                          {"Lion", 9},
                          {"LAMB", 1},
                          {"FTRL", 1}});
  expect_crossings(field, {"NAG", "Adam", "Adamax", "NAdam", "Lion"}, {"SGD", "AdaGrad", "FTRL"});
  expect_lions_jumps(field["Lion"], 0.02, 1e-10);
}

TEST(TheJointRace, OnF5) {
  const Field field("joint", "f5");
  expect_arrivals(field, {{"SGD", 24},
                          {"NAG", 17},
                          {"RMSprop", 6},
                          {"AdaGrad", 8},
                          {"Adam", 9},
                          {"Adamax", 12},
                          {"NAdam", 14},
                          {"Lion", 9},
                          {"LAMB", 1},
                          {"FTRL", 1}});
  expect_crossings(field, {"NAG", "Adam", "Lion"}, {"SGD"});
  expect_lions_jumps(field["Lion"], 0.01128, 1e-5);
}

TEST(TheJointRace, OnF1) {
  const Field field("joint", "f1");
  for (const char* label : {"SGD", "RMSprop", "AdaGrad", "Adamax", "NAdam", "FTRL"}) {
    EXPECT_GE(field[label].smooth_losses[100], -0.00075) << label;
    EXPECT_LE(field[label].smooth_losses[100], -0.00055) << label;
  }
  for (const char* label : {"NAG", "Adam", "Lion", "LAMB"})
    EXPECT_LT(lowest(field[label].smooth_losses), -100) << label;
  const Track& nag = field["NAG"];
  EXPECT_LT(nag.smooth_losses[20], -60);
  EXPECT_TRUE(nag.diverged);
  EXPECT_EQ(nag.smooth_losses.back(), -INFINITY);
  EXPECT_EQ(nag.stopped, "diverged at step 29");
  for (const char* label : {"Adam", "Lion"})
    EXPECT_LT(nag.smooth_losses[20], field[label].smooth_losses[20]);
  expect_losses(field, 100, {{"Adam", {-250, 1}}, {"Lion", {-263, 1}}});
}

TEST(TheJointRace, OnF2) {
  const Field field("joint", "f2");
  expect_losses(field, 5,
                {{"RMSprop", {-2.6, 0.1}},
                 {"AdaGrad", {-0.93, 0.01}},
                 {"NAG", {-0.31, 0.01}},
                 {"Lion", {-0.30, 0.01}},
                 {"Adam", {-0.25, 0.01}},
                 {"NAdam", {-0.18, 0.01}},
                 {"SGD", {0.01, 0.01}},
                 {"FTRL", {0.002, 0.001}},
                 {"LAMB", {-73, 1}}});
  expect_losses(field, 100, {{"FTRL", {-2.2, 0.1}}});
  for (const Track& track : field.all())
    EXPECT_LE(track.smooth_losses[100], field["FTRL"].smooth_losses[100]) << track.label;
}

TEST(TheJointRace, OnF3) {
  const Field field("joint", "f3");
  EXPECT_EQ(field["SGD"].x[0], -9);
  EXPECT_EQ(field["SGD"].y[0], -2.5);
  expect_losses(field, 5,
                {{"NAG", {-21, 1}},
                 {"AdaGrad", {-10.7, 0.1}},
                 {"RMSprop", {-2.6, 0.1}},
                 {"SGD", {-1.8, 0.1}},
                 {"FTRL", {-0.009, 0.001}}});
  for (const Track& track : field.all())
    EXPECT_LE(track.smooth_losses[5], field["FTRL"].smooth_losses[5]) << track.label;
}

TEST(TheJointRace, OnF4) {
  const Field field("joint", "f4");
  expect_arrivals(field, {{"RMSprop", 8},
                          {"AdaGrad", 10},
                          {"Adam", 15},
                          {"Lion", 15},
                          {"NAG", 16},
                          {"NAdam", 17},
                          {"Adamax", 20},
                          {"SGD", 29},
                          {"FTRL", 58},
                          {"LAMB", -1}});
  // LAMB's steps are as long as its point is far out: it never comes back.
  const Track& lamb = field["LAMB"];
  EXPECT_GT(std::hypot(lamb.x[50], lamb.y[50]), 1e9);
  EXPECT_GT(std::hypot(lamb.x[100], lamb.y[100]), 1e9 * std::hypot(lamb.x[50], lamb.y[50]));
}

TEST(TheTextbook, LeavesTheSaddle) {
  const Field field("saddle", "saddle");
  for (const auto& [label, step] : Steps{{"SGD", 349},
                                         {"Momentum", 72},
                                         {"Look-ahead NAG", 68},
                                         {"AdaGrad", 25},
                                         {"RMSprop", 11},
                                         {"AdaDelta", 19}})
    EXPECT_EQ(first_below(field[label], -1), step) << label;
}

TEST(TheTextbook, FindsBealesMinimum) {
  struct Fact {
    const char* label;
    int64_t step;
    double detour;  // to that step, over the distance from the start to the minimum
  };
  const Field field("beale", "beale", 3000);
  for (const Fact& fact :
       {Fact{"Momentum", 199, 4.30}, Fact{"Look-ahead NAG", 44, 2.73}, Fact{"RMSprop", 115, 1.71},
        Fact{"AdaGrad", 255, 1.99}, Fact{"AdaDelta", 99, 1.47}, Fact{"SGD", 2769, 1.40}}) {
    const Track& track = field[fact.label];
    EXPECT_EQ(first_below(track, 1e-3), fact.step) << fact.label;
    EXPECT_NEAR(path_length(track, fact.step) / std::hypot(3 - 1, 0.5 - 1.5), fact.detour, 0.005)
        << fact.label;
  }
}

TEST(TheMinimumOfF1, IsWhereItIsKnownToBe) {
  const auto m = descent::find_surface("f1").minima.at(0);
  EXPECT_NEAR(m.x, -0.0767201, 5e-8);
  EXPECT_NEAR(m.y, -0.666667, 5e-7);
  EXPECT_NEAR(m.value, -0.000747, 5e-7);
}

}  // namespace
}  // namespace facts_test
