#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <torch/nn/cloneable.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/serialize.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <descent/base/atomic_file.h>
#include <descent/landscape/planes/random_plane.h>
#include <descent/landscape/trajectory/pca_plane.h>
#include <descent/landscape/trajectory/projection.h>
#include <descent/landscape/trajectory/recorder.h>
#include <descent/pickle/pickle.h>
#include <descent/tensors/memory.h>

#include "../full_disk.h"
#include "models.h"

namespace descent::tests {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;
using torch::Tensor;

const Tensor kInput = torch::linspace(-1, 1, 15, torch::kDouble).view({5, 3});

Data data() { return {kInput, (kInput * 2).sin().narrow(1, 0, 2)}; }

/// Eight weights in double.
nn::Linear affine() {
  torch::manual_seed(2);
  nn::Linear net(3, 2);
  net->to(torch::kDouble);
  return net;
}

Tensor flat(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> parts;
  for (const Tensor& tensor : tensors) parts.push_back(tensor.detach().reshape(-1));
  return torch::cat(parts);
}

void set(nn::Module& net, const Tensor& weights) {
  const torch::NoGradGuard no_grad;
  int64_t from = 0;
  for (const Tensor& parameter : net.parameters()) {
    parameter.copy_(weights.narrow(0, from, parameter.numel()).view(parameter.sizes()));
    from += parameter.numel();
  }
}

/// One snapshot for each row, the last of which the network keeps.
Trajectory along(nn::Module& net, const Network& network, const Tensor& rows,
                 RecorderOptions options = {}) {
  set(net, rows[0]);
  Recorder recorder(network, std::move(options));
  for (int64_t k = 1; k < rows.size(0); ++k) {
    set(net, rows[k]);
    recorder.step();
  }
  return recorder.trajectory();
}

/// A walk of n steps of random length.
Tensor walk(int64_t n) {
  torch::manual_seed(9);
  return torch::randn({n, 8}, torch::kDouble).cumsum(0);
}

double loss_at(const Tensor& weights) {
  nn::Linear net = affine();
  set(*net, weights);
  return mse(net->forward(data().input), data().target).item<double>();
}

std::vector<int64_t> steps_of(const Trajectory& trajectory) {
  std::vector<int64_t> steps;
  for (size_t k = 0; k < trajectory.size(); ++k) steps.push_back(trajectory.step(k));
  return steps;
}

void expect_same(const Trajectory& a, const Trajectory& b) {
  EXPECT_EQ(a.names(), b.names());
  ASSERT_EQ(steps_of(a), steps_of(b));
  for (size_t k = 0; k < a.size(); ++k) EXPECT_TRUE(flat(a.weights(k)).equal(flat(b.weights(k))));
}

/// A folder of its own for each test.
class TrajectoryFolder : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path folder_ = fs::path(testing::TempDir()) /
                     (std::string("descent_trajectory_") +
                      testing::UnitTest::GetInstance()->current_test_info()->name());
};

template <class Error>
void refused(const std::function<void()>& work, const std::string& reason) {
  EXPECT_THAT(work, ThrowsMessage<Error>(HasSubstr(reason)));
}

TEST(PcaPlane, HasTheDirectionsOfTheSingularValueDecomposition) {
  nn::Linear net = affine();
  const Tensor rows = walk(13);
  const Trajectory trajectory = along(*net, *net, rows);
  const Plane plane = pca_plane(*net, trajectory);

  const Tensor differences = rows - rows[12], centered = differences - differences.mean(0);
  const auto [left, values, right] = torch::linalg_svd(centered, /*full_matrices=*/false);
  const Tensor shares = values.square() / values.square().sum(), u = flat(plane.u),
               v = flat(plane.v);
  EXPECT_NEAR(u.dot(right[0]).abs().item<double>(), 1, 1e-12);
  EXPECT_NEAR(v.dot(right[1]).abs().item<double>(), 1, 1e-12);
  EXPECT_NEAR(u.norm().item<double>(), 1, 1e-14);
  EXPECT_NEAR(v.norm().item<double>(), 1, 1e-14);
  EXPECT_NEAR(plane.cosine(), 0, 1e-14);
  EXPECT_NEAR(plane.explained.at(0), shares[0].item<double>(), 1e-12);
  EXPECT_NEAR(plane.explained.at(1), shares[1].item<double>(), 1e-12);
  for (const Tensor& direction : {u, v}) {
    const Tensor coordinates = differences.mv(direction);
    EXPECT_EQ(coordinates.max().item<double>(), coordinates.abs().max().item<double>());
  }
  EXPECT_TRUE(flat(plane.center).equal(rows[12]));
  EXPECT_EQ(plane.names, (std::vector<std::string>{"weight", "bias"}));
  EXPECT_THAT(plane.how, HasSubstr("first two principal directions of 13 snapshots, "));
}

