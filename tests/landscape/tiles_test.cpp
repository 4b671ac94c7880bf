#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <descent/base/atomic_file.h>
#include <descent/landscape/evaluate/provenance.h>

#include "models.h"

namespace descent::tests {
namespace tiles_test {
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
    return evaluate(network_, metric_, data_, plane_, x_, y_, options);
  }

  /// Stops a run of the module on this path, resumes it, and compares it with a whole one.
  void expect_resumption(Path path) {
    EvaluateOptions options{.path = path, .threads = 1};
    const Grid whole = evaluate(*net_, mse, data_, plane_, x_, y_, options);
    options.tiles = folder_;
    options.on_progress = [](double done) { return done < 0.4; };
    const Grid stopped = evaluate(*net_, mse, data_, plane_, x_, y_, options);
    EXPECT_TRUE(std::isnan(stopped.values.back()));
    std::vector<double> fractions;
    options.threads = 2;
    options.on_progress = [&](double done) {
      fractions.push_back(done);
      return true;
    };
    Grid resumed = evaluate(*net_, mse, data_, plane_, x_, y_, options);
    EXPECT_GT(fractions.front(), 0.4);
    EXPECT_EQ(resumed.values, whole.values);
    resumed.notes.erase("tiles");
    EXPECT_EQ(resumed.notes, whole.notes);
  }

  std::vector<fs::path> files() const {
    std::vector<fs::path> result;
    for (const auto& entry : fs::directory_iterator(folder_)) result.push_back(entry.path());
    std::sort(result.begin(), result.end());
    return result;
  }

  fs::path folder_ = fs::path(testing::TempDir()) / ("descent_tiles_" + std::to_string(::getpid()));
  nn::Sequential net_ = sine_net(4);
  Data data_ = sine_data(8);
  std::atomic<int64_t> calls_{0};
  Network network_{*net_, [this](nn::SequentialImpl& m, const torch::Tensor& x) {
                     ++calls_;
                     return m.forward(x);
                   }};
  Metric metric_ = mse;
  Plane plane_ = random_plane(*net_);
  Axis x_{-5, 5, 30}, y_{-5, 5, 10};
  const int64_t center_ = 3;  // calls that look at the plane's center
  const int64_t known_ =
      center_ + 2;                    // those that tell whose tiles are whose, at two of the points
  const int64_t all_ = 298 + known_;  // of a run
  const int64_t tile_ = 2;            // points of a tile
};

