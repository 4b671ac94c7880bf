#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <descent/base/text.h>

namespace descent {
namespace {

TEST(Digits, AreTheFewestThatReadBackExactly) {
  for (const double x : {0.1, 1.0 / 3, 1e-7, 5e-324, 1.7976931348623157e308, -2.5})
    EXPECT_EQ(std::strtod(digits(x).c_str(), nullptr), x);
  EXPECT_EQ(digits(0.1), "0.1");
  EXPECT_EQ(digits(5e-324), "5e-324");
  EXPECT_EQ(digits(100), "100");
}

TEST(Digits, HaveOneWordForEveryNan) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(digits(nan), "nan");
  EXPECT_EQ(digits(std::copysign(nan, -1)), "nan");
  EXPECT_EQ(digits(-std::numeric_limits<double>::infinity()), "-inf");
}

TEST(Lists, AreJoinedByCommas) {
  EXPECT_EQ(joined(std::vector<std::string>{}), "");
  EXPECT_EQ(joined(std::set<std::string>{"b"}), "b");
  EXPECT_EQ(joined(std::array<const char*, 3>{"c", "", "a"}), "c, , a");
}

TEST(Lists, EndWithOrWhereOneMayBeChosen) {
  EXPECT_EQ(alternatives(std::vector<std::string_view>{}), "");
  EXPECT_EQ(alternatives(std::vector<std::string_view>{"a"}), "a");
  EXPECT_EQ(alternatives(std::vector<std::string_view>{"a", "b"}), "a or b");
  EXPECT_EQ(alternatives(std::vector<std::string_view>{"a", "b", "c"}), "a, b or c");
}

TEST(Text, IsTrimmedAtBothEnds) {
  EXPECT_EQ(trimmed(" \ta b\n"), "a b");
  EXPECT_EQ(trimmed(" \t"), "");
  EXPECT_EQ(trimmed(""), "");
}

}  // namespace
}  // namespace descent
