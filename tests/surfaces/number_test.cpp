// Dual numbers against central differences, function by function.
#include <gmock/gmock.h>
#include <torch/types.h>

#include <descent/surfaces/number.h>

namespace number_test {
namespace {

using descent::Dual;
using descent::math::sign;
using std::abs, std::cos, std::exp, std::log, std::pow, std::sin, std::sqrt;
using testing::DoubleNear;

/// The derivatives of f at (x, y) by Dual and by differences.
template <class F>
void expect_right_slopes(F f, double x, double y) {
  const double h = 1e-5;
  const Dual exact = f(Dual(x, 1, 0), Dual(y, 0, 1));
  EXPECT_EQ(exact.value, f(x, y));
  EXPECT_THAT(exact.dx, DoubleNear((f(x + h, y) - f(x - h, y)) / (2 * h), 1e-7));
  EXPECT_THAT(exact.dy, DoubleNear((f(x, y + h) - f(x, y - h)) / (2 * h), 1e-7));
}

TEST(ADual, FollowsTheChainRuleInEveryOperation) {
  for (const double x : {0.3, 1.7})
    for (const double y : {-0.8, 0.4}) {
      expect_right_slopes([](auto a, auto b) { return a + b * 2 - 3; }, x, y);
      expect_right_slopes([](auto a, auto b) { return -a * b * b; }, x, y);
      expect_right_slopes([](auto a, auto b) { return a / b + 1 / a; }, x, y);
      expect_right_slopes([](auto a, auto b) { return sqrt(a) * abs(b); }, x, y);
      expect_right_slopes([](auto a, auto b) { return sin(a * b) + cos(b); }, x, y);
      expect_right_slopes([](auto a, auto b) { return exp(a - b) * log(a); }, x, y);
      expect_right_slopes([](auto a, auto b) { return pow(a, 2.5) + pow(b, 3); }, x, y);
      expect_right_slopes([](auto a, auto b) { return sign(b) * a; }, x, y);
    }
}

TEST(ADual, HasNoSlopeWhereThereIsNone) {
  const Dual zero(0, 1, 2);
  EXPECT_EQ(abs(zero).dx, 0);
  EXPECT_EQ(sqrt(zero).dy, 0);
  EXPECT_EQ(pow(zero, 0).dx, 0);
  EXPECT_TRUE(std::isnan(sqrt(Dual(-1, 1, 0)).value));
}

TEST(ADual, IsComparedByItsValue) {
  EXPECT_TRUE(Dual(1, 5, 5) < Dual(2));
  EXPECT_TRUE(Dual(1, 5, 5) <= 1);
  EXPECT_TRUE(Dual(3) > 2.5);
  EXPECT_TRUE(Dual(3) >= 3);
}

TEST(ADual, SharesItsVocabularyWithTensors) {
  const auto text = [](const auto& a) {
    return sqrt(abs(a)) + sin(a) * cos(a) - exp(a) / log(a + 3) + sign(a) * pow(a, 2.0);
  };
  const torch::Tensor z = torch::linspace(-1.75, 2, 9, torch::kDouble), values = text(z);
  for (int64_t i = 0; i < z.numel(); ++i) {
    const double x = z[i].item<double>();
    EXPECT_NEAR(values[i].item<double>(), text(x), 1e-14);
    EXPECT_EQ(text(Dual(x)).value, text(x));
  }
}

}  // namespace
}  // namespace number_test
