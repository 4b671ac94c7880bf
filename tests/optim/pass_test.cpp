// How the pass is chosen.
#include <cstdlib>
#include <stdexcept>

#include <gmock/gmock.h>

#include <descent/base/pass.h>

namespace pass_test {
namespace {

using descent::Pass;
using testing::AllOf;
using testing::HasSubstr;

/// Sets DESCENT_PASS as long as it lives.
class Environment {
 public:
  explicit Environment(const char* value) {
    if (const char* before = std::getenv("DESCENT_PASS")) before_ = before;
    setenv("DESCENT_PASS", value, 1);
    descent::set_pass("auto");
  }
  ~Environment() {
    if (before_.empty())
      unsetenv("DESCENT_PASS");
    else
      setenv("DESCENT_PASS", before_.c_str(), 1);
    descent::set_pass("auto");
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  std::string before_;
};

template <class Act>
std::string complaint(Act act) {
  try {
    act();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(ThePass, HasFourNames) {
  EXPECT_EQ(to_string(Pass::Tensor), "tensor");
  EXPECT_EQ(to_string(Pass::Baseline), "baseline");
  EXPECT_EQ(to_string(Pass::V3), "v3");
  EXPECT_EQ(to_string(Pass::V4), "v4");
  EXPECT_TRUE(descent::supported(Pass::Tensor));
  EXPECT_TRUE(descent::supported(Pass::Baseline));
}

TEST(ThePass, IsWhatTheProgramChose) {
  for (const auto pass : {Pass::Tensor, Pass::Baseline, Pass::V3, Pass::V4}) {
    if (!descent::supported(pass)) continue;
    descent::set_pass(to_string(pass));
    EXPECT_EQ(descent::current_pass(), pass);
  }
  descent::set_pass("auto");
}

TEST(ThePass, IsWhatTheEnvironmentSaysElse) {
  for (const auto pass : {Pass::Tensor, Pass::Baseline, Pass::V3, Pass::V4}) {
    if (!descent::supported(pass)) continue;
    const Environment set(to_string(pass).c_str());
    EXPECT_EQ(descent::current_pass(), pass);
    descent::set_pass("tensor");
    EXPECT_EQ(descent::current_pass(), Pass::Tensor);
  }
}

TEST(ThePass, IsTheBestElse) {
  const Environment empty("");
  const Pass best = descent::current_pass();
  EXPECT_NE(best, Pass::Tensor);
  EXPECT_TRUE(descent::supported(best));
  if (descent::supported(Pass::V4)) {
    EXPECT_EQ(best, Pass::V4);
  }
}

TEST(ThePass, OfAnotherNameIsRefused) {
  {
    const Environment wrong("avx2");
    EXPECT_THAT(complaint([] { descent::current_pass(); }),
                AllOf(HasSubstr("DESCENT_PASS = avx2"), HasSubstr("tensor, baseline, v3 or v4")));
  }
  descent::set_pass("baseline");
  EXPECT_THAT(complaint([] { descent::set_pass("V4"); }), HasSubstr("V4, must be"));
  EXPECT_THAT(complaint([] { descent::set_pass(""); }), HasSubstr("must be"));
  EXPECT_EQ(descent::current_pass(), Pass::Baseline);
  descent::set_pass("auto");
}

}  // namespace
}  // namespace pass_test
