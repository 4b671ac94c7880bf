// Trainings of schedulefree, prodigyopt, lion-pytorch and timm go on here. The files of packages/ were
// written by packages/make.py, which mimics these packages.
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <torch/types.h>
#include <unistd.h>

#include <descent/optim.h>
#include <descent/pickle/pickle.h>

#include "checks.h"

namespace python_packages {
namespace {

using testing::HasSubstr;

const std::filesystem::path kFolder = PACKAGES;
constexpr int64_t kSteps = 8, kMiddle = 4;

at::Tensor ways_of(const std::string& name) {
  descent::pickle::File file(kFolder / (name + ".pt"));
  const auto* const dict = std::get<descent::pickle::Dict*>(file.top());
  return file.tensor(*std::get<const descent::pickle::Stored*>(*dict->find("ways"))).clone();
}

std::vector<at::Tensor> parameters(const at::Tensor& flat) {
  std::vector<at::Tensor> list;
  int64_t first = 0;
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{4, 3}, {5}, {2, 2}}) {
    const int64_t n = c10::multiply_integers(shape);
    list.push_back(flat.narrow(0, first, n).reshape(shape).clone().requires_grad_());
    first += n;
  }
  return list;
}

at::Tensor flat(const std::vector<at::Tensor>& params) {
  std::vector<at::Tensor> parts;
  for (const at::Tensor& p : params) parts.push_back(p.detach().reshape(-1));
  return torch::cat(parts);
}

void set_gradients(const std::vector<at::Tensor>& params, int64_t t) {
  int64_t first = 0;
  for (const at::Tensor& p : params) {
    const at::Tensor i = torch::arange(first, first + p.numel(), at::kDouble).reshape(p.sizes());
    const at::Tensor x = p.detach();
    p.mutable_grad() = (1 + 0.5 * i) * x + 0.3 * (2 * x).sin() +
                       0.2 * (1.3 * static_cast<double>(t) + 0.7 * i).sin();
    first += p.numel();
  }
}

/// An optimizer whose last parameter is a group of its own, as in the files.
std::unique_ptr<descent::OptimizerBase> made(const std::string& key,
                                             const std::vector<at::Tensor>& params) {
  std::unique_ptr<descent::OptimizerBase> opt =
      descent::make_optimizer(key, {params[0], params[1]});
  opt->add_group({params[2]});
  return opt;
}