TEST(PcaPlane, HoldsATrajectoryThatLiesInAPlane) {
  nn::Linear net = affine();
  torch::manual_seed(3);
  const Tensor across = torch::randn({2, 8}, torch::kDouble),
               coordinates = torch::randn({9, 2}, torch::kDouble),
               rows = walk(1)[0] + (coordinates - coordinates[8]).mm(across);
  const Trajectory trajectory = along(*net, *net, rows);
  const Plane plane = pca_plane(*net, trajectory);
  EXPECT_NEAR(plane.explained.at(0) + plane.explained.at(1), 1, 1e-12);
  EXPECT_LT(plane.explained.at(1), plane.explained.at(0));
  const Projection projection = project(trajectory, plane, *net, mse, data());
  for (size_t k = 0; k < trajectory.size(); ++k) {
    EXPECT_NEAR(projection.distance[k], 0, 1e-12);
    EXPECT_NEAR(projection.on_plane.losses[k], projection.true_loss.losses[k], 1e-12);
  }
  EXPECT_NEAR(projection.on_plane.x.back(), 0, 1e-14);
  EXPECT_NEAR(projection.on_plane.y.back(), 0, 1e-14);
}

TEST(PcaPlane, TakesSnapshotsInBlocksIfTheyAreManyOrLong) {
  nn::Linear net(nn::LinearOptions(2000, 2000).bias(false));
  torch::manual_seed(1);
  const Tensor coordinates = torch::randn({6, 2});
  {
    const torch::NoGradGuard no_grad;
    net->weight.zero_();
  }
  Recorder recorder(*net);
  for (int64_t k = 0; k < 6; ++k) {
    const torch::NoGradGuard no_grad;
    net->weight[0].fill_(coordinates[k][0].item<float>());
    net->weight[1999].fill_(coordinates[k][1].item<float>());
    recorder.step();
  }
  const Plane plane = pca_plane(*net, recorder.trajectory());
  const Tensor points = torch::cat({torch::zeros({1, 2}), coordinates}).to(torch::kDouble),
               centered = points - points.mean(0);
  const auto [left, values, right] = torch::linalg_svd(centered, false);
  const Tensor shares = values.square() / values.square().sum();
  EXPECT_NEAR(plane.explained.at(0), shares[0].item<double>(), 1e-12);
  EXPECT_NEAR(plane.explained.at(1), shares[1].item<double>(), 1e-12);
  EXPECT_NEAR(plane.u[0][0][7].abs().item<double>() * std::sqrt(2000),
              right[0][0].abs().item<double>(), 1e-6);
}

TEST_F(TrajectoryFolder, TakesNoMoreMemoryThanItIsAllowed) {
  nn::Linear net(nn::LinearOptions(300, 300).bias(false));
  constexpr int64_t kRow = 300 * 300 * 8;  // bytes of a snapshot in double
  torch::manual_seed(1);
  for (const fs::path& folder : {fs::path(), folder_}) {
    const Trajectory trajectory =
        along(*net, *net, torch::randn({30, 300 * 300}), {.folder = folder});
    const Plane much = pca_plane(*net, trajectory);
    for (const int64_t rows : {7, 20, 40}) {
      Plane little;
      const int64_t peak =
          tensors::peak_bytes([&] { little = pca_plane(*net, trajectory, rows * kRow); });
      EXPECT_LE(peak, rows * kRow + 3 * kRow / 2 + 8 * 30 * 30 * 8) << rows << folder;
      EXPECT_NEAR(flat(little.u).dot(flat(much.u)).item<double>(), 1, 1e-5);
      EXPECT_NEAR(little.explained.at(1), much.explained.at(1), 1e-12);
    }
  }
}

TEST(PcaPlane, IsTheSameForAnyNumberOfThreads) {
  nn::Linear net = affine();
  const Trajectory trajectory = along(*net, *net, walk(70));
  const int threads = torch::get_num_threads();
  torch::set_num_threads(1);
  const Plane one = pca_plane(*net, trajectory);
  torch::set_num_threads(3);
  const Plane three = pca_plane(*net, trajectory);
  torch::set_num_threads(threads);
  EXPECT_EQ(one.hash(), three.hash());
  EXPECT_EQ(one.explained, three.explained);
}

TEST(PcaPlane, RefusesATrajectoryThatSpansNoPlane) {
  nn::Linear net = affine();
  const Tensor line = torch::arange(5, torch::kDouble).unsqueeze(1) * walk(1);
  refused<std::invalid_argument>(
      [&] { pca_plane(*net, along(*net, *net, line)); },
      "pca_plane: the 5 snapshots lie on one line or in one point, and span no plane");
  refused<std::invalid_argument>(
      [&] {
        pca_plane(*net, along(*net, *net, line[1].expand({4, 8})));
      },
      "pca_plane: the 4 snapshots lie on one line or in one point");
  refused<std::invalid_argument>([&] { pca_plane(*net, along(*net, *net, walk(2))); },
                                 "pca_plane: the trajectory has 2 snapshots, must have >= 3");
  refused<std::invalid_argument>([&] { pca_plane(*net, Trajectory()); },
                                 "pca_plane: the trajectory has no snapshots");
}

