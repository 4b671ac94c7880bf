#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include <caffe2/serialize/inline_container.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <descent/base/atomic_file.h>
#include <descent/base/zip.h>
#include <descent/networks.h>
#include <descent/networks/exported/exported_network.h>

#include "networks.h"

namespace descent::tests {
namespace exported_test {
namespace {

namespace fs = std::filesystem;
using at::Tensor;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

const fs::path kFiles = NETWORK_FILES;  // some of exports.py, which need no Python

/// How far results may be from Python's, which another build of LibTorch made: relative to the
/// largest number of a tensor.
double tolerance(const Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case torch::kBFloat16:
      return 3e-2;
    case torch::kHalf:
      return 3e-3;
    case torch::kFloat:
    case torch::kComplexFloat:
      return 2e-5;
    default:
      return 1e-10;
  }
}

void expect_near(const Tensor& ours, const Tensor& pythons, const std::string& what) {
  ASSERT_EQ(ours.sizes(), pythons.sizes()) << what;
  ASSERT_EQ(ours.scalar_type(), pythons.scalar_type()) << what;
  if (!ours.is_floating_point() && !ours.is_complex()) {
    EXPECT_TRUE(ours.equal(pythons)) << what << ": " << ours << " and " << pythons;
    return;
  }
  const auto wide = [](const Tensor& x) {
    return (x.is_complex() ? torch::view_as_real(x) : x).detach().to(torch::kDouble);
  };
  if (ours.numel() == 0) return;
  const double scale = std::max(1e-3, wide(pythons).abs().max().item<double>());
  EXPECT_LE((wide(ours) - wide(pythons)).abs().max().item<double>(), tolerance(ours) * scale)
      << what;
}

/// Runs the network on recorded inputs, and compares outputs, gradients and buffers.
void expect_as_python(SavedNetwork& network, const fs::path& record) {
  SCOPED_TRACE(record.filename().string());
  Recorded python(record);
  const std::vector<Tensor> expected = python.list("outputs");
  const auto expect_outputs = [&](SavedNetwork& of) {
    torch::manual_seed(7);
    std::vector<c10::IValue> outputs = of.run(values_of(python.list("inputs")));
    EXPECT_EQ(outputs.size(), of.output_names().size());
    size_t k = 0;
    for (const c10::IValue& output : outputs) {
      if (output.isNone()) continue;
      const Tensor ours = output.isTensor() ? output.toTensor()
                          : output.isInt()  ? torch::tensor(output.toInt())
                                            : torch::tensor(output.toDouble(), torch::kDouble);
      if (k < expected.size()) expect_near(ours, expected[k], "output " + std::to_string(k));
      ++k;
    }
    EXPECT_EQ(k, expected.size());
    return outputs;
  };
  {  // without gradients, where operations may write into their arguments
    const auto copy = network.clone();
    const at::NoGradGuard no_grad;
    expect_outputs(*copy);
  }
  const std::vector<c10::IValue> outputs = expect_outputs(network);

  const Tensor loss = loss_of(outputs);
  if (loss.requires_grad()) loss.backward();
  std::map<std::string, Tensor> gradients;
  for (const auto& [name, parameter] : network.named_parameters()) {
    if (parameter.grad().defined()) gradients[name] = parameter.grad();
  }
  for (const auto& [name, gradient] : python.named("grads")) {
    // The branch of a condition that was not taken has gradients of zero in Python, and none here.
    if (!gradients.contains(name) && gradient.eq(0).all().item<bool>()) continue;
    ASSERT_TRUE(gradients.contains(name)) << name;
    expect_near(gradients[name], gradient, "gradient of " + name);
    const Tensor own = gradients[name];  // of tied weights, under each name
    std::erase_if(gradients, [&](const auto& item) { return item.second.is_same(own); });
  }
  EXPECT_TRUE(gradients.empty()) << gradients.begin()->first;

  std::map<std::string, Tensor> buffers;
  for (const auto& [name, buffer] : network.named_buffers()) buffers[name] = buffer;
  for (const auto& [name, buffer] : python.named("buffers")) {
    if (buffers.contains(name)) expect_near(buffers[name], buffer, "buffer " + name);
  }
}

/// Every recorded network of a folder, in the mode of its export and in the other one.
int expect_all_as_python(const fs::path& folder) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().stem().string();
    const fs::path record = folder / (name + ".ref.pt"), other = folder / (name + ".other.ref.pt");
    if (entry.path().extension() != ".pt2" || !fs::exists(record)) continue;
    ++count;
    try {
      expect_as_python(*load_network(entry.path()), record);
      if (!fs::exists(other)) continue;
      const auto network = load_network(entry.path());
      network->train(!network->is_training());
      expect_as_python(*network, other);
      // The way back.
      const auto again = load_network(entry.path());
      again->train(!again->is_training());
      again->train(!again->is_training());
      expect_as_python(*again, record);
    } catch (const std::exception& error) {
      ADD_FAILURE() << name << ": " << error.what();
    }
  }
  return count;
}

