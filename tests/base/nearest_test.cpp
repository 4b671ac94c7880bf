#include <string>
#include <vector>

#include <gmock/gmock.h>

#include <descent/base/nearest.h>

namespace descent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::vector<std::string> optimizers = {"SGD", "Adam", "AdamW", "Adamax", "NAdam", "Lion"};

TEST(Nearest, FindsTheNameOneLetterOff) {
  EXPECT_THAT(nearest("Lino", optimizers), ElementsAre("Lion"));
  EXPECT_THAT(nearest("SDG", optimizers), ElementsAre("SGD"));
}

TEST(Nearest, IgnoresCase) { EXPECT_THAT(nearest("lION", optimizers), ElementsAre("Lion")); }

TEST(Nearest, PutsTheBestFirstAndGivesAtMostThree) {
  EXPECT_THAT(nearest("adamx", optimizers), ElementsAre("Adam", "AdamW", "Adamax"));
}

TEST(Nearest, FindsANameThatContainsTheOneGiven) {
  EXPECT_THAT(nearest("decay", {"weight_decay", "lr"}), ElementsAre("weight_decay"));
}

TEST(Nearest, FindsANameThatIsPartOfTheOneGiven) {
  EXPECT_THAT(nearest("learning_lr", {"lr", "eps"}), ElementsAre("lr"));
}

TEST(Nearest, FindsNothingFarAway) { EXPECT_THAT(nearest("rosenbrock", optimizers), IsEmpty()); }

TEST(Nearest, TakesEmptyNamesAndEmptyLists) {
  EXPECT_THAT(nearest("", optimizers), IsEmpty());
  EXPECT_THAT(nearest("Adam", {}), IsEmpty());
  EXPECT_THAT(nearest("", {}), IsEmpty());
}

TEST(DidYouMean, JoinsTheNamesAsASentenceDoes) {
  EXPECT_EQ(did_you_mean("Lino", optimizers), ", did you mean Lion?");
  EXPECT_EQ(did_you_mean("lyon", {"muon", "lion"}), ", did you mean lion?");
  EXPECT_EQ(did_you_mean("beta", {"beta1", "beta2"}), ", did you mean beta1 or beta2?");
  EXPECT_EQ(did_you_mean("adamx", optimizers), ", did you mean Adam, AdamW or Adamax?");
  EXPECT_EQ(did_you_mean("rosenbrock", optimizers), "");
}

}  // namespace
}  // namespace descent
