#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include <descent/base/atomic_file.h>
#include <descent/landscape/network/script.h>
#include <descent/landscape/paths/fused/chain.h>

#include "models.h"

namespace descent::tests {
namespace {

namespace fs = std::filesystem;
namespace jit = torch::jit;
using testing::HasSubstr;
using testing::ThrowsMessage;
using torch::Tensor;

const Axis kX{-1, 1, 7}, kY{-1, 1, 5};

/// Two Gaussian directions for parameters.
Plane gaussian_plane(const Network& network) {
  return random_plane(network, {.seed = 3, .draw = Draw::Gaussian, .norm = Norm::Filter});
}

/// x W^T + b.
jit::Module linear() {
  torch::manual_seed(1);
  jit::Module net("Affine");
  net.register_parameter("weight", torch::randn({2, 3}), false);
  net.register_parameter("bias", torch::randn({2}), false);
  net.define("def forward(self, x):\n  return torch.addmm(self.bias, x, self.weight.t())\n");
  return net;
}

/// A layer as torch.jit.script writes one, with the momentum as a constant.
jit::Module norm_layer(const std::string& momentum) {
  jit::Module norm("BatchNorm1d");
  norm.register_parameter("weight", torch::rand({4}) + 0.5, false);
  norm.register_parameter("bias", torch::randn({4}), false);
  norm.register_buffer("running_mean", torch::randn({4}));
  norm.register_buffer("running_var", torch::rand({4}) + 0.5);
  norm.register_buffer("num_batches_tracked", torch::tensor(3));
  norm.register_attribute("training", c10::BoolType::get(), true);
  norm.define(
      "def forward(self, x):\n"
      "  if self.training:\n"
      "    self.num_batches_tracked.add_(1)\n"
      "  return torch.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var,\n"
      "                          self.training, " +
      momentum + ", 1e-5, True)\n");
  return norm;
}

jit::Module with_norm(const std::string& momentum,
                      const std::string& call = "self.norm.forward(h)") {
  torch::manual_seed(6);
  jit::Module net("Normed");
  net.register_parameter("weight", torch::randn({4, 3}), false);
  net.register_module("norm", norm_layer(momentum));
  net.define("def forward(self, x):\n  h = torch.mm(x, self.weight.t())\n  return torch.tanh(" +
             call + ")\n");
  return net;
}

std::vector<Tensor> tensors_of(const jit::Module& module) {
  std::vector<Tensor> result;
  for (const auto& tensor : module.parameters()) result.push_back(tensor);
  for (const auto& tensor : module.buffers()) result.push_back(tensor);
  return result;
}

std::vector<Tensor> copies(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> result;
  for (const auto& tensor : tensors) result.push_back(tensor.detach().clone());
  return result;
}

void expect_same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t k = 0; k < a.size(); ++k) EXPECT_TRUE(a[k].equal(b[k])) << k;
}

/// The grids of the loop and of what Auto takes, which must be close: 1e-5 (float32) or 1e-12.
Grid both_paths(const Network& network, const Metric& metric, const Batches& data,
                const Plane& plane, BatchNorm mode = BatchNorm::Keep,
                const std::string& path = FAST_PATH) {
  const Grid loop =
      evaluate(network, metric, data, plane, kX, kY, {.path = Path::Loop, .batch_norm = mode});
  const Grid fast = evaluate(network, metric, data, plane, kX, kY, {.batch_norm = mode});
  EXPECT_EQ(fast.notes.at("path"), path) << fast.notes.at("reason");
  const double tolerance = plane.center[0].scalar_type() == torch::kFloat64 ? 1e-12 : 1e-5;
  for (size_t k = 0; k < loop.values.size(); ++k) {
    EXPECT_NEAR(fast.values[k], loop.values[k], tolerance * (1 + std::abs(loop.values[k])));
  }
  return fast;
}

