// Checkpoints to and from real Python torch, for every rule that it has too: python_both_ways.py is
// the other side. Ten steps there and ten here, and the other way round, against twenty there.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <torch/serialize.h>
#include <torch/types.h>
#include <unistd.h>

#include "../python_server.h"
#include "checks.h"

namespace python_both_ways_test {
namespace {

using namespace checks;

constexpr int64_t kSteps = 10;
constexpr size_t kFirstGroup = 3;  // parameters; the others are the second group

std::filesystem::path folder() {
  return std::filesystem::temp_directory_path() /
         ("descent_python_both_ways_test." + std::to_string(getpid()));
}

std::vector<std::string> rules() {
  std::vector<std::string> keys;
  for (const auto& list : {descent::optimizers(), descent::sparse_optimizers()})
    for (const RuleTable* rule : list)
      if (descent::python_class(*rule) != nullptr) keys.emplace_back(rule->about.key);
  return keys;
}

/// Whether python_both_ways.py has nothing to complain about.
bool python(const std::string& work) {
  std::string words = std::string(PYTHON_SCRIPT " ") + work + " " + folder().string();
  for (const auto& key : rules()) words += " " + key;
  return python_server::run(words) == 0;
}

/// A file of torch.save, read by LibTorch.
c10::IValue read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return torch::pickle_load({std::istreambuf_iterator<char>(in), {}});
}

std::vector<at::Tensor> tensors(const c10::IValue& list) {
  std::vector<at::Tensor> all;
  for (const auto& item : list.toListRef()) all.push_back(item.toTensor());
  return all;
}

struct Case {
  std::string name;
  const RuleTable* rule;
  std::vector<at::Tensor> start, middle, end;
  double tolerance;

  std::filesystem::path file(const std::string& what) const {
    return folder() / (name + "." + what + ".pt");
  }
};

std::vector<Case> cases() {
  std::vector<Case> list;
  for (const auto& key : rules())
    for (int i = 0;; ++i) {
      Case c;
      c.name = key + "." + std::to_string(i);
      c.rule = &descent::find_rule(key);
      if (!std::filesystem::exists(c.file("run"))) break;
      const auto values = read(c.file("run")).toGenericDict();
      c.start = tensors(values.at("start"));
      c.middle = tensors(values.at("middle"));
      c.end = tensors(values.at("end"));
      c.tolerance = values.at("tolerance").toDouble();
      list.push_back(std::move(c));
    }
  return list;
}

bool has_gradient(size_t k, int64_t t) {
  return !((k == 1 && t % 3 == 0) || (k == 3 && t < 13) || (k == 4 && t > 5));
}

at::Tensor with_every_second_row(const at::Tensor& g, int64_t t) {
  return (g * at::remainder(at::arange(g.size(0)) + t, 2).unsqueeze(1)).to_sparse(1);
}

/// The optimizer of a run, with options that are not the run's, and its parameters.
struct Ours {
  std::vector<at::Tensor> params;
  std::unique_ptr<descent::OptimizerBase> optimizer;

  Ours(const Case& c, const std::vector<at::Tensor>& values) {
    for (const auto& value : values) params.push_back(value.clone().requires_grad_());
    const auto second = params.begin() + kFirstGroup;
    optimizer = descent::make_optimizer(c.rule->about.key, {params.begin(), second});
    optimizer->add_group({second, params.end()});
  }

  void steps(int64_t from, int64_t to) {
    for (int64_t t = from; t <= to; ++t) {
      int64_t first = 0;
      for (size_t k = 0; k < params.size(); ++k) {
        const at::Tensor& p = params[k];
        const auto i = at::arange(first, first + p.numel(), at::kDouble).reshape(p.sizes());
        const auto a = 0.5 + at::remainder(7 * i, 11) / 5;
        const auto g =
            a * p.detach().to(at::kDouble) + 0.2 * at::sin(1.3 * static_cast<double>(t) + 0.7 * i);
        p.mutable_grad() = has_gradient(k, t) ? g.to(p.scalar_type()) : at::Tensor();
        if (optimizer->rule().sparse_only && p.grad().defined())
          p.mutable_grad() = with_every_second_row(p.grad(), t);
        first += p.numel();
      }
      optimizer->step();
    }
  }
};

TEST(PythonTorch, GoesOnFromWhatWasSavedHereAndTheOtherWayRound) {
  std::filesystem::remove_all(folder());
  std::filesystem::create_directories(folder());
  ASSERT_TRUE(python("make"));
  const auto all = cases();
  ASSERT_GE(all.size(), 3 * rules().size());
  for (const Case& c : all) {
    const auto compare = [&](const char* what, const Ours& ours,
                             const std::vector<at::Tensor>& wanted) {
      EXPECT_EQ(difference(ours.params, wanted, c.tolerance), "") << c.name << ": " << what;
    };
    Ours here(c, c.start);
    descent::load_python(*here.optimizer, c.file("start"));
    here.steps(1, kSteps);
    compare("ten steps here", here, c.middle);
    descent::save_python(*here.optimizer, c.file("back"));
    here.steps(kSteps + 1, 2 * kSteps);
    compare("twenty steps here", here, c.end);

    Ours resumed(c, c.middle);
    resumed.steps(1, 2);  // a state that has to go
    for (size_t k = 0; k < resumed.params.size(); ++k)
      resumed.params[k].detach().copy_(c.middle[k]);
    descent::load_python(*resumed.optimizer, c.file("middle"));
    resumed.steps(kSteps + 1, 2 * kSteps);
    compare("ten steps there, ten here", resumed, c.end);

    Ours own(c, c.middle);
    descent::load_python(*own.optimizer, c.file("back"));
    own.steps(kSteps + 1, 2 * kSteps);
    compare("ten steps here, saved for Python, ten here", own, c.end);
  }
  EXPECT_TRUE(python("check"));
  if (!HasFailure()) std::filesystem::remove_all(folder());
}

}  // namespace
}  // namespace python_both_ways_test