/// What a network says to a call.
template <class Call>
void expect_refused(const Call& call, const std::string& reason) {
  EXPECT_THAT(call, ThrowsMessage<std::invalid_argument>(
                        AllOf(HasSubstr(reason), testing::Not(HasSubstr("\n")))));
}

TEST(ExportedNetwork, DoesWhatItDoesInPython) { EXPECT_GE(expect_all_as_python(kFiles), 10); }

/// Twenty steps of an optimizer give the losses that they give in Python.
template <class Optimizer, class Options>
void expect_steps_as_python(const char* kind, const Options& options) {
  SCOPED_TRACE(kind);
  Recorded python(kFiles / "convolutions_train.steps.pt");
  const std::vector<Tensor> losses = python.list(kind);
  ASSERT_EQ(losses.size(), 20u);
  const auto network = load_network(kFiles / "convolutions_train.pt2");
  network->train();
  Optimizer opt(network->parameters(), options);
  torch::manual_seed(7);
  for (const Tensor& expected : losses) {
    opt.zero_grad();
    const Tensor loss = loss_of(network->run(values_of(python.list("inputs"))));
    loss.backward();
    opt.step();
    EXPECT_NEAR(loss.item<double>(), expected.item<double>(), 1e-7);
  }
}

TEST(ExportedNetwork, TrainsAsInPython) {
  expect_steps_as_python<torch::optim::SGD>("sgd", torch::optim::SGDOptions(0.05).momentum(0.9));
  expect_steps_as_python<torch::optim::AdamW>("adamw", torch::optim::AdamWOptions(0.01));
}

TEST(ExportedNetwork, OfTimmAndTransformersDoesWhatItDoesInPython) {
  const char* const folder = std::getenv("DESCENT_NETWORKS");
  if (!folder) GTEST_SKIP() << "DESCENT_NETWORKS names no folder that libraries.py wrote";
  EXPECT_GE(expect_all_as_python(folder), 1);
}

TEST(ExportedNetwork, HasThePlacesAndNamesOfPython) {
  const auto network = load_network(kFiles / "convolutions_train.pt2");
  std::vector<std::string> names;
  for (const auto& item : network->module()->named_parameters()) names.push_back(item.key());
  EXPECT_THAT(names, testing::ElementsAre("first.weight", "first.bias", "norm.weight", "norm.bias",
                                          "block.0.weight", "block.1.weight", "block.1.bias",
                                          "block.3.weight", "block.4.weight", "block.4.bias",
                                          "out.weight", "out.bias"));
  EXPECT_TRUE(network->module()->named_buffers().contains("block.4.running_var"));
  EXPECT_EQ(network->type(), "Convolutions");
  EXPECT_EQ(network->module()->name(), "Convolutions");
  EXPECT_EQ(network->parameters().size(), 12u);
  EXPECT_TRUE(network->parameters()[0].requires_grad());
  torch::nn::Module& module = *network;  // what takes modules takes it
  module.eval();
  EXPECT_FALSE(network->is_training());
  const Tensor x = torch::randn({4, 2, 6, 6}, torch::kDouble);
  EXPECT_TRUE(network->forward(x).equal(network->forward(x)));  // without dropout
  network->train();
  EXPECT_FALSE(network->forward(x).equal(network->forward(x)));
}