TEST(Script, IsANetworkLikeAnyOther) {
  jit::Module net = linear();
  const auto before = copies(tensors_of(net));
  const Network network = network_of(net);
  EXPECT_EQ(network.model().type(), "Affine (TorchScript)");
  EXPECT_EQ(network.model().parameters()[1].first, "bias");

  nn::Linear same(3, 2);
  {
    const torch::NoGradGuard no_grad;
    same->weight.copy_(net.attr("weight").toTensor());
    same->bias.copy_(net.attr("bias").toTensor());
  }
  const Data data{torch::randn({8, 3}), torch::randn({8, 2})};
  const Plane plane = gaussian_plane(network);
  const Grid expected = evaluate(*same, mse, data, plane, kX, kY, {.path = Path::Loop});
  const Grid grid = both_paths(network, mse, data, plane, BatchNorm::Keep, "fused");
  for (size_t k = 0; k < grid.values.size(); ++k) {
    EXPECT_NEAR(grid.values[k], expected.values[k], 1e-5 * expected.values[k]);
  }
  expect_same(tensors_of(net), before);
}

TEST(Script, SharesNothingWithItsClone) {
  jit::Module net = with_norm("0.1");
  const Network network = network_of(net);
  const auto clone = network.model().clone("test");
  const auto own = tensors_of(net);
  size_t k = 0;
  for (const auto& list : {clone->parameters(), clone->buffers()}) {
    for (const auto& [name, tensor] : list) {
      EXPECT_TRUE(tensor.equal(own[k]));
      EXPECT_NE(tensor.const_data_ptr(), own[k++].const_data_ptr()) << name;
    }
  }
  EXPECT_EQ(k, own.size());
  clone->eval(false);
  EXPECT_TRUE(net.attr("norm").toModule().attr("training").toBool());
}

TEST(Script, GivesTheSameBitsOnEveryRunAndForAnyNumberOfThreads) {
  const Network network = network_of(with_norm("0.1"));
  const Data data{torch::randn({8, 3}), torch::randn({8, 4})};
  const Plane plane = gaussian_plane(network);
  for (const auto path : {Path::Loop, Path::Auto}) {
    const Grid first = evaluate(network, mse, data, plane, kX, kY, {.path = path, .threads = 1});
    for (const int threads : {1, 2, 3}) {
      const Grid again =
          evaluate(network, mse, data, plane, kX, kY, {.path = path, .threads = threads});
      EXPECT_EQ(again.values, first.values);
    }
  }
}

TEST(Script, NormalisesByTheStatisticsOfTheBatch) {
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    jit::Module net = with_norm("0.1");
    net.to(type);
    const Network network = network_of(net);
    const Data data{torch::randn({8, 3}, type), torch::randn({8, 4}, type)};
    const Plane plane = gaussian_plane(network);
    const Grid grid = both_paths(network, mse, data, plane, BatchNorm::Batch);
    const Tensor h = data.input.mm(net.attr("weight").toTensor().t());
    const auto norm = net.attr("norm").toModule();
    const Tensor expected =
        torch::batch_norm(h, norm.attr("weight").toTensor(), norm.attr("bias").toTensor(), {}, {},
                          true, 0, 1e-5, false)
            .tanh();
    EXPECT_NEAR(grid.at(2, 3), mse(expected, data.target).item<double>(),
                type == torch::kFloat64 ? 1e-13 : 1e-6);
  }
}

TEST(Script, RecomputesStatisticsAsAveragesOverTheBatches) {
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    for (const char* momentum : {"0.1", "0.75"}) {
      jit::Module net = with_norm(momentum);
      net.to(type);
      const auto before = copies(tensors_of(net));
      const Network network = network_of(net);
      const std::vector<Data> data{{torch::randn({8, 3}, type), torch::randn({8, 4}, type)},
                                   {torch::randn({6, 3}, type) + 1, torch::randn({6, 4}, type)},
                                   {torch::randn({9, 3}, type) * 2, torch::randn({9, 4}, type)}};
      const Plane plane = gaussian_plane(network);
      const Grid grid = both_paths(network, mse, data, plane, BatchNorm::Recompute);
      expect_same(tensors_of(net), before);

      Tensor mean = torch::zeros({4}, type), variance = torch::zeros({4}, type);
      const Tensor weight = net.attr("weight").toTensor();
      for (const Data& batch : data) {
        const Tensor h = batch.input.mm(weight.t());
        mean += h.mean(0) / 3;
        variance += h.var(0) / 3;
      }
      const auto norm = net.attr("norm").toModule();
      double expected = 0;
      for (const Data& batch : data) {
        const Tensor y =
            torch::batch_norm(batch.input.mm(weight.t()), norm.attr("weight").toTensor(),
                              norm.attr("bias").toTensor(), mean, variance, false, 0, 1e-5, false)
                .tanh();
        expected +=
            static_cast<double>(batch.input.size(0)) / 23 * mse(y, batch.target).item<double>();
      }
      EXPECT_NEAR(grid.at(2, 3), expected, type == torch::kFloat64 ? 1e-12 : 1e-6);
    }
  }
}

