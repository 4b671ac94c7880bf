#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <descent/networks.h>
#include <descent/networks/weights/weights_file.h>
#include <descent/pickle/pickle.h>

#include "../damage.h"

namespace descent::tests {
namespace weights_test {
namespace {

namespace fs = std::filesystem;
namespace nn = torch::nn;
using at::Tensor;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

nn::Sequential network() {
  return nn::Sequential(nn::Linear(2, 3), nn::BatchNorm1d(3), nn::Linear(3, 1));
}

SavedNetwork::Named tensors_of(const nn::Module& module) {
  SavedNetwork::Named all;
  for (const auto& item : module.named_parameters()) all.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers()) all.emplace_back(item.key(), item.value());
  return all;
}

std::string little(uint64_t x) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(x >> 8 * i & 0xff);
  return bytes;
}

/// A folder of its own for each test.
class Weights : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    torch::manual_seed(1);
    trained_->forward(torch::randn({5, 2}));  // moves the running statistics
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, const std::string& bytes) const {
    damage::write(folder_ / name, bytes);
    return folder_ / name;
  }

  /// A file of torch.save with the tensors, each under a prefix, inside of dicts.
  fs::path pickled(const SavedNetwork::Named& tensors, const std::string& prefix = "",
                   const std::string& inside = "") const {
    pickle::Writer writer;
    writer.begin_dict();
    if (!inside.empty()) {
      writer.text("epoch");
      writer.integer(3);
      writer.text(inside);
      writer.begin_dict();
    }
    for (const auto& [name, tensor] : tensors) {
      writer.text(prefix + name);
      writer.tensor(tensor);
    }
    if (!inside.empty()) writer.end_dict();
    writer.end_dict();
    std::ofstream out(folder_ / "weights.pt", std::ios::binary | std::ios::trunc);
    writer.write(out);
    return folder_ / "weights.pt";
  }

  /// The same as safetensors.
  fs::path safe(const std::string& file, const SavedNetwork::Named& tensors,
                const std::string& prefix = "") const {
    std::string header = "{\"__metadata__\":{\"format\":\"pt\"}", numbers;
    for (const auto& [name, tensor] : tensors) {
      const Tensor dense = tensor.detach().contiguous();
      std::string shape;
      for (const int64_t size : dense.sizes()) {
        shape += (shape.empty() ? "" : ",") + std::to_string(size);
      }
      const size_t begin = numbers.size();
      numbers.append(static_cast<const char*>(dense.const_data_ptr()), dense.nbytes());
      header += ",\"" + prefix + name + "\":{\"dtype\":\"" +
                (dense.is_floating_point() ? "F32" : "I64") + "\",\"shape\":[" + shape +
                "],\"data_offsets\":[" + std::to_string(begin) + "," +
                std::to_string(numbers.size()) + "]}";
    }
    header += "}";
    return write(file, little(header.size()) + header + numbers);
  }

  void expect_loaded(const fs::path& file) const {
    SCOPED_TRACE(file);
    nn::Sequential other = network();
    load_weights(*other, file);
    const auto expected = tensors_of(*trained_), ours = tensors_of(*other);
    for (size_t k = 0; k < ours.size(); ++k) {
      EXPECT_TRUE(ours[k].second.equal(expected[k].second)) << ours[k].first;
    }
  }

  /// What is refused leaves the network as it was.
  template <class Error>
  void expect_refused(const fs::path& file, const std::string& reason) const {
    nn::Sequential other = network();
    SavedNetwork::Named before;
    for (const auto& [name, tensor] : tensors_of(*other)) {
      before.emplace_back(name, tensor.detach().clone());
    }
    EXPECT_THAT([&] { load_weights(*other, file); },
                ThrowsMessage<Error>(AllOf(HasSubstr(reason), HasSubstr(file.string()))));
    const auto after = tensors_of(*other);
    for (size_t k = 0; k < before.size(); ++k) {
      EXPECT_TRUE(after[k].second.equal(before[k].second)) << before[k].first;
    }
  }

  fs::path folder_ = fs::path(testing::TempDir()) / "descent_weights";
  nn::Sequential trained_ = network();
};