TEST(ExportedNetwork, ClonesShareNothing) {
  const auto network = load_network(kFiles / "convolutions_train.pt2");
  network->eval();
  const auto copy = network->clone();
  EXPECT_FALSE(copy->is_training());
  const Tensor x = torch::randn({4, 2, 6, 6}, torch::kDouble), y = copy->forward(x);
  {
    const torch::NoGradGuard no_grad;
    for (const Tensor& parameter : network->parameters()) parameter.zero_();
  }
  EXPECT_TRUE(copy->forward(x).equal(y));
  EXPECT_FALSE(network->forward(x).equal(y));
}

TEST(ExportedNetwork, TiesWeights) {
  const auto network = load_network(kFiles / "tokens_eval.pt2");
  const auto named = network->named_parameters();
  EXPECT_EQ(named.size(), network->parameters().size() + 1);
  const auto find = [&](const std::string& wanted) {
    return std::find_if(named.begin(), named.end(),
                        [&](const auto& item) { return item.first == wanted; })
        ->second;
  };
  EXPECT_TRUE(find("embed.weight").is_same(find("head.weight")));
  EXPECT_TRUE(network->clone()->named_parameters().size() == named.size());
  EXPECT_EQ(network->clone()->parameters().size(), network->parameters().size());
}

TEST(ExportedNetwork, TakesInputsByNameAndChoosesItsOutput) {
  const auto network = load_network(kFiles / "tokens_eval.pt2");
  EXPECT_THAT(network->input_names(), testing::ElementsAre("input_ids", "attention_mask"));
  EXPECT_THAT(network->output_names(), testing::ElementsAre("hidden", "logits"));
  const Tensor ids = torch::arange(10).reshape({2, 5}), mask = torch::ones({2, 5}, torch::kLong);
  const Tensor logits = network->forward({{"attention_mask", mask}, {"input_ids", ids}});
  EXPECT_EQ(logits.size(2), 11);
  network->choose_output("hidden");
  EXPECT_EQ(network->forward({{"input_ids", ids}, {"attention_mask", mask}}).size(2), 8);
  expect_refused([&] { network->choose_output("logit"); },
                 "tokens_eval.pt2: there is no output 'logit', allowed are hidden, logits, did you "
                 "mean logits?");
  expect_refused([&] { network->forward(ids); },
                 "forward() got one tensor, and the network takes 2 inputs by name: input_ids, "
                 "attention_mask");
  expect_refused(
      [&] {
        network->forward({{"input_ids", ids}});
      },
      "lacks the input 'attention_mask'");
  expect_refused([&] { network->forward({{"input_id", ids}}); }, "did you mean input_ids");
}

TEST(ExportedNetwork, RefusesInputsThatItWasNotExportedFor) {
  const auto fixed = load_network(kFiles / "fixed.pt2");
  const auto input = [](std::vector<int64_t> sizes, torch::Dtype type = torch::kDouble) {
    return torch::zeros(sizes, type);
  };
  expect_refused(
      [&] {
        fixed->forward(input({7, 2}));
      },
      "fixed.pt2: the input 'input' has the size 7 in dimension 0, must be 6, for which "
      "it was exported; any size takes an export with dynamic_shapes={0: "
      "torch.export.Dim(\"batch\")}");
  expect_refused(
      [&] {
        fixed->forward(input({6, 2}, torch::kFloat));
      },
      "the input 'input' is Float, must be Double");
  expect_refused([&] { fixed->forward(input({6, 2, 1})); }, "has 3 dimensions, must have 2");
  expect_refused([&] { fixed->run({1}); }, "the input 'input' must be a tensor");
  expect_refused([&] { fixed->run({}); }, "it takes 1 inputs (input) and got 0");
  const auto sizes = load_network(kFiles / "sizes.pt2");
  expect_refused(
      [&] {
        sizes->run({input({3, 4, 2}), input({4})});
      },
      "the input 'y' has the size 4 in dimension 0, must be 3 as in another");
  expect_refused(
      [&] {
        sizes->run({input({3, 61, 2}), input({3})});
      },
      "the input 'x' has the size 61 in dimension 1, must be 3 to 60");
  const auto derived = load_network(kFiles / "derived.pt2");
  derived->run({input({3, 2}), input({7}), 5});
  expect_refused(
      [&] {
        derived->run({input({3, 2}), input({8}), 5});
      },
      "the input 'y' has the size 8 in dimension 0, must be 3, 5, 7 or so on");
  expect_refused(
      [&] {
        derived->run({input({3, 2}), input({9}), 5});
      },
      "the input 'y' has the size 9 in dimension 0, must be 7 as in another");
  expect_refused(
      [&] {
        derived->run({input({51, 2}), input({103}), 5});
      },
      "the input 'x' has the size 51 in dimension 0, must be 2 to 50");
  expect_refused(
      [&] {
        derived->run({input({3, 2}), input({7}), -1});
      },
      "the input 'n' is -1, must be 0 or more, for which it was exported");
}