TEST(PcaPlane, TakesSnapshotsOfTheNetworkInsideOfAWrapper) {
  nn::Linear net = affine();
  const Trajectory trajectory = along(*net, *net, walk(4));
  nn::Sequential wrapped(net);
  const Plane plane = pca_plane(*wrapped, trajectory);
  EXPECT_EQ(plane.names.front(), "0.weight");
  EXPECT_EQ(plane.hash(), pca_plane(*net, trajectory).hash());
}

TEST(PcaPlane, RefusesSnapshotsOfAnotherNetworkOrThatAreNotFinite) {
  nn::Linear net = affine();
  Tensor rows = walk(4);
  const Trajectory trajectory = along(*net, *net, rows);
  nn::Sequential other_names(nn::Linear(3, 2), nn::Linear(2, 2));
  refused<std::invalid_argument>(
      [&] { pca_plane(*other_names, trajectory); },
      "pca_plane: the trajectory has no tensor '0.weight', a parameter of the network");
  nn::Linear other_shape(4, 2);
  refused<std::invalid_argument>(
      [&] { pca_plane(*other_shape, trajectory); },
      "pca_plane: the snapshot of step 0 of parameter 'weight' is Double[2, 3] on cpu, but the "
      "parameter is Float[2, 4] on cpu");
  rows[2][7] = NAN;
  refused<std::invalid_argument>(
      [&] { pca_plane(*net, along(*net, *net, rows)); },
      "pca_plane: the snapshot of step 2 of parameter 'bias' has values that are not finite");
}

TEST(Projection, IsTheLeastSquaresPointOfASkewPlane) {
  nn::Linear net = affine();
  const Tensor rows = walk(6), basis = walk(9).narrow(0, 6, 2);  // cumulated: not orthogonal
  const Trajectory trajectory = along(*net, *net, rows);
  const auto tensors = [](const Tensor& row) {
    return std::vector<Tensor>{row.narrow(0, 0, 6).view({2, 3}), row.narrow(0, 6, 2)};
  };
  const Plane plane = given_plane(*net, tensors(basis[0]), tensors(basis[1]));
  ASSERT_GT(std::abs(plane.cosine()), 0.1);
  const Projection projection = project(trajectory, plane, *net, mse, data());

  const auto solution =
      std::get<0>(torch::linalg_lstsq(basis.t(), (rows - rows[5]).t(), {}, "gelsd"));
  const Tensor projected = rows[5] + solution.t().mm(basis);
  double length = 0;
  for (int64_t k = 0; k < 6; ++k) {
    const auto at = static_cast<size_t>(k);
    EXPECT_NEAR(projection.on_plane.x[at], solution[0][k].item<double>(), 1e-10);
    EXPECT_NEAR(projection.on_plane.y[at], solution[1][k].item<double>(), 1e-10);
    EXPECT_NEAR(projection.distance[at], (rows[k] - projected[k]).norm().item<double>(), 1e-10);
    EXPECT_NEAR(projection.on_plane.losses[at], loss_at(projected[k]), 1e-10);
    EXPECT_NEAR(projection.true_loss.losses[at], loss_at(rows[k]), 1e-14);
    if (k > 0) length += (rows[k] - rows[k - 1]).norm().item<double>();
  }
  EXPECT_NEAR(projection.length, length, 1e-12);
  EXPECT_THAT(projection.steps, ElementsAre(0, 1, 2, 3, 4, 5));
  for (const Track& track : {projection.on_plane, projection.true_loss}) {
    EXPECT_NO_THROW(check(track, track.label));
    EXPECT_EQ(track.x, projection.on_plane.x);
    EXPECT_FALSE(track.diverged);
  }
  EXPECT_EQ(projection.on_plane.label, "training, on the plane");
  EXPECT_EQ(projection.true_loss.label, "training, true loss");
}

TEST(Projection, OntoALineHasOneCoordinate) {
  nn::Linear net = affine();
  const Tensor rows = walk(4);
  const Trajectory trajectory = along(*net, *net, rows);
  const Plane line = pca_plane(*net, trajectory).line();
  const Projection projection = project(trajectory, line, *net, mse, data());
  const Tensor u = flat(line.u);
  for (int64_t k = 0; k < 4; ++k) {
    const Tensor way = rows[k] - rows[3];
    const auto at = static_cast<size_t>(k);
    EXPECT_NEAR(projection.on_plane.x[at], way.dot(u).item<double>(), 1e-13);
    EXPECT_EQ(projection.on_plane.y[at], 0);
    EXPECT_NEAR(projection.distance[at], (way - way.dot(u) * u).norm().item<double>(), 1e-13);
  }
  const auto [x, y] = axes_around(projection, 11);
  EXPECT_EQ(y, (Axis{0, 0, 1}));
  EXPECT_EQ(evaluate(*net, mse, data(), line, x).values.size(), 11u);
  EXPECT_THAT(projection.about(), HasSubstr("away from the line"));
}

