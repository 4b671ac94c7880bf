#include <algorithm>
#include <chrono>
#include <cmath>
#include <complex>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <descent/tune/train_map.h>

namespace {

using descent::LogRange;
using descent::MapAxis;
using descent::MapValue;
using descent::Range;
using descent::TrainMap;
using descent::TrainMapOptions;
using testing::HasSubstr;
namespace fs = std::filesystem;
namespace nn = torch::nn;

nn::Sequential tanh_network() {
  torch::manual_seed(11);
  return nn::Sequential(nn::Linear(4, 6), nn::Tanh(), nn::Linear(6, 1));
}

descent::Batches noise() {
  torch::manual_seed(12);
  return {torch::randn({8, 4}), torch::randn({8, 1})};
}

const MapAxis kRates{"lr", LogRange{1e-2, 1e2}, 12}, kMomenta{"momentum", Range{0, 0.9}, 9};

TrainMap map_of(const TrainMapOptions& options) {
  return descent::train_map(*tanh_network(), descent::mse, noise(), "sgd", kRates, kMomenta,
                            options);
}

/// The same bits, NaN included.
bool same(const descent::Grid& a, const descent::Grid& b) {
  return std::equal(a.values.begin(), a.values.end(), b.values.begin(), b.values.end(),
                    [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

/// A map of which only `diverges` is known.
TrainMap pattern(int64_t side, const std::function<bool(int64_t, int64_t)>& diverges) {
  const descent::Axis axis{0, 1, side};
  TrainMap map{{axis, axis}, {axis, axis}};
  for (int64_t i = 0; i < side; ++i)
    for (int64_t j = 0; j < side; ++j) {
      map.loss.values.push_back(1);
      map.diverged.values.push_back(diverges(i, j) ? 1 : std::numeric_limits<double>::quiet_NaN());
    }
  return map;
}

class Folder {
 public:
  Folder() { fs::remove_all(path); }
  ~Folder() { fs::remove_all(path); }
  const fs::path path = fs::path(testing::TempDir()) / "descent_train_map_test";
};

TEST(TrainMap, HasAtEachPointWhatATrainingGives) {
  std::vector<descent::Candidate> candidates;
  const TrainMap axes = map_of({.steps = 1});
  for (int64_t i = 0; i < kMomenta.n; ++i)
    for (int64_t j = 0; j < kRates.n; ++j)
      candidates.push_back({.options = {{"lr", std::pow(10.0, axes.loss.x.at(j))},
                                        {"momentum", axes.loss.y.at(i)}}});
  const auto all = descent::train_many(*tanh_network(), descent::mse, noise(), "sgd", candidates,
                                       {.steps = 60, .path = descent::Path::Fused});
  for (const MapValue value : {MapValue::Final, MapValue::Mean, MapValue::Best}) {
    const TrainMap map = map_of({.steps = 60, .value = value});
    EXPECT_EQ(map.loss.x_name, "log10 lr");
    EXPECT_EQ(map.loss.y_name, "momentum");
    EXPECT_EQ(map.loss.notes.at("path"), "fused");
    int converged = 0, diverged = 0;
    for (size_t k = 0; k < candidates.size(); ++k) {
      const descent::Trained& one = all.trainings[k];
      EXPECT_EQ(map.converged(k), one.converged());
      converged += one.converged();
      diverged += one.diverged >= 0;
      if (one.diverged >= 0) {
        EXPECT_EQ(map.diverged.values[k], static_cast<double>(one.diverged));
        EXPECT_EQ(map.loss.values[k], descent::kInfinity);
        continue;
      }
      EXPECT_EQ(map.loss.values[k], value == MapValue::Final  ? one.final
                                    : value == MapValue::Mean ? one.mean
                                                              : one.best);
      if (!one.converged()) {
        EXPECT_EQ(map.diverged.values[k], 60);
      }
    }
    EXPECT_GT(converged, 20);
    EXPECT_GT(diverged, 20);
  }
}

TEST(TrainMap, MapsLayersRatesAndTheScaleOfTheWeights) {
  const TrainMap map = descent::train_map(
      *tanh_network(), descent::mse, noise(), "adam", {"0.lr", LogRange{1e-4, 1}, 5},
      {"scale", LogRange{0.1, 10}, 4},
      {.steps = 20, .value = MapValue::Final, .options = {{"lr", 0.01}}, .seed = 3});
  const auto one =
      descent::train_many(*tanh_network(), descent::mse, noise(), "adam",
                          {{.options = {{"lr", 0.01}, {"0.lr", std::pow(10.0, map.loss.x.at(2))}},
                            .seed = 3,
                            .scale = std::pow(10.0, map.loss.y.at(3))}},
                          {.steps = 20, .path = descent::Path::Fused});
  EXPECT_EQ(map.loss.at(3, 2), one.trainings[0].final);
  EXPECT_NE(map.loss.at(3, 2), map.loss.at(3, 3));
  EXPECT_NE(map.loss.at(3, 2), map.loss.at(2, 2));
}

TEST(TrainMap, GivesTheSameBitsForAnyNumberOfThreads) {
  const TrainMap one = map_of({.steps = 40, .threads = 1});
  for (const int threads : {2, 7}) {
    const TrainMap other = map_of({.steps = 40, .threads = threads});
    EXPECT_TRUE(same(one.loss, other.loss));
    EXPECT_TRUE(same(one.diverged, other.diverged));
  }
}

TEST(TrainMap, GoesOnFromItsTiles) {
  const Folder folder;
  const TrainMap whole = map_of({.steps = 40});
  const TrainMap part = map_of({.steps = 40,
                                .threads = 1,
                                .on_progress = [](double done) { return done < 0.5; },
                                .tiles = folder.path});
  EXPECT_EQ(part.loss.notes.count("stopped"), 1u);
  EXPECT_TRUE(std::isnan(part.loss.values.back()));
  EXPECT_EQ(part.diverged.values.back(), -1);
  double first = -1;
  const TrainMap rest = map_of({.steps = 40,
                                .threads = 1,
                                .on_progress =
                                    [&](double done) {
                                      if (first < 0) first = done;
                                      return true;
                                    },
                                .tiles = folder.path});
  EXPECT_GT(first, 0.5);
  EXPECT_TRUE(same(rest.loss, whole.loss));
  EXPECT_TRUE(same(rest.diverged, whole.diverged));
  // Those of another map are left alone.
  EXPECT_TRUE(same(map_of({.steps = 41, .tiles = folder.path}).loss, map_of({.steps = 41}).loss));
}

TEST(TrainMap, IsSharedWithOthersThroughAStore) {
  const Folder folder;
  const TrainMap whole = map_of({.steps = 40});
  descent::Store store;
  const auto run = [&](TrainMapOptions options) {
    options.steps = 40;
    options.tiles = folder.path;
    options.store = store;
    return map_of(options);
  };
  // Tiles that take long are told of one by one.
  const TrainMap part = run({.threads = 1, .on_progress = [](double done) {
                               std::this_thread::sleep_for(std::chrono::milliseconds(25));
                               return done < 0.5;
                             }});
  EXPECT_EQ(part.loss.notes.count("stopped"), 1u);
  EXPECT_FALSE(std::isnan(part.loss.values.front()));
  double reached = 0;
  const TrainMap rest = run({.threads = 2, .on_progress = [&](double done) {
                               EXPECT_GE(done, reached);
                               reached = done;
                               return true;
                             }});
  EXPECT_EQ(reached, 1);
  EXPECT_TRUE(same(rest.loss, whole.loss));
  EXPECT_TRUE(same(rest.diverged, whole.diverged));
  // The store says that all is done, but the files are gone.
  fs::remove_all(folder.path);
  EXPECT_TRUE(same(run({}).loss, whole.loss));
}

/// Whether a point of the unit square is in Sierpinski's equilateral triangle, to so many halvings.
bool in_triangle(double x, double y, int halvings) {
  const double height = std::sqrt(3) / 2;
  for (int k = 0; k <= halvings; ++k) {
    if (y < 0 || y > 2 * height * x || y > 2 * height * (1 - x)) return false;
    x *= 2;
    y *= 2;
    if (y >= height) {
      x -= 0.5;
      y -= height;
    } else if (x - y / (2 * height) >= 1) {
      x -= 1;
    }
  }
  return true;
}

/// Whether it is in Sierpinski's carpet of 3^levels points a side.
bool in_carpet(int64_t i, int64_t j) {
  for (; i > 0 || j > 0; i /= 3, j /= 3)
    if (i % 3 == 1 && j % 3 == 1) return false;
  return true;
}

/// Appends the corners of Koch's curve from `a` to just before `b`.
void add_koch(std::complex<double> a, std::complex<double> b, int thirds,
              std::vector<std::complex<double>>& corners) {
  if (thirds == 0) return corners.push_back(a);
  const auto third = (b - a) / 3.0;
  const auto peak = a + third + third * std::polar(1.0, -M_PI / 3);
  add_koch(a, a + third, thirds - 1, corners);
  add_koch(a + third, peak, thirds - 1, corners);
  add_koch(peak, b - third, thirds - 1, corners);
  add_koch(b - third, b, thirds - 1, corners);
}

/// Koch's snowflake over so many points a side: whether each is inside.
std::vector<bool> snowflake(int64_t side) {
  std::vector<std::complex<double>> corners;
  const double size = 0.45 * static_cast<double>(side), middle = 0.5 * static_cast<double>(side);
  for (int k = 0; k < 3; ++k)
    add_koch(
        {middle + size * std::cos(2 * M_PI * k / 3), middle + size * std::sin(2 * M_PI * k / 3)},
        {middle + size * std::cos(2 * M_PI * (k + 1) / 3),
         middle + size * std::sin(2 * M_PI * (k + 1) / 3)},
        6, corners);
  std::vector<bool> inside(static_cast<size_t>(side * side));
  for (size_t k = 0; k < corners.size(); ++k) {
    const auto a = corners[k], b = corners[(k + 1) % corners.size()];
    for (auto i = static_cast<int64_t>(std::ceil(std::min(a.imag(), b.imag())));
         static_cast<double>(i) < std::max(a.imag(), b.imag()); ++i) {
      const double crossing =
          a.real() + (static_cast<double>(i) - a.imag()) * (b - a).real() / (b - a).imag();
      for (int64_t j = 0; static_cast<double>(j) < crossing; ++j) {
        const auto point = static_cast<size_t>(i * side + j);
        inside[point] = !inside[point];
      }
    }
  }
  return inside;
}

TEST(TrainMap, MeasuresTheDimensionOfItsBoundary) {
  const auto dimension = [](int64_t side, const std::function<bool(int64_t, int64_t)>& diverges) {
    return descent::boundary_of(pattern(side, diverges)).dimension;
  };
  // Lines, of which many are no more than one.
  EXPECT_NEAR(dimension(512, [](int64_t i, int64_t j) { return i + 2 * j > 600; }), 1, 0.02);
  EXPECT_NEAR(dimension(512, [](int64_t i, int64_t) { return i > 270; }), 1, 0.01);
  EXPECT_NEAR(dimension(512,
                        [](int64_t i, int64_t j) {
                          const double x = static_cast<double>(j) - 240,
                                       y = static_cast<double>(i) - 266;
                          return x * x + y * y < 160 * 160;
                        }),
              1, 0.03);
  EXPECT_NEAR(dimension(512,
                        [](int64_t i, int64_t j) {
                          return std::sin(0.063 * static_cast<double>(i) +
                                          0.040 * static_cast<double>(j)) > 0;
                        }),
              1, 0.03);
  EXPECT_NEAR(dimension(512, [](int64_t i, int64_t j) { return (i + j) % 2 == 0; }), 2, 1e-9);
  // Sierpinski's triangle and carpet, with right angles and equal ones, and Koch's snowflake.
  EXPECT_NEAR(dimension(512, [](int64_t i, int64_t j) { return (i & j) == 0; }), 1.585, 0.02);
  EXPECT_NEAR(dimension(512,
                        [](int64_t i, int64_t j) {
                          return in_triangle((static_cast<double>(j) - 25) / 460,
                                             (static_cast<double>(i) - 25) / 460, 8);
                        }),
              1.585, 0.04);
  EXPECT_NEAR(dimension(729, in_carpet), std::log(8) / std::log(3), 0.02);
  const std::vector<bool> snow = snowflake(512);
  EXPECT_NEAR(
      dimension(512, [&](int64_t i, int64_t j) { return snow[static_cast<size_t>(512 * i + j)]; }),
      std::log(4) / std::log(3), 0.03);
  // No boundary, and too few points to tell.
  EXPECT_TRUE(std::isnan(dimension(512, [](int64_t, int64_t) { return false; })));
  EXPECT_TRUE(std::isnan(dimension(63, [](int64_t i, int64_t) { return i > 20; })));
  EXPECT_NEAR(dimension(64, [](int64_t i, int64_t) { return i > 20; }), 1, 0.03);
  const auto boxes =
      descent::boundary_of(pattern(16, [](int64_t i, int64_t) { return i == 5; })).boxes;
  EXPECT_EQ(boxes, (std::vector<std::pair<int64_t, int64_t>>{{2, 8}, {4, 4}}));
}

TEST(TrainMap, RefusesWhatItCannotDo) {
  const auto why = [](const MapAxis& x, const MapAxis& y, const TrainMapOptions& options) {
    try {
      descent::train_map(*tanh_network(), descent::mse, noise(), "sgd", x, y, options);
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string("nothing was refused");
  };
  const TrainMapOptions one{.steps = 1};
  EXPECT_THAT(why(kRates, kRates, one), HasSubstr("both axes are lr"));
  EXPECT_THAT(why(kRates, {"", Range{0, 1}}, one), HasSubstr("y.name is empty"));
  EXPECT_THAT(why({"lr", LogRange{0, 1}}, kMomenta, one), HasSubstr("must be > 0"));
  EXPECT_THAT(why({"lr", Range{1, 1}}, kMomenta, one), HasSubstr("x goes from 1 to 1"));
  EXPECT_THAT(why({"lr", Range{0, 1}, 0}, kMomenta, one), HasSubstr("x.n = 0"));
  EXPECT_THAT(why(kRates, {"momentun", Range{0, 1}}, one),
              testing::AllOf(HasSubstr("train_map: the training with scale = 1, lr = 0.01"),
                             HasSubstr("did you mean momentum")));
  EXPECT_THAT(why(kRates, kMomenta, {}), HasSubstr("train_map: options.steps = 0"));
  EXPECT_THAT(why(kRates, kMomenta, {.steps = 1, .options = {{"momentum", 0.5}}}),
              HasSubstr("options.options has momentum = 0.5, which is an axis"));
  EXPECT_THAT(why(kRates, kMomenta, {.steps = 1, .store = descent::Store()}),
              HasSubstr("options.store is given, but options.tiles is empty"));
  const Folder file;
  std::ofstream(file.path) << "no folder";
  EXPECT_THAT([&] { map_of({.steps = 1, .tiles = file.path}); },
              testing::ThrowsMessage<std::runtime_error>(
                  testing::StartsWith("train_map: options.tiles = " + file.path.string())));
}

}  // namespace