TEST(ExportedNetwork, TakesWholeNumbersOfAnyType) {
  const auto network = load_network(kFiles / "tokens_eval.pt2");
  const Tensor ids = torch::arange(10).reshape({2, 5}), mask = ids < 9;
  const auto logits = [&](torch::Dtype of_ids, torch::Dtype of_mask) {
    return network->forward({{"input_ids", ids.to(of_ids)}, {"attention_mask", mask.to(of_mask)}});
  };
  EXPECT_TRUE(logits(torch::kInt, torch::kBool).equal(logits(torch::kLong, torch::kLong)));
  expect_refused([&] { logits(torch::kFloat, torch::kLong); }, "is Float, must be Long");
}

TEST(ExportedNetwork, SaysWhichModesItHas) {
  const auto training = load_network(kFiles / "convolutions_train.pt2");
  EXPECT_TRUE(training->is_training());
  EXPECT_EQ(training->about_modes(),
            "exported in training mode; eval() switches off 3 x aten::batch_norm, aten::dropout");
  const auto eval = load_network(kFiles / "causal_eval.pt2");
  EXPECT_THAT(eval->about_modes(), HasSubstr("the same in training and in eval mode"));
  const auto decomposed = load_network(kFiles / "convolutions_decomposed.pt2");
  EXPECT_FALSE(decomposed->is_training());
  decomposed->eval();
  expect_refused([&] { decomposed->train(); },
                 "convolutions_decomposed.pt2: train(): its operation "
                 "aten::_native_batch_norm_legit_no_training has one mode for good: export the "
                 "network again without run_decompositions()");
  EXPECT_FALSE(decomposed->is_training());
  const auto paths = load_network(kFiles / "paths.pt2");
  paths->train();
  expect_refused([&] { paths->eval(); },
                 "its operation aten::bernoulli_ draws random numbers in any mode: export "
                 "net.eval()");
  EXPECT_TRUE(paths->is_training());
  const auto momentum = load_network(kFiles / "no_momentum.pt2");
  expect_refused([&] { momentum->train(); }, "has momentum=None or 0");
}

TEST(ExportedNetwork, SaysWhatItWritesInAnyMode) {
  const auto network = load_network(kFiles / "buffers.pt2");
  EXPECT_EQ(network->about_modes(),
            "the same in training and in eval mode; its buffer 'calls' and 1 more are written in "
            "any mode");
  const auto views = load_network(kFiles / "views.pt2");
  EXPECT_EQ(views->about_modes(),
            "the same in training and in eval mode; its buffer 'pairs' and 1 more are written in "
            "any mode");
}

TEST(ExportedNetwork, LeavesFrozenLayersFrozen) {
  const auto network = load_network(kFiles / "frozen.pt2");
  EXPECT_EQ(network->about_modes(),
            "exported in training mode; eval() switches off 2 x aten::batch_norm, aten::dropout; "
            "train() leaves off, as the export has it, aten::batch_norm");
  const auto buffers = network->module()->named_buffers();
  const Tensor mean = buffers["norm.running_mean"].clone();
  const auto step = [&] { network->forward(torch::randn({4, 2, 6, 6}, torch::kDouble)); };
  step();
  network->train();
  step();
  network->eval();
  step();
  network->train();
  step();
  EXPECT_TRUE(buffers["norm.running_mean"].equal(mean));
  EXPECT_EQ(buffers["norm.num_batches_tracked"].item<int64_t>(), 0);
  EXPECT_EQ(buffers["block.1.num_batches_tracked"].item<int64_t>(), 3);
}