TEST(Projection, DoesNotDependOnTheBudgetOrTheThreads) {
  nn::Linear net = affine();
  const Trajectory trajectory = along(*net, *net, walk(20));
  const Plane plane = pca_plane(*net, trajectory);
  const Snapshot before(*net);
  const Projection all = project(trajectory, plane, *net, mse, data(), {.threads = 2});
  const Projection few =
      project(trajectory, plane, *net, mse, data(), {.threads = 1, .memory = 4000});
  EXPECT_EQ(all.on_plane.losses, few.on_plane.losses);
  EXPECT_EQ(all.true_loss.losses, few.true_loss.losses);
  EXPECT_EQ(all.distance, few.distance);
  EXPECT_EQ(all.length, few.length);
  EXPECT_EQ(before, Snapshot(*net));
}

TEST(Projection, ShowsItsProgressAndCanBeStopped) {
  nn::Linear net = affine();
  const Trajectory trajectory = along(*net, *net, walk(20));
  const Plane plane = pca_plane(*net, trajectory);
  std::vector<double> seen;
  EvaluateOptions options{.threads = 1, .memory = 4000};
  options.on_progress = [&](double done) {
    seen.push_back(done);
    return true;
  };
  project(trajectory, plane, *net, mse, data(), options);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(seen.back(), 1);

  options.on_progress = [](double done) { return done < 0.5; };
  const Projection part = project(trajectory, plane, *net, mse, data(), options);
  EXPECT_TRUE(std::isfinite(part.true_loss.losses[0]));
  EXPECT_TRUE(std::isnan(part.true_loss.losses[19]));
  EXPECT_EQ(part.true_loss.stopped, "stopped");
  EXPECT_FALSE(part.true_loss.diverged);  // what was not reached is no divergence
  EXPECT_NO_THROW(check(part.true_loss, "stopped"));
}

nn::Sequential normalising() {
  torch::manual_seed(14);
  nn::Sequential net(nn::Linear(3, 4), nn::BatchNorm1d(4), nn::ReLU(), nn::Linear(4, 2));
  net->to(torch::kDouble);
  return net;
}

double loss_in_eval_mode(nn::Sequential& net) {
  const torch::NoGradGuard no_grad;
  net->eval();
  const double loss = mse(net->forward(data().input), data().target).item<double>();
  net->train();
  return loss;
}

/// Walks through weights and running statistics, and notes the loss in eval mode at each snapshot.
Trajectory train(nn::Sequential& net, RecorderOptions options, std::vector<double>* losses) {
  Recorder recorder(*net, std::move(options));
  *losses = {loss_in_eval_mode(net)};
  for (int step = 1; step < 5; ++step) {
    const torch::NoGradGuard no_grad;
    for (const Tensor& p : net->parameters()) p.add_(0.3 * torch::randn_like(p));
    net->forward(step * torch::randn({20, 3}, torch::kDouble) + step);
    losses->push_back(loss_in_eval_mode(net));
    recorder.step();
  }
  return recorder.trajectory();
}

TEST_F(TrajectoryFolder, BringsTheStatisticsOfEachSnapshot) {
  nn::Sequential net = normalising();
  std::vector<double> losses;
  train(net, {.folder = folder_}, &losses);
  const Trajectory trajectory = Trajectory::load(folder_);
  const Projection projection = project(trajectory, pca_plane(*net, trajectory), *net, mse, data());
  for (size_t k = 0; k < losses.size(); ++k) {
    EXPECT_NEAR(projection.true_loss.losses[k], losses[k], 1e-12 * losses[k]) << k;
  }
  EXPECT_THAT(projection.about(), HasSubstr("True losses are with each snapshot's own running"));
}

TEST(Projection, MeasuresEachSnapshotWithItsOwnStatistics) {
  nn::Sequential net = normalising();
  std::vector<double> losses;
  const Trajectory trajectory = train(net, {}, &losses);
  const Plane plane = pca_plane(*net, trajectory);
  const Projection projection = project(trajectory, plane, *net, mse, data());
  for (size_t k = 0; k < losses.size(); ++k) {
    EXPECT_NEAR(projection.true_loss.losses[k], losses[k], 1e-12 * losses[k]) << k;
  }
  const Grid grid = evaluate(*net, mse, data(), plane, {0, 0, 1}, {0, 0, 1});
  EXPECT_NEAR(grid.values[0], losses.back(), 1e-12);
  EXPECT_NEAR(projection.on_plane.losses.back(), losses.back(), 1e-10);
  EXPECT_EQ(grid.notes.at("statistics"), "running statistics are those of the network everywhere");
}

TEST_F(TrajectoryFolder, MayBeARecordingWithoutStatistics) {
  nn::Sequential net = normalising();
  for (int64_t step = 0; step < 4; ++step) {  // as earlier versions wrote them
    const torch::NoGradGuard no_grad;
    for (const Tensor& p : net->parameters()) p.add_(0.3 * torch::randn_like(p));
    pickle::Writer writer;
    writer.begin_dict();
    for (const auto& item : net->named_parameters()) {
      writer.text(item.key());
      writer.tensor(item.value().detach());
    }
    writer.end_dict();
    std::ofstream file(folder_ / (std::to_string(step) + ".pt"), std::ios::binary);
    writer.write(file);
  }
  net->forward(3 * torch::randn({20, 3}, torch::kDouble));  // no snapshot has these statistics
  const Trajectory trajectory = Trajectory::load(folder_);
  const Projection projection = project(trajectory, pca_plane(*net, trajectory), *net, mse, data());
  EXPECT_NEAR(projection.true_loss.losses.back(), loss_in_eval_mode(net), 1e-12);
  EXPECT_THAT(projection.about(),
              HasSubstr("The snapshots have no running statistics: true losses are with those of "
                        "the network, losses on the plane with those of the network."));
  Recorder recorder(*net, {.folder = folder_, .resume = true});  // goes on without
  recorder.step();
  EXPECT_EQ(Trajectory::load(folder_).names(), trajectory.names());
}

