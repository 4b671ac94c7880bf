// Schedules by name: what is known, what is made, and what is refused.
#include <algorithm>
#include <set>

#include <c10/util/Exception.h>
#include <gmock/gmock.h>

#include <descent/optim/schedules/classic.h>
#include <descent/optim/schedules/cyclic.h>
#include <descent/optim/schedules/registry.h>

namespace schedule_names_test {
namespace {

using descent::make_schedule;
using descent::parse_schedule;
using testing::AllOf;
using testing::HasSubstr;

template <class Act>
std::string complaint(Act act) {
  try {
    act();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "";
}

/// A schedule as a user of the library writes it.
struct InverseLR {
  static constexpr const char* name = "InverseLR";
  static constexpr const char* key = "inverse";
  double d = 0.1;
  DESCENT_OPTIONS((d, non_negative))
  double scale(int64_t n) const { return 1 / (1 + d * static_cast<double>(n)); }
  double at(double base, int64_t n) const { return base * scale(n); }
};
const bool known = descent::register_schedule<InverseLR>();

TEST(ASchedulesName, MakesWhatTheStructMakes) {
  const descent::Schedule made =
      make_schedule("cosine", {{"T_max", 100}, {"eta_min", 0.25}, {"clamp", true}});
  const descent::CosineAnnealingLR written{.T_max = 100, .eta_min = 0.25, .clamp = true};
  EXPECT_EQ(made.text(), descent::Schedule(written).text());
  for (const int64_t n : {0, 1, 50, 100, 130}) EXPECT_EQ(made.at(2.0, n), written.at(2.0, n)) << n;
}

TEST(ASchedulesName, IsTheKeyOrPythonsClass) {
  for (const char* name : {"cosine", "CosineAnnealingLR", "cosine_annealing_lr", "COSINE"})
    EXPECT_STREQ(descent::find_schedule(name).key, "cosine") << name;
}

TEST(ASchedulesName, IsKnownForEverySchedule) {
  const auto list = descent::schedules();
  std::set<std::string> names;
  for (const auto& schedule : list) {
    SCOPED_TRACE(schedule.key);
    EXPECT_TRUE(names.insert(schedule.key).second);
    EXPECT_TRUE(names.insert(schedule.name).second);
    EXPECT_STREQ(descent::find_schedule(schedule.name).key, schedule.key);
    EXPECT_FALSE(schedule.defaults.empty());
  }
  EXPECT_EQ(list.size(), 17u);  // 16 of the library, and the one above
  EXPECT_TRUE(std::is_sorted(list.begin(), list.end(), [](const auto& a, const auto& b) {
    return std::string_view(a.key) < b.key;
  }));
}

TEST(ASchedulesText, HoldsItsOptions) {
  EXPECT_EQ(parse_schedule("cosine:T_max=100,eta_min=1e-5").text(),
            descent::Schedule(descent::CosineAnnealingLR{.T_max = 100, .eta_min = 1e-5}).text());
  EXPECT_EQ(parse_schedule("multi_step:milestones=[30, 60],gamma=0.5").text(),
            descent::Schedule(descent::MultiStepLR{.milestones = {30, 60}, .gamma = 0.5}).text());
  EXPECT_EQ(parse_schedule("constant").text(), descent::Schedule(descent::ConstantLR{}).text());
  EXPECT_EQ(
      parse_schedule("one_cycle:max_lr=[0.1, 0.2],total_steps=10,anneal_strategy=linear").text(),
      descent::Schedule(descent::OneCycleLR{.max_lr = {0.1, 0.2},
                                            .total_steps = 10,
                                            .anneal_strategy = descent::AnnealStrategy::Linear})
          .text());
}

TEST(ASchedulesText, IsRefusedWithTheNearestName) {
  EXPECT_EQ(
      complaint([] { parse_schedule("cosin:T_max=100"); }).find("no schedule is called cosin"), 0u);
  EXPECT_THAT(complaint([] { parse_schedule("cosin:T_max=100"); }), HasSubstr("cosine"));
  EXPECT_THAT(complaint([] { make_schedule("CosineAnealingLR"); }), HasSubstr("CosineAnnealingLR"));
  EXPECT_THAT(complaint([] { make_schedule(""); }), HasSubstr("no schedule is called"));
}

TEST(ASchedulesText, IsRefusedWithItsOptionAndWhatIsAllowed) {
  EXPECT_THAT(complaint([] { parse_schedule("cosine:Tmax=100"); }),
              AllOf(HasSubstr("CosineAnnealingLR: has no option Tmax"), HasSubstr("T_max")));
  EXPECT_THAT(complaint([] { parse_schedule("cosine:T_max=0"); }),
              HasSubstr("CosineAnnealingLR: T_max = 0, must be a whole number, finite and >= 1"));
  EXPECT_THAT(complaint([] { parse_schedule("cosine"); }), HasSubstr("T_max = 0, must be"));
  EXPECT_THAT(complaint([] { parse_schedule("exponential"); }), HasSubstr("gamma = nan, must be"));
  EXPECT_THAT(complaint([] { parse_schedule("inverse_sqrt"); }),
              HasSubstr("InverseSqrt: s = none, must be given if W = 0"));
  EXPECT_THAT(complaint([] { parse_schedule("cosine:T_max=1,T_max=2"); }),
              HasSubstr("CosineAnnealingLR: options: T_max is given twice"));
  EXPECT_THAT(complaint([] { parse_schedule("cosine:T_max"); }),
              HasSubstr("CosineAnnealingLR: options: 'T_max' cannot be read"));
}

TEST(AnOwnSchedule, IsMadeByItsNameToo) {
  EXPECT_TRUE(known);
  EXPECT_EQ(parse_schedule("inverse:d=0.5").at(3.0, 4), 1);
  EXPECT_THAT(complaint([] { parse_schedule("inverse:d=-1"); }), HasSubstr("InverseLR: d = -1"));
  EXPECT_THAT(complaint([] { descent::register_schedule<InverseLR>(); }),
              HasSubstr("two schedules are called inverse"));
  EXPECT_THAT(complaint([] { descent::register_schedule<descent::StepLR>(); }),
              HasSubstr("two schedules are called step"));
}

}  // namespace
}  // namespace schedule_names_test