TEST(ExportedNetwork, SwitchesWhatIsInGraphsWithin) {
  for (const char* name : {"normalised_train.pt2", "normalised_eval.pt2"}) {
    SCOPED_TRACE(name);
    const auto network = load_network(kFiles / name);
    const auto buffers = network->module()->named_buffers();
    const auto counts = [&] {
      return std::pair(buffers["a.num_batches_tracked"].item<int64_t>(),
                       buffers["b.num_batches_tracked"].item<int64_t>());
    };
    const Tensor x = torch::randn({4, 3});
    network->eval();
    network->forward(x);
    EXPECT_THAT(counts(), testing::Pair(0, 0));
    network->train();
    network->forward(x);
    EXPECT_THAT(counts(), testing::Pair(1, 1));
  }
}

TEST(ExportedNetwork, CountsBatchesInTheBranchThatIsTaken) {
  const auto network = load_network(kFiles / "branches.pt2");
  const auto buffers = network->module()->named_buffers();
  const auto counts = [&] {
    std::vector<int64_t> all;
    for (const char* name : {"yes", "no", "both"}) {
      all.push_back(buffers[name + std::string(".num_batches_tracked")].item<int64_t>());
    }
    return all;
  };
  const Tensor x = torch::rand({4, 3}, torch::kDouble);
  network->forward(x);
  EXPECT_THAT(counts(), testing::ElementsAre(0, 0, 0));
  network->train();
  network->forward(x);
  EXPECT_THAT(counts(), testing::ElementsAre(1, 0, 1));
  EXPECT_TRUE(buffers["yes.running_mean"].allclose(0.1 * x.mean(0)));
  EXPECT_TRUE(buffers["no.running_mean"].eq(0).all().item<bool>());
  network->forward(-x);
  network->forward(-x);
  EXPECT_THAT(counts(), testing::ElementsAre(1, 2, 3));
  EXPECT_TRUE(buffers["yes.running_mean"].allclose(0.1 * x.mean(0)));
}

TEST(ExportedNetwork, MayBeOutlivedByItsModule) {
  auto network = load_network(kFiles / "paths.pt2");
  const std::shared_ptr<torch::nn::Module> module = network->module();
  network.reset();
  module->train();
  EXPECT_TRUE(module->is_training());
  expect_refused([&] { module->eval(); },
                 "paths.pt2: eval(): its operation aten::bernoulli_ draws random numbers");
}

TEST(ExportedNetwork, CountsBatchesInTrainingModeOnly) {
  for (const char* name : {"convolutions_train.pt2", "convolutions_eval.pt2"}) {
    SCOPED_TRACE(name);
    const auto network = load_network(kFiles / name);
    const Tensor x = torch::randn({4, 2, 6, 6}, torch::kDouble);
    const auto count = [&] {
      return network->module()->named_buffers()["norm.num_batches_tracked"].item<int64_t>();
    };
    network->train();
    network->forward(x);
    network->forward(x);
    EXPECT_EQ(count(), 2);
    network->eval();
    network->forward(x);
    EXPECT_EQ(count(), 2);
  }
}

TEST(ExportedNetwork, OfWhichSomethingCannotRunIsRefusedByName) {
  expect_refused([] { load_network(kFiles / "custom.pt2"); },
                 "custom.pt2: its operation descent_tests::twice (default) is not registered");
  expect_refused(
      [] { load_network(kFiles / "jvp.pt2"); },
      "its program calls torch._functorch.predispatch._jvp_increment_nesting, which is a "
      "function of Python");
}

TEST(ExportedNetwork, LeavesTheMemoryOfItsCallerAlone) {
  const auto network = load_network(kFiles / "shared_memory.pt2");
  std::vector<double> mine(12, -1);
  std::vector<c10::IValue> inputs;
  inputs.emplace_back(torch::from_blob(mine.data(), {4, 3}, torch::kDouble));
  inputs.emplace_back(torch::arange(5));
  const at::NoGradGuard no_grad;
  network->run(std::move(inputs));
  EXPECT_EQ(mine, std::vector<double>(12, -1));
}

