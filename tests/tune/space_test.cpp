#include <cmath>
#include <limits>
#include <stdexcept>

#include <gmock/gmock.h>

#include <descent/tune/tune.h>

namespace {

using descent::Choice, descent::Integer, descent::LogInteger, descent::LogRange,
    descent::OptionValue, descent::OptionValues, descent::Range, descent::Space;
using testing::HasSubstr;
using testing::ThrowsMessage;

#define EXPECT_REFUSES(expression, ...) \
  EXPECT_THAT([&] { expression; },      \
              ThrowsMessage<std::invalid_argument>(testing::AllOf(__VA_ARGS__)))

const double kNan = std::numeric_limits<double>::quiet_NaN();

Space mixed() {
  return {{"lr", LogRange{1e-5, 1}},
          {"dropout", Range{0, 0.5}},
          {"depth", Integer{1, 4}},
          {"width", LogInteger{8, 512}},
          {"mode", Choice{"coupled", "decoupled"}},
          {"betas", Choice{{0.9, 0.99}, {0.9, 0.999}, {0.8, 0.95}}},
          {"amsgrad", Choice{true, false}}};
}

TEST(ASpace, HasTheEndsOfEachScaleAtTheEndsOfItsSide) {
  const Space space = mixed();
  const OptionValues low = space.values(std::vector<double>(7, 0)),
                     high = space.values(std::vector<double>(7, 1));
  EXPECT_EQ(low, (OptionValues{{"lr", 1e-5},
                               {"dropout", 0},
                               {"depth", 1},
                               {"width", 8},
                               {"mode", "coupled"},
                               {"betas", {0.9, 0.99}},
                               {"amsgrad", true}}));
  EXPECT_EQ(high, (OptionValues{{"lr", 1},
                                {"dropout", 0.5},
                                {"depth", 4},
                                {"width", 512},
                                {"mode", "decoupled"},
                                {"betas", {0.8, 0.95}},
                                {"amsgrad", false}}));
  EXPECT_NEAR(std::get<double>(space.values(std::vector<double>(7, 0.4))[0].second), 1e-3, 1e-17);
}

TEST(ASpace, IsEvenHoweverFarItsEndsLieApart) {
  const Space space{{"x", LogRange{1e-200, 1e200}}};
  for (const auto& [u, x] : {std::pair{0.25, 1e-100}, {0.5, 1.0}, {0.75, 1e100}})
    EXPECT_NEAR(std::get<double>(space.values({u})[0].second) / x, 1, 1e-12);
}

TEST(ASpace, GivesWholeNumbersEqualPartsOfTheirSide) {
  const Space space{{"n", Integer{-1, 2}}, {"m", LogInteger{1, 3}}};
  for (const auto& [u, n] : {std::pair{0.24, -1}, {0.26, 0}, {0.49, 0}, {0.51, 1}, {0.76, 2}})
    EXPECT_EQ(space.values({u, 0})[0].second, OptionValue(n)) << u;
  const double all = std::log(3.5 / 0.5);
  for (const auto& [border, m] : {std::pair{1.5, 1}, {2.5, 2}}) {
    const double u = std::log(border / 0.5) / all;
    EXPECT_EQ(space.values({0, u - 1e-9})[1].second, OptionValue(m));
    EXPECT_EQ(space.values({0, u + 1e-9})[1].second, OptionValue(m + 1));
  }
}

TEST(ASpace, FindsThePointOfValues) {
  const Space space = mixed();
  for (const double u : {0.0, 0.1, 0.3, 0.55, 0.9, 1.0}) {
    const OptionValues values = space.values(std::vector<double>(7, u));
    const std::vector<double> point = space.point(values);
    EXPECT_NEAR(point[0], u, 1e-14);
    EXPECT_EQ(space.values(point)[3], values[3]) << u;
    EXPECT_EQ(space.snapped(std::vector<double>(7, u))[3], point[3]);
    for (size_t i = 2; i < 7; ++i) EXPECT_EQ(space.values(point)[i], values[i]) << u;
  }
}

TEST(ASpace, IsTheSameAfterItsTextIsRead) {
  EXPECT_EQ(to_text(mixed()),
            "lr=log:1e-05:1,dropout=range:0:0.5,depth=integer:1:4,width=log_integer:8:512,"
            "mode=choice:coupled|decoupled,betas=choice:[0.9, 0.99]|[0.9, 0.999]|[0.8, 0.95],"
            "amsgrad=choice:true|false");
  EXPECT_EQ(to_text(descent::parse_space(to_text(mixed()))), to_text(mixed()));
  EXPECT_EQ(to_text(descent::parse_space(" lr = log : 1e-5 : 1, mode = choice: a | [0.9, 1] \n")),
            "lr=log:1e-05:1,mode=choice:a|[0.9, 1]");
}

TEST(ASpace, RefusesScalesWithoutNumbers) {
  EXPECT_REFUSES(Space({{"lr", Range{1, 1}}}), HasSubstr("lr: lo = 1, must be < hi = 1"));
  EXPECT_REFUSES(Space({{"lr", Range{2, 1}}}), HasSubstr("lr: lo = 2, must be < hi = 1"));
  EXPECT_REFUSES(Space({{"lr", Range{kNan, 1}}}), HasSubstr("lr: lo = nan, must be finite"));
  EXPECT_REFUSES(Space({{"lr", Range{0, INFINITY}}}), HasSubstr("lr: hi = inf, must be finite"));
  EXPECT_REFUSES(Space({{"lr", Range{-1.7e308, 1.7e308}}}), HasSubstr("lr: hi"));
  EXPECT_REFUSES(Space({{"lr", LogRange{0, 1}}}), HasSubstr("lr: lo = 0, must be > 0"));
  EXPECT_REFUSES(Space({{"lr", LogRange{-1, 1}}}), HasSubstr("lr: lo = -1, must be > 0"));
  EXPECT_REFUSES(Space({{"n", LogInteger{0, 9}}}), HasSubstr("n: lo = 0, must be > 0"));
  EXPECT_REFUSES(Space({{"n", Integer{3, 3}}}), HasSubstr("n: lo = 3, must be < hi = 3"));
  EXPECT_REFUSES(Space({{"n", Integer{0, int64_t{1} << 60}}}), HasSubstr("n: hi"));
  EXPECT_REFUSES(Space({{"mode", Choice{}}}), HasSubstr("mode: the list of values is empty"));
  EXPECT_REFUSES(Space({{"mode", Choice{1, 2, "1"}}}),
                 HasSubstr("mode: the value 1 is given twice"));
  for (const char* const word : {"a|b", "a:b", ""})
    EXPECT_REFUSES(Space({{"mode", Choice{word}}}),
                   HasSubstr("mode: the word '" + std::string(word) + "'"));
  EXPECT_REFUSES(Space({{"mode", Choice{1, kNan}}}), HasSubstr("mode: the value nan"));
  EXPECT_REFUSES(Space({{"mode", Choice{"nan"}}}), HasSubstr("mode: the value nan"));
  EXPECT_REFUSES(Space({{"mode", Choice{{0.9, kNan}}}}), HasSubstr("mode: the value [0.9, nan]"));
}

TEST(ASpace, RefusesNamesThatAreNoneOrGivenTwice) {
  EXPECT_REFUSES(Space({{"lr", Range{0, 1}}, {"lr", Range{0, 2}}}), HasSubstr("lr is given twice"));
  EXPECT_REFUSES(Space({{"", Range{0, 1}}}), HasSubstr("the name ''"));
  EXPECT_REFUSES(Space({{" lr", Range{0, 1}}}), HasSubstr("the name ' lr'"));
  EXPECT_REFUSES(Space(std::vector<descent::Parameter>{}), HasSubstr("no parameters"));
}

TEST(ASpace, RefusesPointsThatAreNotItsOwn) {
  const Space space{
      {"lr", LogRange{1e-5, 1}}, {"depth", Integer{1, 4}}, {"mode", Choice{"a", "b"}}};
  const OptionValue lr = 0.1, depth = 2, mode = "a";
  EXPECT_REFUSES(space.point({{"lr", lr}, {"depth", depth}}), HasSubstr("without mode"));
  EXPECT_REFUSES(space.point({{"lr", 2}, {"depth", depth}, {"mode", mode}}),
                 HasSubstr("lr = 2, must be in [1e-05, 1]"));
  EXPECT_REFUSES(space.point({{"lr", lr}, {"depth", 1.5}, {"mode", mode}}),
                 HasSubstr("depth = 1.5, must be a whole number in [1, 4]"));
  EXPECT_REFUSES(space.point({{"lr", lr}, {"depth", depth}, {"mode", "c"}}),
                 HasSubstr("mode = c, must be a or b"));
  EXPECT_REFUSES(space.point({{"lr", lr}, {"lr", lr}, {"depth", depth}, {"mode", mode}}),
                 HasSubstr("lr is given twice"));
  EXPECT_REFUSES(space.point({{"dept", depth}}),
                 HasSubstr("no parameter dept, did you mean depth"));
}

TEST(ASpace, RefusesTextsThatItCannotRead) {
  EXPECT_REFUSES(descent::parse_space("lr"), HasSubstr("'lr' cannot be read, must be name=scale"));
  EXPECT_REFUSES(descent::parse_space("lr=lag:1:2"), HasSubstr("lag, must be range, log"),
                 HasSubstr("did you mean log"));
  EXPECT_REFUSES(descent::parse_space("lr=log:1e-5"), HasSubstr("must be log:from:to"));
  EXPECT_REFUSES(descent::parse_space("lr=log:1e-5:x"), HasSubstr("x is no number"));
  EXPECT_REFUSES(descent::parse_space("n=integer:1:2.5"), HasSubstr("2.5, must be a whole number"));
  EXPECT_REFUSES(descent::parse_space("m=choice"), HasSubstr("the list of values is empty"));
}

}  // namespace