TEST(Script, RefusesModesOfBatchNormThatItsCodeCannotHave) {
  const Data data{torch::randn({8, 3}), torch::randn({8, 4})};
  const auto refused = [&](const jit::Module& net, BatchNorm mode, const std::string& reason) {
    const Network network = network_of(net);
    const Plane plane = gaussian_plane(network);
    evaluate(network, mse, data, plane, kX, kY);
    EXPECT_THAT([&] { evaluate(network, mse, data, plane, kX, kY, {.batch_norm = mode}); },
                ThrowsMessage<std::invalid_argument>(HasSubstr(reason)));
  };
  jit::Module traced("Traced");
  traced.register_parameter("weight", torch::randn({4, 3}), false);
  jit::Module norm("BatchNorm1d");
  norm.register_buffer("running_mean", torch::randn({4}));
  norm.register_buffer("running_var", torch::rand({4}) + 0.5);
  norm.register_attribute("training", c10::BoolType::get(), false);
  norm.define(
      "def forward(self, x):\n"
      "  return torch.batch_norm(x, None, None, self.running_mean, self.running_var, False,\n"
      "                          0.1, 1e-5, True)\n");
  traced.register_module("norm", norm);
  traced.define(
      "def forward(self, x):\n  return self.norm.forward(torch.mm(x, self.weight.t()))\n");
  refused(traced, BatchNorm::Batch, "layer 'norm' was traced or frozen in eval mode");
  refused(traced, BatchNorm::Recompute, "torch.jit.script()");
  refused(with_norm("0.0"), BatchNorm::Recompute, "momentum of its layer 'norm' is zero");
  refused(with_norm("0.1", "self.norm.forward(self.norm.forward(h))"), BatchNorm::Recompute,
          "layer 'norm' is called several times");
}

/// Two layers 6-8-4 and what forward() does with them.
jit::Module two_layers(const std::string& forward, const std::string& signature = "self, x") {
  torch::manual_seed(8);
  jit::Module net("TwoLayers");
  for (const auto& [name, in, out] :
       {std::tuple<const char*, int64_t, int64_t>{"first", 6, 8}, {"second", 8, 4}}) {
    jit::Module layer("Linear");
    layer.register_parameter("weight", torch::randn({out, in}), false);
    layer.register_parameter("bias", torch::randn({out}), false);
    layer.define("def forward(self, x):\n  return torch.linear(x, self.weight, self.bias)\n");
    net.register_module(name, layer);
  }
  net.register_buffer("fixed", torch::randn({4, 8}));
  net.register_attribute("training", c10::BoolType::get(), true);
  net.define(  // as torch.nn.functional has it
      "def relu(self, x, inplace: bool = False):\n"
      "  if inplace:\n    result = torch.relu_(x)\n  else:\n    result = torch.relu(x)\n"
      "  return result\n");
  std::string lines;
  for (size_t begin = 0, end = 0; begin < forward.size(); begin = end + 2) {
    end = std::min(forward.find("; ", begin), forward.size());
    lines += "  " + forward.substr(begin, end - begin) + "\n";
  }
  net.define("def forward(" + signature + "):\n" + lines);
  return net;
}

