#include <stdexcept>

#include <gtest/gtest.h>

#include <descent/base/html.h>

namespace descent {
namespace {

TEST(EscapedHtml, LeavesNoMarkup) {
  EXPECT_EQ(escaped_html("a < b && \"c\" > d"), "a &lt; b &amp;&amp; &quot;c&quot; &gt; d");
  EXPECT_EQ(escaped_html("\xce\xb1 plain"), "\xce\xb1 plain");
}

TEST(FilledHtml, PutsEachTextInItsPlace) {
  EXPECT_EQ(filled_html("<b>{{one}}</b>{{two}}", {{"two", "2"}, {"one", "{{two}}"}}),
            "<b>{{two}}</b>2");
}

TEST(FilledHtml, RefusesAPageWithoutThePlaceOrWithTwo) {
  EXPECT_THROW(filled_html("{{one}}", {{"two", "2"}}), std::runtime_error);
  EXPECT_THROW(filled_html("{{one}} {{one}}", {{"one", "1"}}), std::runtime_error);
}

}  // namespace
}  // namespace descent