TEST(ExportedNetwork, FoldsNormalisationIntoWeightsWhereItIsAskedTo) {
  for (const char* const name : {"convolutions_eval.pt2", "convolutions_train.pt2"}) {
    const auto network = load_network(kFiles / name);
    auto& exported = dynamic_cast<networks::ExportedNetwork&>(*network);
    network->eval();
    const Tensor x = at::linspace(-1, 1, 4 * 2 * 6 * 6, at::kDouble).view({4, 2, 6, 6});
    const Tensor plain = network->forward(x).detach();
    exported.setting().folds = true;
    EXPECT_TRUE(at::equal(network->forward(x), plain)) << "gradients are asked for";
    const at::NoGradGuard no_grad;
    const Tensor folded = network->forward(x);
    EXPECT_TRUE(at::allclose(folded, plain, 1e-12, 1e-12)) << name;
    EXPECT_FALSE(at::equal(folded, plain)) << name << " was not folded";
    exported.setting().batch_norm = true;
    const Tensor of_batch = network->forward(x);
    exported.setting().folds = false;
    EXPECT_TRUE(at::equal(network->forward(x), of_batch)) << "of the batch's own statistics";
  }
}

TEST(ExportedNetwork, NamesTheOperationThatHasNoDerivative) {
  const auto network = load_network(kFiles / "no_derivative.pt2");
  const Tensor y = network->forward(at::ones({4, 2}, at::kDouble));
  EXPECT_THAT(
      [&] { y.sum().backward(); },
      ThrowsMessage<c10::Error>(HasSubstr("derivative for aten::remainder is not implemented")));
}

/// A folder of its own for each test.
class ExportedFile : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// The committed file with one text in place of another of the same length.
  fs::path changed(const std::string& from, const std::string& to) const {
    EXPECT_EQ(from.size(), to.size());
    std::string bytes = read_file(kFiles / "mlp.pt2");
    const size_t place = bytes.find(from);
    EXPECT_NE(place, std::string::npos) << from;
    bytes.replace(place, from.size(), to);
    // Without checksums: 0 at 16 of each entry of the directory says that there is none.
    for (size_t at = bytes.find("PK\1\2"); at != std::string::npos;
         at = bytes.find("PK\1\2", at + 4)) {
      bytes.replace(at + 16, 4, 4, '\0');
    }
    const fs::path file = folder_ / "changed.pt2";
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
    return file;
  }

  /// A committed file with other records.
  fs::path rewritten(const std::function<void(std::map<std::string, std::string>& records)>& change,
                     const char* name = "mlp.pt2") const {
    ZipReader zip(kFiles / name);
    std::map<std::string, std::string> records;
    for (const ZipReader::Record& record : zip.records()) {
      const std::string path = record.name.substr(record.name.find('/') + 1);
      if (!path.starts_with(".data/")) records[path] = zip.read(record);
    }
    change(records);
    const fs::path file = folder_ / "rewritten.pt2";
    caffe2::serialize::PyTorchStreamWriter writer(file.string());
    for (const auto& [path, bytes] : records) writer.writeRecord(path, bytes.data(), bytes.size());
    writer.writeEndOfFile();
    return file;
  }

  fs::path folder_ = fs::path(testing::TempDir()) / "descent_exported";
};

