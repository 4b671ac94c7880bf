#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <descent/base/atomic_file.h>

#include "models.h"

namespace descent::tests {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// A folder of its own for each test.
class TilesTest : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  Grid run(EvaluateOptions options = {}) {
    calls_ = 0;
    options.path = Path::Loop;
    options.tiles = folder_;
    return evaluate(network_, mse, data_, plane_, x_, y_, options);
  }

  std::vector<fs::path> files() const {
    std::vector<fs::path> result;
    for (const auto& entry : fs::directory_iterator(folder_)) result.push_back(entry.path());
    std::sort(result.begin(), result.end());
    return result;
  }

  fs::path folder_ = fs::path(testing::TempDir()) / "descent_tiles";
  nn::Sequential net_ = sine_net(4);
  Data data_ = sine_data(8);
  std::atomic<int64_t> calls_{0};
  Network network_{*net_, [this](nn::SequentialImpl& m, const torch::Tensor& x) {
                     ++calls_;
                     return m.forward(x);
                   }};
  Plane plane_ = random_plane(*net_);
  Axis x_{-5, 5, 30}, y_{-5, 5, 10};
  const int64_t center_ = 2;  // calls that look at the plane's center
};

TEST_F(TilesTest, AreTakenInsteadOfComputingAgain) {
  const Grid first = run();
  EXPECT_EQ(calls_, 300 + center_);
  EXPECT_EQ(first.values,
            evaluate(network_, mse, data_, plane_, x_, y_, {.path = Path::Loop}).values);
  const Grid second = run({.threads = 2});
  EXPECT_EQ(calls_, center_);
  EXPECT_EQ(first.values, second.values);
  EXPECT_EQ(first.notes, second.notes);
}

TEST_F(TilesTest, ContinueAStoppedRunWithTheSameBits) {
  const Grid stopped = run({.threads = 1, .on_progress = [](double done) { return done < 0.4; }});
  EXPECT_TRUE(std::isnan(stopped.values.back()));
  std::vector<double> fractions;
  const Grid resumed = run({.threads = 2, .on_progress = [&](double done) {
                              fractions.push_back(done);
                              return true;
                            }});
  EXPECT_LT(calls_, 200);
  EXPECT_GT(fractions.front(), 0.3);
  EXPECT_EQ(fractions.back(), 1.0);
  EXPECT_EQ(resumed.values,
            evaluate(network_, mse, data_, plane_, x_, y_, {.path = Path::Loop}).values);
}

TEST_F(TilesTest, ThatAreDamagedAreComputedAgain) {
  const Grid first = run();
  const auto tiles = files();
  ASSERT_GE(tiles.size(), 5u);
  std::string bytes = read_file(tiles[1]);
  bytes[60] = static_cast<char>(bytes[60] ^ 1);
  std::ofstream(tiles[1], std::ios::binary) << bytes;
  fs::resize_file(tiles[2], fs::file_size(tiles[2]) - 3);
  fs::resize_file(tiles[3], 0);
  fs::copy_file(tiles[0], tiles[4], fs::copy_options::overwrite_existing);
  const Grid second = run();
  EXPECT_GT(calls_, center_ + 20);
  EXPECT_LE(calls_, center_ + 4 * 8);
  EXPECT_EQ(first.values, second.values);
  run();
  EXPECT_EQ(calls_, center_);
}

TEST_F(TilesTest, OfAnotherJobAreLeftAlone) {
  run();
  const auto before = files();
  data_.target.add_(1);
  run();
  EXPECT_EQ(calls_, 300 + center_);
  EXPECT_EQ(files().size(), 2 * before.size());
  data_.target.sub_(1);
  plane_ = random_plane(*net_, {.seed = 5});
  run();
  EXPECT_EQ(calls_, 300 + center_);
  x_.hi = 6;
  run();
  EXPECT_EQ(calls_, 300 + center_);
  EXPECT_EQ(files().size(), 4 * before.size());
}

TEST_F(TilesTest, RefuseAFolderThatCannotBe) {
  std::ofstream(folder_) << "a file";
  EXPECT_THAT([&] { run(); }, ThrowsMessage<std::runtime_error>(HasSubstr("is no folder")));
}

}  // namespace
}  // namespace descent::tests
