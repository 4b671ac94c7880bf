#include <stdexcept>
#include <string>

#include <gmock/gmock.h>

#include <descent/base/fields.h>

namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(OptionLists, RefuseWhatIsNestedHoweverDeeply) {
  // So deeply that a function which calls itself for each level would end the program.
  const std::string nested = std::string(1000000, '[') + std::string(1000000, ']');
  EXPECT_THAT([&] { descent::parse_options("{\"lr\": " + nested + "}"); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("options: lr = array, must be a number, true or false")));
}

}  // namespace