TEST_F(TrajectoryFolder, MayHoldPartsOfCheckpointsUnderOtherNames) {
  nn::Sequential net = normalising();
  set(*net, torch::linspace(-1, 1, 34, torch::kDouble));
  const auto write = [&](const char* file, const char* part, const std::string& prefix) {
    pickle::Writer writer;
    writer.begin_dict();
    writer.text("epoch");
    writer.integer(3);
    writer.text("optimizer");  // which holds tensors as well
    writer.begin_dict();
    writer.text("momentum");
    writer.tensor(torch::ones({2}));
    writer.end_dict();
    writer.text(part);
    writer.begin_dict();
    for (const auto& list : {net->named_parameters(), net->named_buffers()}) {
      for (const auto& item : list) {
        writer.text(prefix + item.key());
        writer.tensor(item.value().detach());
      }
    }
    writer.end_dict();
    writer.end_dict();
    std::ofstream stream(folder_ / file, std::ios::binary);
    writer.write(stream);
  };
  for (const std::string prefix :
       {"", "module.", "_orig_mod.", "module._orig_mod.", "model.net."}) {
    write("epoch=1-step=10.ckpt", "state_dict", prefix);
    write("20.pth", "model_state_dict", prefix);
    write("30.pt", "model", prefix);
    const Trajectory trajectory = Trajectory::load(folder_);
    EXPECT_THAT(steps_of(trajectory), ElementsAre(10, 20, 30));
    const Projection projection =
        project(trajectory, random_plane(*net, {.draw = Draw::Gaussian}), *net, mse, data());
    for (const double loss : projection.true_loss.losses) {
      EXPECT_NEAR(loss, loss_in_eval_mode(net), 1e-12) << prefix;
    }
    EXPECT_THAT(projection.statistics, HasSubstr("each snapshot's own")) << prefix;
  }
  fs::remove(folder_ / "20.pth");
  write("20.pt", "weights", "");
  refused<std::runtime_error>([&] { Trajectory::load(folder_); },
                              "20.pt: holds several dicts of tensors, optimizer, weights");
}

TEST(Projection, RefusesAPlaneThatDoesNotFit) {
  nn::Linear net = affine(), other(3, 2);
  const Trajectory trajectory = along(*net, *net, walk(4));
  Plane plane = pca_plane(*net, trajectory);
  refused<std::invalid_argument>(
      [&] { project(trajectory, plane, *other, mse, data()); },
      "project: the plane's center of parameter 'weight' is Double[2, 3] on cpu, but the parameter "
      "is Float[2, 3] on cpu");
  plane.v = plane.u;
  refused<std::invalid_argument>([&] { project(trajectory, plane, *net, mse, data()); },
                                 "project: the plane's directions are parallel");
}

TEST(Projection, SaysHowFarThePathIsFromThePlane) {
  Projection projection;
  projection.on_plane.losses = {4, 3, 1};
  projection.true_loss.losses = {9.5, 3, 1.25};
  projection.distance = {1, 3.21, 0.5};
  projection.steps = {0, 40, 80};
  projection.length = 12.44;
  EXPECT_EQ(projection.about(),
            "The path is 12.4 long, at most 3.21 away from the plane (step 40) and 0.5 at its end. "
            "The loss on the plane differs from the true one by at most 5.5 (step 0), at the end "
            "by 0.25.");
}

/// Two snapshots, of which the second was not reached.
Projection two_points() {
  Projection projection;
  projection.steps = {0, 40};
  projection.on_plane.x = {0.1, -2};
  projection.on_plane.y = {1e-20, 3};
  projection.on_plane.losses = {4, INFINITY};
  projection.true_loss.losses = {0.30000000000000004, NAN};
  projection.distance = {1, 0.25};
  projection.length = 12.44;
  projection.explained = {0.75, 0.125};
  return projection;
}

TEST_F(TrajectoryFolder, HoldsAProjectionAsATable) {
  const fs::path file = folder_ / "path.csv";
  two_points().save(file);
  EXPECT_EQ(read_file(file),
            "step,alpha,beta,distance,plane_loss,true_loss\n"
            "0,0.1,1e-20,1,4,0.30000000000000004\n"
            "40,-2,3,0.25,inf,nan\n");
}

