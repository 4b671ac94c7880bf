// Options as text: what is written reads back, and what cannot be read is named.
#include <bit>
#include <limits>
#include <random>
#include <stdexcept>

#include <gmock/gmock.h>

#include <descent/optim/engine/rule.h>

namespace fields_test {
namespace {

using descent::OptionValue;
using descent::OptionValues;
using descent::parse_options;
using descent::to_text;
using descent::value_from_text;
using testing::AllOf;
using testing::HasSubstr;

struct Example {
  double lr = 0.5;
  std::array<double, 2> betas{0.25, 0.75};
  int64_t k = 6;
  bool fast = false;
  descent::EpsMode eps_mode = descent::EpsMode::Outside;
  DESCENT_OPTIONS((lr, non_negative), (betas, unit), (k, at_least_one), (fast), (eps_mode))
};

std::string complaint(const std::string& text) {
  try {
    parse_options(text);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

std::string set(Example& options, const char* name, const OptionValue& value) {
  return descent::fields::set(options, name, value);
}

TEST(Texts, ReadBackEveryNumberExactly) {
  std::mt19937_64 random(7);
  using Limits = std::numeric_limits<double>;
  std::vector<double> numbers{0.0,
                              -0.0,
                              1e-308,
                              5e-324,
                              -1.5e300,
                              Limits::max(),
                              Limits::min(),
                              0.1 + 0.2,
                              1.0 / 3,
                              1e22,
                              123456789012,
                              Limits::infinity(),
                              -Limits::infinity()};
  while (numbers.size() < 5000) {
    const auto x = std::bit_cast<double>(random());
    if (x == x) numbers.push_back(x);
  }
  for (const double x : numbers) {
    const OptionValue read = value_from_text(to_text(x));
    ASSERT_TRUE(std::holds_alternative<double>(read)) << to_text(x);
    EXPECT_EQ(std::bit_cast<uint64_t>(std::get<double>(read)), std::bit_cast<uint64_t>(x))
        << to_text(x);
  }
  for (size_t i = 0; i + 3 <= numbers.size(); i += 3) {
    const std::vector<double> list(numbers.begin() + static_cast<int64_t>(i),
                                   numbers.begin() + static_cast<int64_t>(i + 3));
    EXPECT_EQ(value_from_text(to_text(list)), OptionValue(list));
  }
}

TEST(Texts, AreShortAndPlain) {
  EXPECT_EQ(to_text(0.001), "0.001");
  EXPECT_EQ(to_text(3), "3");
  EXPECT_EQ(to_text(true), "true");
  EXPECT_EQ(to_text({0.9, 0.999}), "[0.9, 0.999]");
  EXPECT_EQ(to_text("outside"), "outside");
  EXPECT_EQ(to_text(std::vector<double>{}), "[]");
}

TEST(Texts, AreReadByTheirKind) {
  EXPECT_EQ(value_from_text(" true "), OptionValue(true));
  EXPECT_EQ(value_from_text("false"), OptionValue(false));
  EXPECT_EQ(value_from_text("+1e-3"), OptionValue(1e-3));
  EXPECT_EQ(value_from_text("inf"), OptionValue(std::numeric_limits<double>::infinity()));
  EXPECT_EQ(value_from_text("0.9,0.99"), OptionValue({0.9, 0.99}));
  EXPECT_EQ(value_from_text("0.9:0.99"), OptionValue({0.9, 0.99}));
  EXPECT_EQ(value_from_text("[ 0.9 , 0.99 ]"), OptionValue({0.9, 0.99}));
  EXPECT_EQ(value_from_text("outside"), OptionValue("outside"));
  EXPECT_EQ(value_from_text("1e-3x"), OptionValue("1e-3x"));
  EXPECT_EQ(value_from_text("[1, two]"), OptionValue("[1, two]"));
}

TEST(OptionLists, AreReadFromText) {
  const OptionValues wanted{{"lr", 0.1}, {"betas", {0.9, 0.95}}, {"fast", true}, {"mode", "hat"}};
  EXPECT_EQ(parse_options("lr=0.1,betas=[0.9,0.95],fast=true,mode=hat"), wanted);
  EXPECT_EQ(parse_options(" lr = 0.1 , betas = 0.9:0.95 , fast = true , mode = hat "), wanted);
  EXPECT_TRUE(parse_options("").empty());
  EXPECT_TRUE(parse_options("  ").empty());
}

TEST(OptionLists, AreReadFromJson) {
  const OptionValues options =
      parse_options(R"({"lr": 1e-3, "betas": [0.9, 0.95], "fast": false, "mode": "hat", "k": 5})");
  ASSERT_EQ(options.size(), 5);
  const auto value = [&](std::string_view wanted) {
    for (const auto& [name, given] : options)
      if (name == wanted) return given;
    return OptionValue("missing");
  };
  EXPECT_EQ(value("lr"), OptionValue(1e-3));
  EXPECT_EQ(value("betas"), OptionValue({0.9, 0.95}));
  EXPECT_EQ(value("fast"), OptionValue(false));
  EXPECT_EQ(value("mode"), OptionValue("hat"));
  EXPECT_EQ(value("k"), OptionValue(5));
  EXPECT_TRUE(parse_options("{}").empty());
}

TEST(OptionLists, ThatCannotBeReadAreNamed) {
  EXPECT_THAT(complaint("lr"), AllOf(HasSubstr("'lr'"), HasSubstr("must be name=value")));
  EXPECT_THAT(complaint("lr=1,=2"), HasSubstr("'=2'"));
  EXPECT_THAT(complaint("lr=1,,k=2"), HasSubstr("''"));
  EXPECT_EQ(complaint("lr=1,k=2,lr=3"), "options: lr is given twice, as 1 and as 3");
  EXPECT_EQ(complaint(R"({"lr": 1, "k": 2, "lr": 1})"), "options: lr is given twice");
  EXPECT_THAT(complaint(R"({"lr": {"k": 1, "k": 2}})"), HasSubstr("lr = object"));
  EXPECT_THAT(complaint("{\"lr\": }"), HasSubstr("not a JSON object"));
  EXPECT_THAT(complaint("{\"lr\": 1"), HasSubstr("not a JSON object"));
  EXPECT_THAT(complaint(R"({"lr": null})"), HasSubstr("lr = null"));
  EXPECT_THAT(complaint(R"({"betas": [1, "x"]})"), HasSubstr("betas"));
  EXPECT_THAT(complaint(R"({"lr": {"x": 1}})"), HasSubstr("lr"));
}

TEST(Enums, AreWrittenInSnakeCase) {
  EXPECT_EQ(descent::snake_case("FirstGrad"), "first_grad");
  EXPECT_EQ(descent::snake_case("Hat"), "hat");
  EXPECT_EQ(descent::snake_case("PerTensor"), "per_tensor");
  EXPECT_EQ(descent::snake_case(""), "");
}

TEST(Enums, AreReadWhateverTheirCaseAndUnderscores) {
  EXPECT_TRUE(descent::same_word("first_grad", "FirstGrad"));
  EXPECT_TRUE(descent::same_word("FIRST-GRAD", "FirstGrad"));
  EXPECT_FALSE(descent::same_word("first_grad", "FirstGrads"));
  EXPECT_FALSE(descent::same_word("", "Hat"));
  for (const char* word : {"inside", "Inside", "IN_SIDE"}) {
    Example options;
    EXPECT_EQ(set(options, "eps_mode", word), "");
    EXPECT_EQ(options.eps_mode, descent::EpsMode::Inside);
  }
}

TEST(Fields, TakeValuesOfTheirKind) {
  Example options;
  EXPECT_EQ(set(options, "lr", 0.125), "");
  EXPECT_EQ(set(options, "betas", {0.5, 0.5}), "");
  EXPECT_EQ(set(options, "k", 7), "");
  EXPECT_EQ(set(options, "fast", true), "");
  EXPECT_EQ(options.lr, 0.125);
  EXPECT_EQ(options.betas[1], 0.5);
  EXPECT_EQ(options.k, 7);
  EXPECT_TRUE(options.fast);
  EXPECT_EQ(set(options, "lr", "0.25"), "");
  EXPECT_EQ(set(options, "betas", "0.1:0.2"), "");
  EXPECT_EQ(options.lr, 0.25);
  EXPECT_EQ(options.betas[0], 0.1);
  EXPECT_EQ(descent::fields::problem(options), "");
}

TEST(Fields, RefuseOtherKindsAndStayAsTheyWere) {
  const std::vector<std::pair<const char*, OptionValue>> wrong{
      {"lr", true},
      {"lr", "quick"},
      {"lr", {1.0, 2.0}},
      {"betas", 0.9},
      {"betas", {0.9}},
      {"betas", {1, 2, 3}},
      {"k", 1.5},
      {"k", 1e300},
      {"fast", 1},
      {"fast", "maybe"},
      {"eps_mode", 1},
      {"eps_mode", "below"},
      {"k", std::numeric_limits<double>::quiet_NaN()}};
  for (const auto& [name, value] : wrong) {
    Example options;
    EXPECT_THAT(set(options, name, value),
                AllOf(HasSubstr(std::string(name) + " = " + to_text(value)), HasSubstr("must be")));
    const auto now = descent::fields::describe(options),
               before = descent::fields::describe(Example{});
    for (size_t i = 0; i < now.size(); ++i) EXPECT_EQ(now[i].value, before[i].value) << name;
  }
}

TEST(Fields, OfUnknownNamesListTheNearest) {
  Example options;
  EXPECT_THAT(set(options, "beta", 1), AllOf(HasSubstr("has no option beta"), HasSubstr("betas")));
  EXPECT_THAT(set(options, "eps-mode", "hat"), HasSubstr("eps_mode"));
}

TEST(Fields, SayWhatTheyAllow) {
  const auto list = descent::fields::describe(Example{});
  ASSERT_EQ(list.size(), 5);
  EXPECT_EQ(list[0].allowed, "finite and >= 0");
  EXPECT_EQ(list[1].allowed, "2 numbers, each in [0, 1)");
  EXPECT_EQ(list[2].allowed, "a whole number, finite and >= 1");
  EXPECT_EQ(list[3].allowed, "true or false");
  EXPECT_EQ(list[4].allowed, "outside, inside or hat");
}

TEST(Fields, SayWhichValueIsOutOfRange) {
  Example options;
  options.lr = -1;
  EXPECT_EQ(descent::fields::problem(options), "lr = -1, must be finite and >= 0");
  options.lr = 0;
  options.betas[1] = 1;
  EXPECT_EQ(descent::fields::problem(options),
            "betas = [0.25, 1], must be 2 numbers, each in [0, 1)");
  options.betas[1] = 0;
  options.k = 0;
  EXPECT_EQ(descent::fields::problem(options), "k = 0, must be a whole number, finite and >= 1");
}

TEST(Fields, SayWhichEnumValueHasNoName) {
  Example options;
  options.eps_mode = static_cast<descent::EpsMode>(9);
  EXPECT_THAT(descent::fields::problem(options),
              AllOf(HasSubstr("eps_mode = "), HasSubstr("outside, inside or hat")));
}

TEST(Domains, HoldWhatTheirTextSays) {
  using Limits = std::numeric_limits<double>;
  const double inf = Limits::infinity(), nan = Limits::quiet_NaN(), tiny = Limits::denorm_min();
  using namespace descent::domains;
  const double below_one = 1 - Limits::epsilon() / 2;
  EXPECT_TRUE(unit.holds(0) && unit.holds(below_one));
  EXPECT_FALSE(unit.holds(1) || unit.holds(-tiny) || unit.holds(nan));
  EXPECT_TRUE(closed_unit.holds(1));
  EXPECT_FALSE(closed_unit.holds(1 + Limits::epsilon()) || closed_unit.holds(nan));
  EXPECT_TRUE(positive.holds(tiny));
  EXPECT_FALSE(positive.holds(0) || positive.holds(inf) || positive.holds(nan));
  EXPECT_TRUE(non_negative.holds(0) && non_negative.holds(-0.0));
  EXPECT_FALSE(non_negative.holds(inf) || non_negative.holds(-tiny));
  EXPECT_TRUE(non_negative_or_infinite.holds(inf));
  EXPECT_FALSE(non_negative_or_infinite.holds(nan) || non_negative_or_infinite.holds(-inf));
  EXPECT_TRUE(positive_or_infinite.holds(inf) && positive_or_infinite.holds(tiny));
  EXPECT_FALSE(positive_or_infinite.holds(0) || positive_or_infinite.holds(nan));
  EXPECT_FALSE(descent::domains::finite.holds(nan) || descent::domains::finite.holds(-inf));
  EXPECT_TRUE(at_least_one.holds(1));
  EXPECT_FALSE(at_least_one.holds(0.5) || at_least_one.holds(inf));
}

}  // namespace
}  // namespace fields_test