TEST_F(ExportedFile, OfAnotherKindIsRefusedWithWhatItIs) {
  using Records = std::map<std::string, std::string>;
  const auto refused = [&](const std::function<void(Records&)>& change, const std::string& why) {
    const fs::path file = rewritten(change);
    expect_refused([&] { load_network(file); }, why);
  };
  const std::string program = "models/model.json",
                    weights = "data/weights/model_weights_config.json";
  load_network(rewritten([](Records&) {}));
  refused([](Records& r) { r["byteorder"] = "big"; }, "its numbers are not little-endian");
  refused([](Records& r) { r["archive_version"] = "1"; }, "has the version 1, must be 0");
  refused([&](Records& r) { r["models/other.json"] = r[program]; },
          "it holds several programs (model, other)");
  refused([&](Records& r) { r.erase(program); },
          "compiled packages (aoti_compile_and_package) have none");
  refused([&](Records& r) { r[program] = std::string(300, '[') + std::string(300, ']'); },
          "is nested too deeply");
  const auto replace = [](std::string& text, const std::string& from, const std::string& to) {
    const size_t place = text.find(from);
    ASSERT_NE(place, std::string::npos) << from;
    text.replace(place, from.size(), to);
  };
  refused([&](Records& r) { replace(r[weights], "\"layout\": 7", "\"layout\": 1"); },
          "is not dense, which is not supported");
  refused([&](Records& r) { replace(r[program], "{\"user_input\"", "{\"custom_obj\""); },
          "takes an input of the kind custom_obj");
  const std::string nodes = "\"nodes\": [";
  refused(
      [&](Records& r) {
        replace(r[program], nodes,
                nodes + R"({"target": "_operator.neg", "inputs": [{"name": "", "arg": )"
                        R"({"as_int": 1}}], "outputs": [{"as_sym_int": {"as_name": "input"}}]}, )");
      },
      "its program defines 'input' twice");
  std::string graph = R"({"inputs": [], "outputs": [], "nodes": []})";
  for (int k = 0; k < 17; ++k) {
    graph =
        R"({"inputs": [], "outputs": [], "nodes": [{"target": )"
        R"("torch.ops.higher_order.wrap_with_set_grad_enabled", "inputs": [{"name": "", "arg": )"
        R"({"as_bool": false}}, {"name": "", "arg": {"as_graph": {"name": "g", "graph": )" +
        graph + R"(}}}], "outputs": []}]})";
  }
  const size_t begin = graph.find(nodes) + nodes.size();
  const std::string node = graph.substr(begin, graph.size() - 2 - begin);
  refused([&](Records& r) { replace(r[program], nodes, nodes + node + ", "); },
          "has graphs within graphs, more than 16");
}

TEST_F(ExportedFile, OfANetworkOnAGpuRunsWhereItsWeightsAre) {
  const fs::path file = rewritten(
      [](std::map<std::string, std::string>& records) {
        const std::string here = "\"type\": \"cpu\", \"index\": null",
                          there = "\"type\": \"cuda\", \"index\": 0";
        for (const char* name : {"models/model.json", "data/weights/model_weights_config.json"}) {
          std::string& text = records.at(name);
          size_t count = 0;
          for (size_t at = text.find(here); at != text.npos; at = text.find(here, at), ++count) {
            text.replace(at, here.size(), there);
          }
          EXPECT_GT(count, 0u) << name;
        }
        EXPECT_THAT(records.at("models/model.json"), HasSubstr("\"as_device\""));
      },
      "sizes.pt2");
  expect_as_python(*load_network(file), kFiles / "sizes.ref.pt");
}

TEST_F(ExportedFile, ThatIsDamagedIsRefusedWithWhatIsWrong) {
  const auto refused = [&](const std::string& from, const std::string& to, const std::string& why) {
    SCOPED_TRACE(to);
    const fs::path file = changed(from, to);
    expect_refused([&] { load_network(file); }, why);
    expect_refused([&] { load_network(file); }, "load_network: " + file.string());
  };
  refused("\"graph_module\"", "\"graph_modul?\"", "its program has no 'graph_module'");
  refused("{\"graph_module\"", "[\"graph_module\"", "is no JSON");
  refused("\"major\": 8", "\"major\": 7", "its program has the schema 7.");
  refused("torch.ops.aten.tanh.default", "torch.ops.aten.tanj.default",
          "its operation aten::tanj (default) is not registered");
  refused("torch.ops.aten.tanh.default", "torch.ops.aten.warn.default", "which no network needs");
  refused("torch.ops.aten.tanh.default", "builtins.function.tanh_of__",
          "which is a function of Python");
  refused("{\"as_tensor\": {\"name\": \"tanh\"}}", "{\"as_tensor\": {\"name\": \"tank\"}}",
          "its program uses 'tanh' before anything defines it");
  refused("\"sizes\": [{\"as_int\": 5}, {\"as_int\": 2}]",
          "\"sizes\": [{\"as_int\": 9}, {\"as_int\": 9}]",
          "bytes into the record 'data/weights/weight_");
  refused("\"as_int\": 5}, {\"as_int\": 2}]", "\"as_int\":-5}, {\"as_int\": 2}]",
          "has impossible sizes");
  refused("\"use_pickle\": false", "\"use_pickle\": true ", "is an object or a subclass");
  refused("\"parameter_name\": \"0.weight\"", "\"parameter_name\": \"9.weight\"",
          "it has no tensor '9.weight'");
  refused("\"dtype\": 8", "\"dtype\":77", "its program has the dtype 77");
}