TEST(Script, TakesChainsOnTheFusedPath) {
  for (const char* forward : {
           "return self.second.forward(self.relu(self.first.forward(x)))",
           "return self.relu(self.second.forward(self.relu(self.first.forward(x), True)))",
           "h = torch.gelu(self.first.forward(x)); h = torch.gelu(h, approximate='tanh'); return "
           "torch.silu(self.second.forward(torch.dropout(h, 0.5, self.training)))",
           "h = torch.addmm(self.first.bias, x, self.first.weight.t()); h = torch.tanh(h); return "
           "torch.dropout(torch.addmm(self.second.bias, h, self.second.weight.t()), 0.5, False)",
           "h = torch.matmul(x, self.first.weight.transpose(0, 1)) + self.first.bias; h = "
           "torch.sigmoid(h); return self.second.bias + torch.mm(h, self.second.weight.t())",
           "h = torch.matmul(x, self.first.weight.t()); h = torch.tanh_(h); return torch.matmul(h, "
           "self.second.weight.transpose(-1, -2))",
           "h = self.first.forward(x.view(x.size(0), -1)); h = torch.relu(h).flatten(1); return "
           "self.second.forward(h.unsqueeze(1)).squeeze(1)",
       }) {
    for (const auto type : {torch::kFloat32, torch::kFloat64}) {
      SCOPED_TRACE(forward);
      jit::Module net = two_layers(forward);
      net.to(type);
      const Network network = network_of(net);
      const Data data{torch::randn({9, 6}, type), torch::randn({9, 4}, type)};
      const Plane plane = gaussian_plane(network);
      const Grid grid = both_paths(network, mse, data, plane, BatchNorm::Keep, "fused");
      EXPECT_THAT(grid.notes.at("reason"), HasSubstr("a chain of 2 Linear under mse"));
      const Batches classes(std::vector<Data>{{data.input, torch::randint(4, {9}, torch::kLong)}});
      both_paths(network, cross_entropy, classes, plane, BatchNorm::Keep, "fused");
    }
  }
}

TEST(Script, TakesChainsWhoseCodeArrangesTheInputAnew) {
  const Network network =
      network_of(two_layers("return self.second.forward(torch.tanh(self.first.forward(x.view(-1, "
                            "6))))"));
  const Plane plane = gaussian_plane(network);
  both_paths(network, mse, {torch::randn({18, 3}), torch::randn({9, 4})}, plane, BatchNorm::Keep,
             "fused");
}

TEST(Script, SaysWhyItIsNoChain) {
  const auto refused = [](const jit::Module& net, const std::string& reason) {
    std::string why_not;
    EXPECT_FALSE(landscape::chain_of(network_of(net).model(), &why_not));
    EXPECT_THAT(why_not, HasSubstr(reason));
  };
  const auto code = [&](const std::string& forward, const std::string& reason) {
    SCOPED_TRACE(forward);
    refused(two_layers(forward), reason);
  };
  code("h = self.first.forward(x); return self.second.forward(h + torch.relu(h))",
       "a value in several places");
  code("h = self.first.forward(x); torch.relu_(h); return self.second.forward(h)",
       "a value in several places");
  code("return torch.log_softmax(self.second.forward(self.first.forward(x)), 1)",
       "its code has aten::log_softmax");
  code("return self.second.forward(torch.softplus(self.first.forward(x)))",
       "its code has aten::softplus");
  code("return self.second.forward(self.first.forward(x)) * 2", "its code has aten::mul");
  code("return self.second.forward(self.first.forward(x)) + 2", "its code has aten::add");
  code("return torch.linear(self.first.forward(x), self.fixed)", "that is no parameter");
  code("return torch.linear(self.first.forward(x), self.fixed + 1)",
       "its code has aten::linear by something else than the weight");
  code("return torch.matmul(self.first.forward(x), self.second.weight)",
       "its code has aten::matmul");
  code("return torch.matmul(self.second.weight, self.first.forward(x).t())",
       "its code has aten::t");
  code(
      "return torch.addmm(self.second.bias, self.first.forward(x), self.second.weight.t(), "
      "alpha=2)",
      "its code has aten::addmm");
  code(
      "h = self.first.forward(x); if bool(h.sum() > 0):;   h = torch.relu(h); return "
      "self.second.forward(h)",
      "a value in several places");
  code("print(self.training); return self.second.forward(self.first.forward(x))",
       "its code has prim::Print");
  code("self.first.weight.clamp_(-1, 1); return self.second.forward(self.first.forward(x))",
       "its code has aten::clamp_");
  code("self.fixed.add_(1); return self.second.forward(self.first.forward(x))",
       "its code has aten::add_");
  code("return self.second.forward(torch.dropout(self.first.forward(x), 0.5, True))",
       "not off in eval mode");
  code(
      "return "
      "self.second.forward(self.first.forward(self.second.forward(self.first.forward(x)).repeat(1, "
      "2)))",
      "its code has aten::repeat");
  code("return torch.linear(self.second.forward(self.first.forward(x)), self.first.weight)",
       "widths");
  code("return self.second.forward(self.first.forward(torch.relu(x)))", "begins with aten::relu");
  code("return x", "has no Linear");
  code("return self.fixed", "or not at all");
  refused(two_layers("return self.second.forward(self.first.forward(x)) * scale",
                     "self, x, scale: float = 1.0"),
          "something else than one tensor");

  jit::Module twice("Twice");
  twice.register_parameter("weight", torch::randn({3, 3}), false);
  twice.define(
      "def forward(self, x):\n"
      "  return torch.linear(torch.tanh(torch.linear(x, self.weight)), self.weight)\n");
  refused(twice, "its code uses a parameter twice");
}