class PythonsPackages : public testing::TestWithParam<std::string> {
 protected:
  std::string key() const { return GetParam().substr(0, GetParam().find('.')); }
};
INSTANTIATE_TEST_SUITE_P(Read, PythonsPackages,
                         testing::Values("schedule_free_adamw", "schedule_free_sgd",
                                         "schedule_free_radam", "prodigy", "lion", "lion.timm",
                                         "lamb", "nadamw", "adan", "adopt", "adabelief", "laprop",
                                         "lars", "madgrad", "novograd", "rmsprop.timm", "sgd.timm"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST_P(PythonsPackages, GoOnAsTheyWouldThere) {
  const at::Tensor ways = ways_of(GetParam());
  const auto params = parameters(ways[kMiddle]);
  const auto opt = made(key(), params);
  const auto loaded = descent::load_python(*opt, kFolder / (GetParam() + ".pt"));
  EXPECT_THAT(loaded.passed_over, testing::IsEmpty());
  for (int64_t t = kMiddle + 1; t <= kSteps; ++t) {
    set_gradients(params, t);
    opt->step();
    EXPECT_TRUE(at::allclose(flat(params), ways[t], 1e-11, 1e-12))
        << "step " << t << ": " << (flat(params) - ways[t]).abs().max();
  }
}

TEST_P(PythonsPackages, AreRefusedByOtherRulesWithNothingChanged) {
  const std::string path = kFolder / (GetParam() + ".pt");
  for (const char* other : {"adamw", "adan", "prodigy", "schedule_free_sgd", "madgrad"}) {
    if (key() == other) continue;
    const auto params = parameters(ways_of(GetParam())[kMiddle]);
    const auto opt = made(other, params);
    const std::string before = opt->group_options().text();
    EXPECT_THAT([&] { descent::load_python(*opt, path); },
                testing::ThrowsMessage<c10::Error>(HasSubstr(GetParam() + ".pt: ")))
        << other;
    EXPECT_EQ(opt->group_options().text(), before) << other;
    EXPECT_EQ(opt->state_of(params[0]), nullptr) << other;
  }
}

// ---- what ours cannot do

/// A file as a package would have written it, with one group of one parameter of 3 numbers.
class Written {
 public:
  template <class Group, class State>
  Written(const Group& group, const State& state) {
    descent::pickle::Writer out;
    out.begin_dict();
    out.text("state");
    out.begin_dict();
    out.integer(0);
    out.begin_dict();
    state(out);
    out.end_dict();
    out.end_dict();
    out.text("param_groups");
    out.begin_list();
    out.begin_dict();
    group(out);
    out.text("params");
    out.begin_list();
    out.integer(0);
    out.end_list();
    out.end_dict();
    out.end_list();
    out.end_dict();
    std::ofstream stream(path_, std::ios::binary);
    out.write(stream);
  }
  ~Written() { std::filesystem::remove(path_); }
  Written(const Written&) = delete;
  Written& operator=(const Written&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// What an optimizer of the rule says to it.
  std::string refusal(const std::string& key) const {
    const auto opt = descent::make_optimizer(key, {torch::ones({3}, at::kDouble).requires_grad_()});
    try {
      descent::load_python(*opt, path_);
    } catch (const c10::Error& error) {
      return error.what_without_backtrace();
    }
    return "";
  }

 private:
  const std::filesystem::path path_ =
      std::filesystem::temp_directory_path() /
      ("descent_python_packages_test." + std::to_string(getpid()) + ".pt");
};

void pair(descent::pickle::Writer& out, const char* key, double a, double b) {
  out.text(key);
  out.begin_tuple();
  out.real(a);
  out.real(b);
  out.end_tuple();
}
void real(descent::pickle::Writer& out, const char* key, double x) {
  out.text(key);
  out.real(x);
}
void flag(descent::pickle::Writer& out, const char* key, bool x) {
  out.text(key);
  out.boolean(x);
}

TEST(PythonsPackages, AreRefusedWhereOursDoesOtherwise) {
  const auto lion = [](descent::pickle::Writer& out) {
    real(out, "lr", 0.1);
    pair(out, "betas", 0.9, 0.99);
    real(out, "weight_decay", 0);
  };
  const auto momentum = [](descent::pickle::Writer& out) {
    out.text("exp_avg");
    out.tensor(torch::ones({3}, at::kDouble));
  };
  EXPECT_EQ(Written(lion, momentum).refusal("lion"), "");
  EXPECT_THAT(Written(
                  [&](auto& out) {
                    lion(out);
                    real(out, "eps", 1e-8);
                  },
                  momentum)
                  .refusal("lion"),
              HasSubstr("group 0 of the archive has eps, which lion-pytorch's Lion has not"));
  EXPECT_THAT(Written(lion,
                      [](auto& out) {
                        out.text("exp_avg");
                        out.tensor(torch::ones({4}, at::kDouble));
                      })
                  .refusal("lion"),
              HasSubstr("the archive's exp_avg of params[0] has sizes [4], must be [3]"));
  EXPECT_THAT(Written(lion,
                      [](auto& out) {
                        out.text("buffer");
                        out.tensor(torch::ones({3}, at::kDouble));
                      })
                  .refusal("lion"),
              HasSubstr("the archive's state of params[0] has buffer"));
  EXPECT_THAT(Written(
                  [](auto& out) {
                    real(out, "lr", -0.1);
                    pair(out, "betas", 0.9, 0.99);
                    real(out, "weight_decay", 0);
                  },
                  momentum)
                  .refusal("lion"),
              HasSubstr("lr = -0.1"));

  const auto free = [](bool scheduled) {
    return [scheduled](descent::pickle::Writer& out) {
      for (const char* key : {"lr", "momentum"}) real(out, key, 0.5);
      for (const char* key : {"weight_decay", "warmup_steps", "r", "weight_lr_power"})
        real(out, key, 0);
      for (const char* key : {"k", "weight_sum", "lr_max"}) real(out, key, 1);
      flag(out, "train_mode", true);
      flag(out, "foreach", true);
      if (scheduled) real(out, "scheduled_lr", 0.5);
    };
  };
  const auto z = [](descent::pickle::Writer& out) {
    out.text("z");
    out.tensor(torch::ones({3}, at::kDouble));
  };
  EXPECT_EQ(Written(free(true), z).refusal("schedule_free_sgd"), "");
  EXPECT_THAT(Written(free(false), z).refusal("schedule_free_sgd"),
              HasSubstr("group 0 of the archive lacks scheduled_lr, must be as schedulefree's "
                        "SGDScheduleFree writes it"));

  const auto timm = [](bool adapt, double decay) {
    return [=](descent::pickle::Writer& out) {
      real(out, "lr", 0.1);
      pair(out, "betas", 0.9, 0.999);
      real(out, "eps", 1e-6);
      real(out, "weight_decay", decay);
      out.text("max_grad_norm");
      out.none();
      for (const char* key : {"bias_correction", "grad_averaging"}) flag(out, key, true);
      for (const char* key : {"trust_clip", "caution", "decoupled_decay", "corrected_weight_decay"})
        flag(out, key, false);
      flag(out, "always_adapt", adapt);
      real(out, "step", 3);
    };
  };
  const auto moments = [](descent::pickle::Writer& out) {
    for (const char* key : {"exp_avg", "exp_avg_sq"}) {
      out.text(key);
      out.tensor(torch::ones({3}, at::kDouble));
    }
  };
  EXPECT_EQ(Written(timm(true, 0), moments).refusal("lamb"), "");
  EXPECT_EQ(Written(timm(false, 0.1), moments).refusal("lamb"), "");
  EXPECT_THAT(Written(timm(false, 0), moments).refusal("lamb"),
              HasSubstr("always_adapt = false in group 0 of the archive, must be true"));
  EXPECT_THAT(Written(timm(true, 0), momentum).refusal("lamb"), HasSubstr("exp_avg_sq"));
}

TEST(PythonsPackages, AreReadWithWhatNewerVersionsWrite) {
  const auto nadamw = [](double threshold, bool corrected) {
    return [=](descent::pickle::Writer& out) {
      real(out, "lr", 0.1);
      pair(out, "betas", 0.9, 0.999);
      real(out, "eps", 1e-8);
      real(out, "weight_decay", 0.1);
      for (const char* key : {"maximize", "caution", "capturable"}) flag(out, key, false);
      flag(out, "corrected_weight_decay", corrected);
      real(out, "max_lr_snapshot", 0.5);
      if (threshold != 0) real(out, "clipping_threshold", threshold);
    };
  };
  const auto moments = [](descent::pickle::Writer& out) {
    real(out, "step", 3);
    for (const char* key : {"exp_avg", "exp_avg_sq"}) {
      out.text(key);
      out.tensor(torch::ones({3}, at::kDouble));
    }
  };
  EXPECT_THAT(Written(nadamw(1, false), moments).refusal("nadamw"),
              HasSubstr("clipping_threshold = 1 in group 0 of the archive, must be none"));
  for (const bool corrected : {false, true}) {
    const Written file(nadamw(0, corrected), moments);
    descent::NAdamW opt({torch::ones({3}, at::kDouble).requires_grad_()});
    EXPECT_THAT(descent::load_python(opt, file.path()).passed_over, testing::IsEmpty());
    const descent::BaseOptions base = opt.group_options().base();
    EXPECT_EQ(base.decay_scale,
              corrected ? descent::DecayScale::Corrected : descent::DecayScale::Lr);
    EXPECT_EQ(base.max_lr, corrected ? std::optional<double>(0.5) : std::nullopt);
  }
}

TEST(PythonsPackages, AreNotTakenForTheClassOfTorchOptimOfTheSameRule) {
  const auto sgd = [](bool of_timm) {
    return [=](descent::pickle::Writer& out) {
      for (const char* key : {"lr", "momentum", "weight_decay"}) real(out, key, 0.5);
      real(out, "dampening", 0);
      for (const char* key : {"nesterov", "maximize"}) flag(out, key, false);
      if (!of_timm) return;
      for (const char* key : {"caution", "corrected_weight_decay"}) flag(out, key, false);
    };
  };
  const auto momentum = [](descent::pickle::Writer& out) {
    out.text("momentum_buffer");
    out.tensor(torch::ones({3}, at::kDouble));
  };
  for (const bool of_timm : {false, true}) {
    const Written file(sgd(of_timm), momentum);
    descent::SGD opt({torch::ones({3}, at::kDouble).requires_grad_()}, 0.1);
    descent::load_python(opt, file.path());
    EXPECT_EQ(opt.options().decay_mode,
              of_timm ? descent::DecayMode::Decoupled : descent::DecayMode::Coupled);
  }
  const auto laprop = [](double decay) {
    return [=](descent::pickle::Writer& out) {
      real(out, "lr", 0.1);
      pair(out, "betas", 0.9, 0.999);
      real(out, "eps", 1e-8);
      real(out, "weight_decay", decay);
      for (const char* key : {"caution", "corrected_weight_decay"}) flag(out, key, false);
    };
  };
  const auto moments = [](descent::pickle::Writer& out) {
    for (const char* key : {"step", "exp_avg_lr_1", "exp_avg_lr_2"}) real(out, key, 1);
    for (const char* key : {"exp_avg", "exp_avg_sq"}) {
      out.text(key);
      out.tensor(torch::ones({3}, at::kDouble));
    }
  };
  EXPECT_EQ(Written(laprop(0), moments).refusal("laprop"), "");
  EXPECT_THAT(Written(laprop(0.1), moments).refusal("laprop"),
              HasSubstr("weight_decay = 0.1 in group 0 of the archive, must be 0"));
}

TEST(PythonsPackages, AreReadInTheModeThatTheyWereSavedIn) {
  const auto written = [](bool training) {
    return Written(
        [training](descent::pickle::Writer& out) {
          for (const char* key : {"lr", "momentum"}) real(out, key, 0.5);
          for (const char* key : {"weight_decay", "warmup_steps", "r", "weight_lr_power"})
            real(out, key, 0);
          for (const char* key : {"k", "weight_sum", "lr_max", "scheduled_lr"}) real(out, key, 1);
          flag(out, "train_mode", training);
          flag(out, "foreach", true);
        },
        [](descent::pickle::Writer& out) {
          out.text("z");
          out.tensor(torch::ones({3}, at::kDouble));
        });
  };
  for (const bool training : {false, true}) {
    const Written file = written(training);
    descent::ScheduleFreeSGD opt({torch::ones({3}, at::kDouble).requires_grad_()});
    descent::load_python(opt, file.path());
    EXPECT_EQ(opt.is_training(), training);
    EXPECT_EQ(opt.remembered("weight_sum"), 1);
  }
}

}  // namespace
}  // namespace python_packages