TEST_F(ExportedFile, WithOneChangedBitInAWeightIsRefused) {
  std::string bytes = read_file(kFiles / "mlp.pt2");
  const Tensor weight = load_network(kFiles / "mlp.pt2")->parameters()[0];
  const std::string numbers(static_cast<const char*>(weight.const_data_ptr()), weight.nbytes());
  const size_t place = bytes.find(numbers);
  ASSERT_NE(place, std::string::npos);
  bytes[place + 5] = static_cast<char>(bytes[place + 5] ^ 1);
  const fs::path file = folder_ / "net.pt2";
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
  expect_refused([&] { load_network(file); }, "is damaged (its checksum does not match)");
  fs::resize_file(file, fs::file_size(file) - 100);
  expect_refused([&] { load_network(file); }, "is damaged");
}

TEST_F(ExportedFile, IsWrittenAgainWithWhatTrainingChanged) {
  for (const char* name :
       {"convolutions_train", "tokens_eval", "buffers", "layout_2.7", "layout_2.8"}) {
    SCOPED_TRACE(name);
    const auto network = load_network(kFiles / (std::string(name) + ".pt2"));
    Recorded python(kFiles / (std::string(name) + ".ref.pt"));
    torch::optim::SGD opt(network->parameters(), 0.1);
    for (int step = 0; step < 3; ++step) {
      opt.zero_grad();
      loss_of(network->run(values_of(python.list("inputs")))).backward();
      opt.step();
    }
    network->parameters()[0].set_requires_grad(false);
    const fs::path file = folder_ / "saved.pt2";
    network->save(file);
    const auto again = load_network(file);
    const auto expect_same = [](const SavedNetwork::Named& a, const SavedNetwork::Named& b) {
      ASSERT_EQ(a.size(), b.size());
      for (size_t k = 0; k < a.size(); ++k) {
        EXPECT_EQ(a[k].first, b[k].first);
        EXPECT_TRUE(a[k].second.equal(b[k].second)) << a[k].first;
        EXPECT_EQ(a[k].second.requires_grad(), b[k].second.requires_grad()) << a[k].first;
      }
    };
    expect_same(network->named_parameters(), again->named_parameters());
    expect_same(network->named_buffers(), again->named_buffers());
    EXPECT_EQ(network->parameters().size(), again->parameters().size());
    torch::manual_seed(3);
    const auto ours = loss_of(network->run(values_of(python.list("inputs"))));
    torch::manual_seed(3);
    EXPECT_TRUE(ours.equal(loss_of(again->run(values_of(python.list("inputs"))))));
  }
}

TEST_F(ExportedFile, OfAFullDiskStaysAsItWas) {
  const auto network = load_network(kFiles / "mlp.pt2");
  EXPECT_THROW(network->save("/dev/full/net.pt2"), std::runtime_error);
  EXPECT_THROW(network->save(folder_ / "none" / "net.pt2"), std::runtime_error);
}

#ifdef PYTHON

TEST_F(ExportedFile, OfEveryKindDoesWhatItDoesInPython) {
  const std::string command = PYTHON " " PYTHON_SCRIPT " " + folder_.string();
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_GE(expect_all_as_python(folder_), 40);
  // What is trained here goes on in Python.
  for (const char* name : {"convolutions_train", "tokens_train", "buffers", "layout_2.7"}) {
    const auto network = load_network(folder_ / (std::string(name) + ".pt2"));
    Recorded python(folder_ / (std::string(name) + ".ref.pt"));
    torch::optim::SGD opt(network->parameters(), 0.1);
    loss_of(network->run(values_of(python.list("inputs")))).backward();
    opt.step();
    network->save(folder_ / (std::string(name) + ".pt2"));
  }
  const std::string again = PYTHON " " PYTHON_RELOAD " " + folder_.string() +
                            " convolutions_train tokens_train buffers layout_2.7";
  ASSERT_EQ(std::system(again.c_str()), 0);
  expect_all_as_python(folder_);
}

#endif

}  // namespace
}  // namespace exported_test
}  // namespace descent::tests