TEST(Script, LeavesLogProbabilitiesToOtherPaths) {
  const Network network = network_of(
      two_layers("return torch.log_softmax(self.second.forward(self.first.forward(x)), 1)"));
  const Data data{torch::randn({9, 6}), torch::randint(4, {9}, torch::kLong)};
  const Plane plane = gaussian_plane(network);
  const Grid of_nll = both_paths(network, nll, data, plane);
  EXPECT_THAT(of_nll.notes.at("reason"), HasSubstr("not fused: the metric 'nll' is not computed"));
  const Grid entropy = both_paths(network, cross_entropy, data, plane);
  EXPECT_THAT(entropy.notes.at("reason"), HasSubstr("not fused: its code has aten::log_softmax"));
}

TEST(Script, RefusesModulesThatDoNotReturnATensorAndDataThatDoNotFit) {
  jit::Module pair("Pair");
  pair.register_parameter("weight", torch::randn({2, 3}), false);
  pair.define("def forward(self, x):\n  return torch.mm(x, self.weight.t()), x\n");
  const Data data{torch::randn({8, 3}), torch::randn({8, 2})};
  const Network network = network_of(pair);
  const Plane plane = gaussian_plane(network);
  EXPECT_THAT([&] { evaluate(network, mse, data, plane, kX, kY); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("Pair (TorchScript) returns a Tuple; it must return one tensor")));
  const Network other = network_of(linear());
  EXPECT_THAT(
      [&] {
        evaluate(other, mse, {torch::randn({8, 5}), data.target}, gaussian_plane(other), kX, kY);
      },
      ThrowsMessage<std::invalid_argument>(testing::AllOf(HasSubstr("shapes cannot be multiplied"),
                                                          testing::Not(HasSubstr("Traceback")))));
}

/// A folder of its own for each test.
class ScriptFile : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void refused(const fs::path& file, const std::string& reason) const {
    EXPECT_THAT([&] { load_network(file); },
                ThrowsMessage<std::invalid_argument>(
                    testing::AllOf(HasSubstr("load_network: " + file.string()), HasSubstr(reason),
                                   testing::Not(HasSubstr("\n")))));
  }

  fs::path folder_ = fs::path(testing::TempDir()) / "descent_script";
};

TEST_F(ScriptFile, HoldsANetworkThatOwnsItself) {
  const jit::Module net = with_norm("0.1");
  const fs::path file = folder_ / "net.pt";
  net.save(file.string());
  const Network network = load_network(file);
  fs::remove(file);
  const Data data{torch::randn({8, 3}), torch::randn({8, 4})};
  const Plane plane = gaussian_plane(network);
  EXPECT_EQ(evaluate(network, mse, data, plane, kX, kY).values,
            evaluate(network_of(net), mse, data, plane, kX, kY).values);
}

TEST_F(ScriptFile, IsRefusedIfItIsNoneOrDamaged) {
  const fs::path file = folder_ / "net.pt";
  EXPECT_THAT([&] { load_network(file); },
              ThrowsMessage<std::runtime_error>(HasSubstr("No such file")));
  EXPECT_THAT([&] { load_network(folder_); },
              ThrowsMessage<std::runtime_error>(HasSubstr("Is a directory")));
  std::ofstream(file) << "alpha,beta\n";
  refused(file, "is neither of torch.export nor TorchScript; a network is what torch.export.save(");
  std::ofstream(file, std::ios::trunc);
  refused(file, "is neither of torch.export nor TorchScript");
  linear().save(file.string());
  fs::resize_file(file, fs::file_size(file) - 100);
  refused(file, "is damaged");
}