TEST_F(TrajectoryFolder, HoldsAProjectionWithItsSharesAndWhatItSaysAboutItself) {
  const fs::path file = folder_ / "path.JSON";
  const Projection projection = two_points();
  projection.save(file);
  const auto read = nlohmann::json::parse(read_file(file));
  EXPECT_EQ(read["format"], "descent-projection-1");
  EXPECT_EQ(read["about"], projection.about());
  EXPECT_EQ(read["length"], 12.44);
  EXPECT_EQ(read["is_line"], false);
  EXPECT_EQ(read["explained"], (std::vector<double>{0.75, 0.125}));
  EXPECT_EQ(read["stopped"], "");
  EXPECT_EQ(read["step"], (std::vector<int64_t>{0, 40}));
  EXPECT_EQ(read["alpha"], projection.on_plane.x);
  EXPECT_EQ(read["beta"], projection.on_plane.y);
  EXPECT_EQ(read["distance"], projection.distance);
  EXPECT_EQ(read["plane_loss"][0], 4);
  EXPECT_EQ(read["plane_loss"][1], "inf");
  EXPECT_EQ(read["true_loss"][0], 0.30000000000000004);
  EXPECT_EQ(read["true_loss"][1], "nan");
}

TEST_F(TrajectoryFolder, HoldsNoProjectionThatIsIncomplete) {
  const auto refuses = [&](const Projection& projection, const char* name,
                           const std::string& reason) {
    refused<std::invalid_argument>([&] { projection.save(folder_ / name); },
                                   "Projection::save: " + reason);
    EXPECT_TRUE(fs::is_empty(folder_));
  };
  refuses(two_points(), "path.txt", (folder_ / "path.txt").string() + " must end in .csv or .json");
  refuses({}, "path.csv", "there are no steps");
  Projection projection = two_points();
  projection.distance.pop_back();
  refuses(projection, "path.json", "1 values of distance for 2 steps");
}

TEST(Projection, KnowsTheSharesOfItsPlane) {
  nn::Linear net = affine();
  const Trajectory trajectory = along(*net, *net, walk(5));
  const Plane plane = pca_plane(*net, trajectory);
  ASSERT_EQ(plane.explained.size(), 2u);
  EXPECT_EQ(project(trajectory, plane, *net, mse, data()).explained, plane.explained);
}

TEST(AxesAround, HoldThePathAndZeroWithAMargin) {
  Projection projection;
  projection.on_plane.x = {2, 4, 3};
  projection.on_plane.y = {-1, -3, NAN};
  const auto [x, y] = axes_around(projection, 51, 0.25);
  EXPECT_EQ(x, (Axis{-1, 5, 51}));
  EXPECT_EQ(y, (Axis{-3.75, 0.75, 51}));
  projection.on_plane.y = {0, 0, 0};
  EXPECT_EQ(axes_around(projection, 5).second, (Axis{-1, 1, 5}));
  refused<std::invalid_argument>([&] { axes_around(projection, 1); },
                                 "axes_around: n = 1, must be >= 2");
  refused<std::invalid_argument>([&] { axes_around(projection, 5, -0.5); },
                                 "axes_around: margin = -0.500000, must be finite and >= 0");
}

TEST(Recorder, TakesCopiesAtTheBeginningAndAfterEverySoManySteps) {
  nn::Linear net = affine();
  const Tensor rows = walk(8);
  const Trajectory trajectory = along(*net, *net, rows, {.every = 3});
  EXPECT_THAT(steps_of(trajectory), ElementsAre(0, 3, 6));
  for (size_t k = 0; k < 3; ++k) {
    EXPECT_TRUE(flat(trajectory.weights(k)).equal(rows[3 * static_cast<int64_t>(k)]));
    for (const Tensor& tensor : trajectory.weights(k)) EXPECT_FALSE(tensor.requires_grad());
  }
}

/// Steps `count` times; after each of them the bound holds, the first and the newest snapshot are
/// there and the others are at even distances.
void expect_bounded(const RecorderOptions& options, size_t most, int64_t count) {
  nn::Linear net = affine();
  set(*net, torch::zeros({8}));
  Recorder recorder(*net, options);
  for (int64_t step = 1; step <= count; ++step) {
    set(*net, torch::full({8}, static_cast<double>(step)));
    recorder.step();
    const Trajectory kept = recorder.trajectory();
    ASSERT_LE(kept.size(), most);
    ASSERT_EQ(kept.step(0), 0);
    const int64_t every = kept.size() > 1 ? kept.step(1) : options.every;
    ASSERT_LT(step - kept.step(kept.size() - 1), std::max(every, options.every));
    for (size_t k = 0; k < kept.size(); ++k) {
      if (k + 1 < kept.size()) {
        ASSERT_EQ(kept.step(k), every * static_cast<int64_t>(k));
      }
      ASSERT_EQ(flat(kept.weights(k)).min().item<double>(), static_cast<double>(kept.step(k)));
    }
    if (!options.folder.empty()) {
      const fs::directory_iterator files(options.folder);
      ASSERT_EQ(std::distance(begin(files), end(files)), static_cast<int64_t>(kept.size()));
    }
  }
  EXPECT_GT(recorder.trajectory().size(), (most - 1) / 2);
}