TEST_F(Weights, AreReadFromStateDictsAndCheckpoints) {
  const auto all = tensors_of(*trained_);
  expect_loaded(pickled(all));
  expect_loaded(pickled(all, "", "state_dict"));
  expect_loaded(pickled(all, "", "any"));
  for (const char* prefix :
       {"module.", "model.", "_orig_mod.", "module._orig_mod.", "net.model."}) {
    expect_loaded(pickled(all, prefix));
  }
}

TEST_F(Weights, AreReadWhereTheNetworkWasWrapped) {
  const auto all = tensors_of(*trained_);
  class Wrapper : public nn::Module {};
  Wrapper wrapper;
  nn::Sequential other = network();
  wrapper.register_module("network", other.ptr());
  load_weights(wrapper, pickled(all));
  const auto ours = tensors_of(*other);
  for (size_t k = 0; k < ours.size(); ++k) {
    EXPECT_TRUE(ours[k].second.equal(all[k].second)) << ours[k].first;
  }
}

TEST_F(Weights, AreReadFromSafetensors) {
  const auto all = tensors_of(*trained_);
  expect_loaded(safe("a.safetensors", all));
  expect_loaded(safe("a.safetensors", all, "module."));
  fs::create_directories(folder_ / "checkpoint-500");
  safe("checkpoint-500/model.safetensors", all);
  expect_loaded(folder_ / "checkpoint-500");
  fs::remove(folder_ / "checkpoint-500" / "model.safetensors");
  expect_refused<std::runtime_error>(folder_ / "checkpoint-500",
                                     "the folder holds none of model.safetensors, ");

  const SavedNetwork::Named first(all.begin(), all.begin() + 3), second(all.begin() + 3, all.end());
  safe("one.safetensors", first);
  safe("two.safetensors", second);
  std::string map;
  for (const auto& [list, file] : {std::pair(first, "one"), std::pair(second, "two")}) {
    for (const auto& [name, tensor] : list) {
      map += (map.empty() ? "\"" : ",\"") + name + "\":\"" + file + ".safetensors\"";
    }
  }
  expect_loaded(write("model.safetensors.index.json", "{\"weight_map\":{" + map + "}}"));
  expect_refused<std::runtime_error>(
      write("bad.index.json", "{\"weight_map\":{\"0.weight\":\"../one.safetensors\"}}"),
      "its tensor '0.weight' is in no file of the folder");
  expect_refused<std::runtime_error>(
      write("bad.index.json", "{\"weight_map\":{\"9.weight\":\"one.safetensors\"}}"),
      "its tensor '9.weight' is not in one.safetensors");
  expect_refused<std::runtime_error>(write("bad.index.json", "{}"), "has no \"weight_map\"");
}

TEST_F(Weights, OfOtherNamesAreListed) {
  auto all = tensors_of(*trained_);
  all[0].first = "0.wieght";
  expect_refused<std::invalid_argument>(pickled(all),
                                        "missing are 0.weight; too much are 0.wieght");
  for (int k = 0; k < 12; ++k) all.emplace_back("x" + std::to_string(k), torch::ones({1}));
  expect_refused<std::invalid_argument>(pickled(all),
                                        "too much are 0.wieght, x0, x1, x2, x3, x4, x5, x6, x7, x8 "
                                        "and 3 more");
}

TEST_F(Weights, OfOtherShapesAndTypesAreRefused) {
  auto all = tensors_of(*trained_);
  all[0].second = torch::ones({2, 3});
  expect_refused<std::invalid_argument>(pickled(all),
                                        "'0.weight' has the shape [2, 3], must have [3, 2]");
  all[0].second = torch::ones({3, 2}, torch::kLong);
  expect_refused<std::invalid_argument>(pickled(all), "'0.weight' is Long, must be Float");
  all[0].second = trained_->parameters()[0].to(torch::kDouble);
  expect_loaded(pickled(all));
}

TEST_F(Weights, OfTiedTensorsNeedOneName) {
  const auto net = load_network(fs::path(NETWORK_FILES) / "tokens_eval.pt2");
  SavedNetwork::Named all;
  for (const auto& [name, tensor] : net->state_dict()) {
    if (name != "head.weight") all.emplace_back(name, tensor.detach() + 1);
  }
  const Tensor tied = net->parameters()[0].detach().clone();
  load_weights(*net, pickled(all, "model."));
  const auto after = net->state_dict();
  for (const auto& [name, tensor] : all) {
    const auto found = std::find_if(after.begin(), after.end(), [&, &wanted = name](const auto& x) {
      return x.first == wanted;
    });
    EXPECT_TRUE(found->second.equal(tensor)) << name;
  }
}