TEST_F(ScriptFile, WithOneChangedBitInAWeightIsRefused) {
  const fs::path file = folder_ / "net.pt";
  const jit::Module net = linear();
  net.save(file.string());
  std::string bytes = read_file(file);
  const Tensor weight = net.attr("weight").toTensor();
  const std::string numbers(static_cast<const char*>(weight.const_data_ptr()), weight.nbytes());
  const size_t place = bytes.find(numbers);
  ASSERT_NE(place, std::string::npos);
  bytes[place + 5] ^= 1;
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
  refused(file, "its record 'data/0' is damaged (its checksum does not match)");
}

#ifdef PYTHON

TEST_F(ScriptFile, OfPythonIsReadAndItsNeighboursAreNamed) {
  const std::string command = PYTHON " " PYTHON_SCRIPT " " + folder_.string();
  ASSERT_EQ(std::system(command.c_str()), 0);
  const jit::Module python = jit::load((folder_ / "data.pt").string());
  const Data data{python.attr("x").toTensor(), python.attr("y").toTensor()};
  const Tensor losses = python.attr("losses").toTensor();
  for (const char* name : {"scripted.pt", "traced.pt"}) {
    const Network network = load_network(folder_ / name);
    const Plane plane = gaussian_plane(network);
    const Grid grid = both_paths(network, cross_entropy, data, plane);
    EXPECT_NEAR(grid.at(2, 3), losses[0].item<double>(), 1e-6) << name;
    jit::Module in_double = jit::load((folder_ / name).string());
    in_double.to(torch::kFloat64);
    const Network same = network_of(in_double);
    both_paths(same, cross_entropy, {data.input.to(torch::kFloat64), data.target},
               gaussian_plane(same));
  }
  for (const std::string name : {"chain_scripted.pt", "chain_traced.pt"}) {
    for (const auto type : {torch::kFloat32, torch::kFloat64}) {
      const bool is_double = type == torch::kFloat64;
      SCOPED_TRACE(name + (is_double ? ", float64" : ", float32"));
      jit::Module chain = jit::load((folder_ / name).string());
      chain.to(type);
      const Network network = network_of(chain);
      const Grid grid = both_paths(network, cross_entropy, {data.input.to(type), data.target},
                                   gaussian_plane(network), BatchNorm::Keep, "fused");
      EXPECT_THAT(grid.notes.at("reason"), HasSubstr("a chain of 4 Linear"));
      EXPECT_NEAR(grid.at(2, 3), losses[2].item<double>(), is_double ? 1e-12 : 1e-6);
    }
  }
  const Network scripted = load_network(folder_ / "scripted.pt");
  const Plane plane = gaussian_plane(scripted);
  const Grid batch = both_paths(scripted, cross_entropy, data, plane, BatchNorm::Batch);
  EXPECT_NEAR(batch.at(2, 3), losses[1].item<double>(), 1e-6);
  both_paths(scripted, cross_entropy, data, plane, BatchNorm::Recompute);
  const Network traced = load_network(folder_ / "traced.pt");
  EXPECT_THAT(
      [&] {
        evaluate(traced, cross_entropy, data, plane, kX, kY, {.batch_norm = BatchNorm::Batch});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("layer 'norm' was traced")));

  refused(folder_ / "frozen.pt", "save the module before it is frozen");
  refused(folder_ / "state_dict.pt", "a state_dict or a whole module");
  refused(folder_ / "old.pt", "is a pickle");

  // The same network of torch.export.
  const Network exported = load_network(folder_ / "exported.pt2");
  const Plane its_plane = gaussian_plane(exported);
  EXPECT_NEAR(both_paths(exported, cross_entropy, data, its_plane).at(2, 3),
              losses[0].item<double>(), 1e-6);
  const Grid its_batch = both_paths(exported, cross_entropy, data, its_plane, BatchNorm::Batch);
  EXPECT_NEAR(its_batch.at(2, 3), losses[1].item<double>(), 1e-6);
  const Grid its_averages =
      both_paths(exported, cross_entropy, data, its_plane, BatchNorm::Recompute);
  const Grid averages = both_paths(scripted, cross_entropy, data, plane, BatchNorm::Recompute);
  for (size_t k = 0; k < averages.values.size(); ++k) {
    EXPECT_NEAR(its_averages.values[k], averages.values[k], 1e-5 * averages.values[k]);
  }
}

#endif

}  // namespace
}  // namespace descent::tests