TEST_F(TrajectoryFolder, StaysWithinItsBoundsBecauseEverySecondSnapshotIsDropped) {
  for (const int64_t most : {2, 3, 4, 5, 8}) {
    expect_bounded({.most = most}, static_cast<size_t>(most), 70);
    expect_bounded({.memory = most * 64 + 63}, static_cast<size_t>(most), 70);
    expect_bounded({.every = 3, .folder = folder_ / std::to_string(most), .most = most},
                   static_cast<size_t>(most), 70);
  }
}

TEST_F(TrajectoryFolder, LosesNothingToAFullDisk) {
  nn::Linear net = affine();
  set(*net, torch::zeros({8}));
  Recorder recorder(*net, {.folder = folder_, .most = 3});
  recorder.step();
  recorder.step();
  const auto expect_steps = [&](const std::vector<int64_t>& steps) {
    EXPECT_EQ(steps_of(recorder.trajectory()), steps);
    expect_same(Trajectory::load(folder_), recorder.trajectory());
  };
  expect_steps({0, 1, 2});
  for (int attempt = 0; attempt < 2; ++attempt) {
    const FullDisk full(100);
    refused<std::runtime_error>([&] { recorder.step(); }, "cannot write");
  }
  expect_steps({0, 1, 2});
  recorder.step();
  expect_steps({0, 2, 5});  // of every second step, and the newest
  recorder.step();
  expect_steps({0, 2, 6});
}

TEST_F(TrajectoryFolder, HoldsWhatMemoryHolds) {
  nn::Linear net = affine();
  const Tensor rows = walk(9);
  const Trajectory memory = along(*net, *net, rows, {.every = 2}),
                   disk = along(*net, *net, rows, {.every = 2, .folder = folder_ / "a" / "b"});
  expect_same(memory, disk);
  expect_same(memory, Trajectory::load(folder_ / "a" / "b"));
  EXPECT_TRUE(fs::exists(folder_ / "a" / "b" / "00000008.pt"));
  EXPECT_EQ(pca_plane(*net, memory).hash(), pca_plane(*net, disk).hash());
}

TEST_F(TrajectoryFolder, IsGoneOnWithOnlyIfAsked) {
  nn::Linear net = affine();
  const Tensor rows = walk(9);
  along(*net, *net, rows.narrow(0, 0, 5), {.every = 2, .folder = folder_});
  refused<std::invalid_argument>(
      [&] { Recorder(*net, {.folder = folder_}); },
      "Recorder: options.folder = " + folder_.string() + " has 3 snapshots already");
  const Trajectory whole =
      along(*net, *net, rows.narrow(0, 4, 5), {.folder = folder_, .resume = true});
  EXPECT_THAT(steps_of(whole), ElementsAre(0, 2, 4, 6, 8));
  EXPECT_TRUE(flat(whole.weights(4)).equal(rows[8]));
  nn::Linear other(3, 4);
  refused<std::invalid_argument>([&] { Recorder(*other, {.folder = folder_, .resume = true}); },
                                 "Recorder: the snapshot of step 8 of parameter 'weight' is");
  nn::Sequential names(nn::Linear(3, 2));
  refused<std::invalid_argument>([&] { Recorder(*names, {.folder = folder_, .resume = true}); },
                                 "have other tensors than the parameters of the network");
}

TEST(Recorder, RefusesOptionsOutOfRange) {
  nn::Linear net = affine();
  const auto refuses = [&](const RecorderOptions& options, const std::string& reason) {
    refused<std::invalid_argument>([&] { Recorder(*net, options); }, reason);
  };
  refuses({.every = 0}, "Recorder: options.every = 0, must be >= 1");
  refuses({.most = 1}, "Recorder: options.most = 1, must be >= 2");
  refuses({.memory = 127}, "options.memory = 127, must be >= 128, the bytes of two snapshots");
  refuses({.resume = true}, "options.resume is set, but there is no options.folder");
  nn::ReLU empty;
  refused<std::invalid_argument>([&] { Recorder recorder(*empty); },
                                 "Recorder: there are no parameters");
}

class TiedImpl : public nn::Cloneable<TiedImpl> {
 public:
  TiedImpl() { reset(); }
  void reset() override {
    in_ = register_module("in", nn::Linear(nn::LinearOptions(3, 3).bias(false)));
    register_parameter("tied", in_->weight);
  }
  Tensor forward(const Tensor& x) { return torch::mm(in_->forward(x).relu(), in_->weight); }

 private:
  nn::Linear in_{nullptr};
};
TORCH_MODULE(Tied);

TEST_F(TrajectoryFolder, NamesTiedWeightsAsTheNetworkDoes) {
  Tied net;
  Recorder recorder(*net, {.folder = folder_});
  std::vector<std::string> names;
  for (const auto& item : net->named_parameters()) names.push_back(item.key());
  const Trajectory trajectory = Trajectory::load(folder_);
  EXPECT_THAT(trajectory.names(), testing::UnorderedElementsAre("in.weight", "tied"));
  EXPECT_EQ(trajectory.names(), names);
  for (const Tensor& tensor : trajectory.weights(0)) {
    EXPECT_TRUE(tensor.equal(net->parameters()[0]));
  }
}

