#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <descent/networks/exported/json.h>

namespace descent::tests {
namespace json_test {
namespace {

using networks::Document;
using networks::Json;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(JsonDocument, HoldsWhatTheTextSays) {
  const std::string text = R"( {"list" : [1, -2.5e1, true, false, null, "", []],
                               "object": {"a": {"b": 7}}, "a\tb\u00e9\ud83d\ude00": "\"\\\/)"
                           "\xc3\xa9\"} ";
  const Document document(text, "test");
  const Json& root = document.root();
  ASSERT_TRUE(root.is_object());
  EXPECT_EQ(root.size(), 3u);
  const auto list = root.find("list")->items();
  ASSERT_EQ(list.size(), 7u);
  EXPECT_EQ(list[0].kind(), Json::Kind::Whole);
  EXPECT_EQ(list[0].whole(), 1);
  EXPECT_EQ(list[1].kind(), Json::Kind::Real);
  EXPECT_EQ(list[1].real(), -25);
  EXPECT_TRUE(list[2].boolean());
  EXPECT_EQ(list[3].kind(), Json::Kind::Bool);
  EXPECT_FALSE(list[3].boolean());
  EXPECT_TRUE(list[4].is_null());
  EXPECT_TRUE(list[5].is_text());
  EXPECT_EQ(list[5].text(), "");
  EXPECT_TRUE(list[6].is_list());
  EXPECT_TRUE(list[6].items().empty());
  EXPECT_EQ(root.find("object")->find("a")->find("b")->whole(), 7);
  EXPECT_EQ(root.members()[2].key, "a\tb\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_EQ(root.members()[2].value.text(), "\"\\/\xc3\xa9");
  EXPECT_EQ(root.find("none"), nullptr);
  EXPECT_EQ(list[0].find("none"), nullptr);
}

TEST(JsonDocument, HasTheLastOfSeveralValuesOfAKey) {
  const Document document(R"({"a": 1, "b": 2, "a": 3})", "test");
  EXPECT_EQ(document.root().find("a")->whole(), 3);
}

TEST(JsonDocument, TakesNumbersBeyond64BitsForReal) {
  const Document document("[9223372036854775807, -9223372036854775808, 9223372036854775808]",
                          "test");
  const auto list = document.root().items();
  EXPECT_EQ(list[0].whole(), INT64_MAX);
  EXPECT_EQ(list[1].whole(), INT64_MIN);
  EXPECT_EQ(list[2].kind(), Json::Kind::Real);
}

void expect_refused(const std::string& text, const char* why) {
  EXPECT_THAT([&] { Document(text, "a/b.json"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr(why)))
      << text.substr(0, 60);
}

TEST(JsonDocument, RefusesWhatIsNoJson) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "[",
                           "[1",
                           "[1,",
                           "[1,]",
                           "{\"a\"",
                           "{\"a\":",
                           "{\"a\":1",
                           "{\"a\":1,}",
                           "{1:2}",
                           "{\"a\" 1}",
                           "tru",
                           "nul",
                           "nan",
                           "NaN",
                           "Infinity",
                           "01",
                           "-",
                           "1.",
                           ".5",
                           "1e",
                           "1e+",
                           "+1",
                           "1e999",
                           "0x1",
                           "\"",
                           "\"a",
                           "\"\\\"",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\u12g4\"",
                           "\"\\ud800\"",
                           "\"\\ud800\\u0041\"",
                           "\"\\udc00\"",
                           "\"a\nb\"",
                           "1 2",
                           "[] []",
                           "'a'",
                           "\"\x80\"",
                           "\"\xc0\x80\"",
                           "\"\xe0\x80\x80\"",
                           "\"\xed\xa0\x80\"",
                           "\"\xf4\x90\x80\x80\"",
                           "\"\xc3\"",
                           "\"\xe2\x82\""}) {
    expect_refused(text, "its record 'a/b.json' is no JSON");
  }
}

TEST(JsonDocument, RefusesWhatWouldTakeMuchMoreMemoryThanItsText) {
  expect_refused(std::string(300, '['), "its record 'a/b.json' is nested too deeply");
  std::string zeros = "[0";
  for (int k = 0; k < 2000; ++k) zeros += ",0";
  expect_refused(zeros + "]", "its record 'a/b.json' has more values than a program has");
  std::string sizes = "[";
  for (int k = 0; k < 2000; ++k) sizes += R"({"as_int":1},)";
  Document(sizes + "0]", "the lists of sizes that descent itself wrote up to now");
}

}  // namespace
}  // namespace json_test
}  // namespace descent::tests