TEST_F(TilesTest, AreTakenInsteadOfComputingAgain) {
  const Grid first = run();
  EXPECT_EQ(calls_, all_);
  EXPECT_EQ(first.values,
            evaluate(network_, mse, data_, plane_, x_, y_, {.path = Path::Loop}).values);
  const Grid second = run({.threads = 2});
  EXPECT_EQ(calls_, known_);
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

TEST_F(TilesTest, ContinueTheFusedPath) { expect_resumption(Path::Fused); }

TEST_F(TilesTest, ContinueTheBatchedPath) {
  x_.n = y_.n = 40;  // several times as many networks as are taken at once
  try {
    expect_resumption(Path::Batched);
  } catch (const std::invalid_argument& error) {
    ASSERT_THAT(error.what(), HasSubstr("this build of descent is without it"));
    GTEST_SKIP() << error.what();
  }
}

TEST_F(TilesTest, AreKnownAgainUnderAnyNumberOfThreads) {
  data_ = sine_data(200000);
  x_.n = y_.n = 2;
  network_ = Network(*net_, [](nn::SequentialImpl& m, const torch::Tensor& x) {
    const torch::Tensor y = m.forward(x);
    return y - y.mean();  // whose rounding depends on the threads that add
  });
  const int threads = at::get_num_threads();
  for (const int count : {1, 3}) {
    at::set_num_threads(count);
    run();
  }
  at::set_num_threads(threads);
  EXPECT_EQ(files().size(), 4u);  // one a point
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
  EXPECT_GT(calls_, known_ + 2 * tile_);
  EXPECT_LE(calls_, known_ + 4 * tile_);
  EXPECT_EQ(first.values, second.values);
  run();
  EXPECT_EQ(calls_, known_);
}

TEST_F(TilesTest, ThatCannotBeReadAreComputedAgain) {
  const fs::path unreadable = "/proc/self/mem";  // EIO also for who may read everything
  if (!fs::exists(unreadable)) GTEST_SKIP() << "there is no " << unreadable;
  const Grid first = run();
  const auto tile = files().front();
  fs::remove(tile);
  fs::create_symlink(unreadable, tile);
  const Grid second = run();
  EXPECT_EQ(calls_, known_ + tile_ - 1);  // and the corner is known
  EXPECT_EQ(first.values, second.values);
  EXPECT_FALSE(fs::is_symlink(tile));
}

TEST_F(TilesTest, OfAnotherJobAreLeftAlone) {
  run();
  const auto before = files();
  data_.target.add_(1);
  run();
  EXPECT_EQ(calls_, all_);
  EXPECT_EQ(files().size(), 2 * before.size());
  data_.target.sub_(1);
  plane_ = random_plane(*net_, {.seed = 5});
  run();
  EXPECT_EQ(calls_, all_);
  x_.hi = 6;
  run();
  EXPECT_EQ(calls_, all_);
  EXPECT_EQ(files().size(), 4 * before.size());
}

TEST_F(TilesTest, OfANetworkOfTheSameWeightsAreLeftAlone) {
  run();
  nn::Sequential other(nn::Linear(1, 4), nn::Tanh(), nn::Linear(4, 4), nn::ReLU(),
                       nn::Linear(4, 1));
  {
    const torch::NoGradGuard no_grad;
    for (size_t k = 0; k < plane_.center.size(); ++k)
      other->parameters()[k].copy_(plane_.center[k]);
  }
  const EvaluateOptions options{.path = Path::Loop};
  network_ = *other;
  EXPECT_EQ(run().values, evaluate(*other, mse, data_, plane_, x_, y_, options).values);
  // The same at the center.
  network_ = Network(*other, [](nn::SequentialImpl& m, const torch::Tensor& x) {
    return m.forward(x).clamp(-5, 5);
  });
  const Grid clamped = evaluate(network_, mse, data_, plane_, x_, y_, options);
  EXPECT_NE(clamped.values, evaluate(*other, mse, data_, plane_, x_, y_, options).values);
  EXPECT_EQ(run().values, clamped.values);
}

TEST_F(TilesTest, OfAnotherShortcutAreLeftAlone) {
  net_ = nn::Sequential(nn::Linear(3, 64), nn::ReLU(), nn::Linear(64, 1));
  data_ = {torch::randn({2000, 3}), torch::randn({2000, 1})};
  plane_ = random_plane(*net_);
  x_.n = y_.n = 5;
  const auto on_fused = [&](int64_t memory, const fs::path& tiles) {
    return evaluate(*net_, mse, data_, plane_, x_, y_,
                    {.path = Path::Fused, .memory = memory, .tiles = tiles});
  };
  const Grid wide = on_fused(int64_t{8} << 20, folder_),
             tight = on_fused(int64_t{3} << 20, folder_);
  EXPECT_NE(wide.notes.at("reason"), tight.notes.at("reason"));
  EXPECT_EQ(tight.values, on_fused(int64_t{3} << 20, {}).values);
}

TEST_F(TilesTest, OfAMetricOfTheSameNameAreLeftAlone) {
  for (const double most : {1e9, 1e3, 1e-3}) {
    metric_ = Metric("mine", [most](const torch::Tensor& p, const torch::Tensor& t) {
      return (p - t).abs().mean().clamp_max(most);
    });
    const Grid fresh = evaluate(network_, metric_, data_, plane_, x_, y_, {.path = Path::Loop});
    EXPECT_EQ(run().values, fresh.values);
    EXPECT_EQ(fresh.value_name, "mine");
  }
}

TEST_F(TilesTest, RefuseAFolderThatCannotBe) {
  std::ofstream(folder_) << "a file";
  EXPECT_THAT([&] { run(); }, ThrowsMessage<std::runtime_error>(HasSubstr("is no folder")));
  EXPECT_THAT([&] { run(); },
              ThrowsMessage<std::runtime_error>(testing::StartsWith("evaluate: options.tiles = ")));
}

TEST_F(TilesTest, AreDealtOutByAStore) {
  const Grid whole = run();
  fs::remove_all(folder_);
  Store store;
  const Grid stopped =
      run({.threads = 1, .store = store, .on_progress = [](double done) { return done < 0.4; }});
  EXPECT_TRUE(std::isnan(stopped.values.back()));
  EXPECT_EQ(stopped.notes.count("stopped"), 1u);
  const int64_t before = calls_;
  std::vector<double> fractions;
  const Grid rest = run({.threads = 2, .store = store, .on_progress = [&](double done) {
                           fractions.push_back(done);
                           return true;
                         }});
  EXPECT_GE(before + calls_, all_ + known_);
  EXPECT_LE(before + calls_, all_ + known_ + tile_);
  EXPECT_TRUE(std::is_sorted(fractions.begin(), fractions.end()));
  EXPECT_EQ(fractions.back(), 1.0);
  EXPECT_EQ(rest.values, whole.values);
  EXPECT_EQ(rest.notes, whole.notes);
  // The store says that it is done, but the file is gone.
  fs::remove(files()[7]);
  EXPECT_EQ(run({.store = store}).values, whole.values);
  EXPECT_EQ(calls_, known_ + tile_);
  // Another store: nothing is left to compute.
  EXPECT_EQ(run({.store = Store()}).values, whole.values);
  EXPECT_EQ(calls_, known_);
}

TEST_F(TilesTest, AreNeededByAStore) {
  EXPECT_THAT([&] { evaluate(*net_, mse, data_, plane_, x_, y_, {.store = Store()}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("options.tiles is empty")));
}

TEST(Tiles, AreThoseOfEveryOptionThatTheValuesDependOn) {
  const EvaluateOptions options;
  // Another member does not compile here: list it in DESCENT_OPTIONS, unless it is no value.
  [[maybe_unused]] const auto& [path, threads, batch_norm, precision, memory, tiles, store,
                                on_progress] = options;
  const std::vector<OptionInfo> listed = fields::describe(options);
  EXPECT_EQ(listed.size(), 5u);
  for (const OptionInfo& option : listed) {
    EvaluateOptions other;
    for (const OptionValue& value :
         {OptionValue(3), OptionValue("loop"), OptionValue("batch"), OptionValue("bfloat16")}) {
      if (fields::set(other, option.name, value).empty()) break;
    }
    const auto& apart = EvaluateOptions::kNotInResult;
    const bool counts = std::find(apart.begin(), apart.end(), option.name) == apart.end();
    EXPECT_EQ(landscape::fingerprint(other) != landscape::fingerprint(options), counts)
        << option.name;
    EXPECT_NE(to_text(fields::describe(other)[static_cast<size_t>(&option - listed.data())].value),
              to_text(option.value))
        << option.name;
  }
}

}  // namespace
}  // namespace tiles_test
}  // namespace descent::tests