TEST_F(Weights, OfNarrowTypesAreReadBesideThoseThatLibTorchLacks) {
  // 1.5 in bfloat16 and in float8_e4m3, and a scale of a type that only the format has.
  const std::string header =
      "{\"a\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]},"
      "\"b\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[4,5]},"
      "\"c\":{\"dtype\":\"F4\",\"shape\":[6],\"data_offsets\":[5,8]}}";
  const std::string numbers("\xc0\x3f\xc0\xbf\x3c\0\0\0", 8);
  networks::WeightsFile weights(
      write("narrow.safetensors", little(header.size()) + header + numbers));
  EXPECT_EQ(weights.names().size(), 3u);
  EXPECT_TRUE(weights.tensor("a").equal(torch::tensor({1.5, -1.5}, torch::kBFloat16)));
  EXPECT_EQ(weights.tensor("b").to(torch::kFloat).item<float>(), 1.5F);
  EXPECT_THAT([&] { weights.tensor("c"); },
              ThrowsMessage<std::runtime_error>(
                  HasSubstr("its tensor 'c' has the dtype F4, which is unknown here")));
}

TEST_F(Weights, OfDamagedSafetensorsAreRefused) {
  const auto file = [&](const std::string& header, const std::string& numbers = "") {
    return write("bad.safetensors", little(header.size()) + header + numbers);
  };
  const auto refused = [&](const fs::path& path, const std::string& reason) {
    EXPECT_THAT([&] { networks::WeightsFile weights(path); },
                ThrowsMessage<std::runtime_error>(
                    AllOf(HasSubstr("bad.safetensors: "), HasSubstr(reason))));
  };
  refused(folder_ / "bad.safetensors", "it cannot be opened");
  refused(write("bad.safetensors", ""), "its header is cut off");
  refused(write("bad.safetensors", "1234567"), "its header is cut off");
  refused(write("bad.safetensors", little(~uint64_t{0}) + "{}"), "its header is cut off");
  refused(file("["), "is no JSON");
  refused(file("[]"), "no tensors by name");
  refused(file("{}"), "holds no tensors");
  refused(file(std::string(300, '[') + std::string(300, ']')), "nested too deeply");
  const auto entry = [](const std::string& type, const std::string& shape, const std::string& at) {
    return "{\"a\":{\"dtype\":\"" + type + "\",\"shape\":" + shape + ",\"data_offsets\":" + at +
           "}}";
  };
  const std::string four(16, 'x');
  refused(file(entry("F32", "[4]", "[0,17]"), four), "reaches beyond the file");
  refused(file(entry("F32", "[4]", "[16,0]"), four), "reaches beyond the file");
  refused(file(entry("F32", "[3]", "[0,16]"), four), "has 16 bytes, must have 12");
  refused(file(entry("F32", "[-4]", "[0,16]"), four), "has impossible shape");
  refused(file(entry("F32", "[4611686018427387904,4]", "[0,16]"), four), "impossible shape");
  refused(file(entry("F32", "[4]", "[0,99999999999999999999]"), four),
          "has impossible data_offsets");
  refused(file(entry("F32", "4", "[0,16]"), four), "has no shape");
  refused(file(entry("F32", "[3]", "[0,12]"), four), "has 4 bytes behind its tensors");
  refused(file(entry("F32", "[3]", "[4,16]"), four), "have a gap at byte 0");
  const std::string beside = "{\"b\":{\"dtype\":\"I8\",\"shape\":[8],\"data_offsets\":";
  const auto two = [&](const std::string& place, const std::string& other) {
    return file(beside + place + "}," + entry("F32", other, "[0,16]").substr(1), four);
  };
  refused(two("[0,8]", "[4]"), "lies over another one");
  refused(two("[8,16]", "[4]"), "its tensors lie over each other");
  networks::WeightsFile good(file(entry("F32", "[2,2]", "[0,16]"), four));
  EXPECT_EQ(good.tensor("a").sizes(), (std::vector<int64_t>{2, 2}));
}

}  // namespace
}  // namespace weights_test
}  // namespace descent::tests
