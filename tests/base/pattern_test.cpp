#include <string>

#include <gtest/gtest.h>

#include <descent/base/pattern.h>

namespace descent {
namespace {

TEST(Pattern, StandsForAnyTextAtAStar) {
  for (const char* const pattern : {"*", "head.*", "*.weight", "h*d.w*t", "head.weight", "**head*"})
    EXPECT_TRUE(fits_pattern(pattern, "head.weight")) << pattern;
  for (const char* const pattern : {"", "head", "*.bias", "ead*", "head.weight.*", "h*x*t"})
    EXPECT_FALSE(fits_pattern(pattern, "head.weight")) << pattern;
  EXPECT_TRUE(fits_pattern("*ab*ab", "abab"));
  EXPECT_TRUE(fits_pattern("", ""));
}

TEST(Pattern, TakesNoLongTimeForManyStars) {
  std::string pattern;
  for (int k = 0; k < 1000; ++k) pattern += "a*";
  EXPECT_FALSE(fits_pattern(pattern + "b", std::string(20000, 'a')));
}

}  // namespace
}  // namespace descent
