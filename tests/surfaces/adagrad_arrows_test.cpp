#include "commands/gallery/adagrad_arrows.h"

#include <cmath>

#include <gmock/gmock.h>

#include "tracks.h"

namespace adagrad_arrows_test {
namespace {

using descent::adagrad_arrows;
using descent::AdagradForm;

void expect_norms(AdagradForm form, uint32_t seed, double gx, double gy,
                  const std::vector<double>& norms, double digits) {
  const auto arrows = adagrad_arrows(form, {.seed = seed});
  ASSERT_EQ(arrows.size(), norms.size());
  EXPECT_NEAR(arrows[0].g.x, gx, 5e-9);
  EXPECT_NEAR(arrows[0].g.y, gy, 5e-9);
  for (size_t t = 0; t < norms.size(); ++t)
    EXPECT_NEAR(std::hypot(arrows[t].v.x, arrows[t].v.y), norms[t], digits) << "step " << t;
}

TEST(AdagradArrows, HaveTheKnownNormsForTheFullMatrix) {
  expect_norms(AdagradForm::Full, 32, 0.42944463, 0.74542231,
               {0.99998838, 0.99999076, 0.62753248, 0.80118515, 0.43403373, 0.24656418, 0.45411268,
                0.36895041},
               5e-9);
}

TEST(AdagradArrows, HaveTheKnownNormsForTheDiagonal) {
  expect_norms(AdagradForm::Diagonal, 53, 0.4233312, 1.12233108,
               {1.414191, 0.711718, 0.816248, 0.662371, 0.486687, 0.277268, 0.370688, 0.522315},
               5e-7);
}

TEST(AdagradArrows, BeginWithANormThatFollowsFromEps) {
  for (const double eps : {1e-5, 1e-2}) {
    const auto first = adagrad_arrows(AdagradForm::Full, {.seed = 4, .count = 1, .eps = eps})[0];
    const double g = std::hypot(first.g.x, first.g.y);
    EXPECT_NEAR(std::hypot(first.v.x, first.v.y), g / (g + eps), 1e-12);
  }
}

TEST(AdagradArrows, RefuseWhatMakesNoArrow) {
  EXPECT_EQ(tracks::message([] { adagrad_arrows(AdagradForm::Full, {.count = 0}); }),
            "adagrad_arrows: count = 0, must be >= 1");
  EXPECT_EQ(tracks::message([] { adagrad_arrows(AdagradForm::Full, {.eps = -1}); }),
            "adagrad_arrows: eps = -1, must be finite and >= 0");
}

}  // namespace
}  // namespace adagrad_arrows_test