TEST_F(TrajectoryFolder, MayHoldTiedWeightsOnceUnderAnyNameAndPrefix) {
  Tied net;
  net->to(torch::kDouble);
  const Plane plane = random_plane(*net, {.draw = Draw::Gaussian});
  const Data points{kInput, kInput};
  const double loss = torch::mse_loss(net->forward(kInput), kInput).item<double>();
  for (const std::string prefix : {"", "module.", "_orig_mod.", "model.net."}) {
    for (const std::string name : {"in.weight", "tied"}) {
      for (const int step : {1, 2}) {
        pickle::Writer writer;
        writer.begin_dict();
        writer.text(prefix + name);
        writer.tensor(net->parameters()[0].detach() * step);
        writer.end_dict();
        std::ofstream file(folder_ / (std::to_string(step) + ".pt"), std::ios::binary);
        writer.write(file);
      }
      const Projection projection = project(Trajectory::load(folder_), plane, *net, mse, points);
      EXPECT_NEAR(projection.true_loss.losses[0], loss, 1e-12) << prefix << name;
      EXPECT_NE(projection.true_loss.losses[1], loss) << prefix << name;
    }
  }
}

TEST_F(TrajectoryFolder, IsRefusedByTheNameOfWhatIsWrong) {
  const auto refuses = [&](const fs::path& path, const std::string& reason) {
    refused<std::runtime_error>([&] { Trajectory::load(folder_); }, path.string() + ": " + reason);
  };
  refuses(folder_, "has no snapshots, which are files with names that end in digits and \".pt\"");
  refused<std::runtime_error>([&] { Trajectory::load(folder_ / "none"); }, ": is no folder");

  nn::Linear net = affine();
  along(*net, *net, walk(3), {.folder = folder_});
  std::ofstream(folder_ / "notes.txt") << "passed over";
  std::ofstream(folder_ / "net.pt") << "passed over";
  EXPECT_EQ(Trajectory::load(folder_).size(), 3u);

  const auto other = [&](const fs::path& path, const std::string& bytes, const char* reason) {
    std::ofstream(path, std::ios::binary) << bytes;
    refuses(path, reason);
    fs::remove(path);
  };
  other(folder_ / "00000009.pt", "damaged", "cannot be read as a file of Python's torch.save");
  const auto text = torch::pickle_save(c10::IValue(7));
  other(folder_ / "step-11.pt", {text.begin(), text.end()}, "holds 7 without tensors by name");
  pickle::Writer lacking;
  lacking.begin_dict();
  lacking.text("weight");
  lacking.tensor(torch::zeros(3));
  lacking.end_dict();
  std::ostringstream bytes;
  lacking.write(bytes);
  other(folder_ / "step-11.pt", bytes.str(), "has no tensor 'bias', which the first snapshot has");
  other(folder_ / "2.pt", "", "has the number of 00000002.pt");
  other(folder_ / "99999999999999999999.pt", "", "the number in its name is too large");

  const Trajectory trajectory = Trajectory::load(folder_);
  std::string numbers = read_file(folder_ / "00000002.pt");
  const Tensor weight = trajectory.weights(2)[0];
  const size_t place =
      numbers.find(std::string(static_cast<const char*>(weight.const_data_ptr()), weight.nbytes()));
  ASSERT_NE(place, std::string::npos);
  numbers[place] ^= 1;
  std::ofstream(folder_ / "00000002.pt", std::ios::binary) << numbers;
  refused<std::runtime_error>([&] { trajectory.weights(2); },
                              (folder_ / "00000002.pt").string() +
                                  ": its record 'data/0' is damaged (its checksum does not match)");
  fs::remove(folder_ / "00000001.pt");
  refused<std::runtime_error>([&] { trajectory.weights(1); },
                              (folder_ / "00000001.pt").string() + ": ");
}

#ifdef PYTHON

TEST_F(TrajectoryFolder, IsReadAndWrittenByPython) {
  nn::Sequential net(nn::Linear(3, 4), nn::BatchNorm1d(4), nn::ReLU(), nn::Linear(4, 2));
  const Tensor steps = torch::arange(6).unsqueeze(1).expand({6, 16 + 8 + 10});
  along(*net, *net, steps, {.folder = folder_ / "recorded"});
  const std::string command = PYTHON " " PYTHON_SCRIPT " " + folder_.string();
  ASSERT_EQ(std::system(command.c_str()), 0);  // reads these, and writes others

  const Trajectory python = Trajectory::load(folder_ / "python");
  EXPECT_THAT(steps_of(python), ElementsAre(0, 5, 10, 15));
  EXPECT_THAT(python.names(), testing::Contains("1.running_mean"));
  for (size_t k = 0; k < python.size(); ++k) {
    const auto step = static_cast<double>(python.step(k));
    const Tensor weight = python.weights(k)[0];
    EXPECT_TRUE(weight.allclose(torch::full({4, 3}, std::sin(step)), 0, 1e-6));
  }
  set(*net, torch::zeros(34));
  EXPECT_EQ(pca_plane(*net, python).u.size(), 6u);  // buffers are passed over
}

#endif

}  // namespace
}  // namespace descent::tests
