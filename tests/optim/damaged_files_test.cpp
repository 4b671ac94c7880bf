// What a damaged file does: it is refused with c10::Error that names it, and nothing changes, or
// the damage lies where nobody reads and what was saved is read. Each case reads
// DESCENT_DAMAGED_COPIES copies, of which each differs from the file in one to four places.
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>

#include <caffe2/serialize/inline_container.h>
#include <gmock/gmock.h>
#include <torch/optim/sgd.h>
#include <torch/serialize.h>
#include <torch/serialize/archive.h>
#include <torch/types.h>
#include <unistd.h>

#include <descent/base/atomic_file.h>

#include "../damage.h"
#include "checks.h"

namespace damaged_files_test {
namespace {

using namespace checks;
using testing::AllOf;
using testing::HasSubstr;
using torch::serialize::InputArchive;
using torch::serialize::OutputArchive;

class DamagedFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "descent-damage-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& bytes) const {
    damage::write(folder_ / "file", bytes);
    return folder_ / "file";
  }
  /// All that an object knows: equal ones write equal bytes.
  template <class T>
  static std::string bytes_of(const T& saver) {
    OutputArchive archive;
    saver.save(archive);
    std::ostringstream out;
    archive.save_to(out);
    return out.str();
  }

  /// Reads damaged copies of `bytes` into what `make` returns, by `load`; `text` says all that an
  /// object knows.
  template <class Make, class Load, class Text>
  void expect_no_harm(const std::string& bytes, const Make& make, const Load& load,
                      const Text& text) {
    auto object = make();
    const std::string untouched = text(*object);
    load(*object, write(bytes));
    const std::string whole = text(*object);
    ASSERT_NE(whole, untouched);
    object = make();
    int refused = 0, same = 0;
    for (uint32_t seed = 0; seed < damage::copies(); ++seed) {
      write(damage::copy_of(bytes, seed));
      try {
        load(*object, folder_ / "file");
      } catch (const c10::Error& error) {
        ++refused;
        ASSERT_EQ(text(*object), untouched) << seed << " was refused after a change";
        ASSERT_THAT(error.what_without_backtrace(), HasSubstr((folder_ / "file").string() + ": "));
        continue;
      }
      ASSERT_EQ(text(*object), whole) << seed << " was read as other values";
      ++same;
      object = make();
    }
    RecordProperty("refused", refused);
    RecordProperty("read as saved", same);
    EXPECT_GT(refused, same);
  }

  /// The same for what saves and loads itself by archives.
  template <class T, class Make>
  void expect_no_harm(const T& trained, const Make& make) {
    expect_no_harm(
        bytes_of(trained), make,
        [](auto& object, const auto& path) { descent::load(object, path); },
        [](const auto& object) { return bytes_of(object); });
  }

  std::filesystem::path folder_;
};

at::Tensor leaf() { return at::ones({3}, at::kFloat).requires_grad_(); }

Training trained(const char* rule = "adamw", int64_t steps = 3) {
  Training run(descent::find_rule(rule), {}, parameters({{3}, {2, 2}}, at::kFloat));
  run.steps(1, steps);
  return run;
}

TEST_F(DamagedFile, OfAnOptimizerDoesNoHarm) {
  const Training run = trained();
  expect_no_harm(*run.optimizer, [] {
    return descent::make_optimizer("adamw", parameters({{3}, {2, 2}}, at::kFloat));
  });
}

TEST_F(DamagedFile, OfAnOptimizerWithSlowWeightsAndScalarsDoesNoHarm) {
  for (const char* rule : {"ranger", "nadam"}) {
    const Training run = trained(rule, 7);
    expect_no_harm(*run.optimizer, [rule] {
      return descent::make_optimizer(rule, parameters({{3}, {2, 2}}, at::kFloat));
    });
  }
}

TEST_F(DamagedFile, OfAWrapperDoesNoHarm) {
  const auto make = [] {
    return std::make_unique<descent::Lookahead>(
        descent::GradientNoise(descent::SGD({leaf()}, {.lr = 0.1, .momentum = 0.5})));
  };
  const auto opt = make();
  const at::Tensor& p = opt->param_groups()[0].params()[0];
  for (int i = 0; i < 7; ++i) {
    p.mutable_grad() = at::ones({3});
    opt->step();
  }
  expect_no_harm(*opt, make);
}

/// A Scheduler that has yet to begin; all of them drive one optimizer.
std::unique_ptr<descent::Scheduler> scheduler_of(torch::optim::Optimizer& opt) {
  opt.param_groups()[0].options().set_lr(1);
  return std::make_unique<descent::Scheduler>(opt, descent::StepLR{.step_size = 2});
}

TEST_F(DamagedFile, OfASchedulerDoesNoHarm) {
  descent::SGD opt({leaf()}, {.lr = 1}), other({leaf()}, {.lr = 1});
  const auto scheduler = scheduler_of(opt);
  for (int i = 0; i < 5; ++i) scheduler->step();
  expect_no_harm(*scheduler, [&] { return scheduler_of(other); });
}

TEST_F(DamagedFile, OfAPlateauDoesNoHarm) {
  descent::SGD opt({leaf()}, {.lr = 1});
  const auto make = [&opt] { return std::make_unique<descent::ReduceLROnPlateau>(opt); };
  const auto plateau = make();
  for (const double loss : {3.0, 2.0, 2.5}) plateau->step(loss);
  expect_no_harm(*plateau, make);
}

TEST_F(DamagedFile, OfAnAverageDoesNoHarm) {
  const std::vector<at::Tensor> weights{leaf(), leaf()};
  const auto make = [&weights] {
    return std::make_unique<descent::ExponentialMovingAverage>(
        weights, descent::ExponentialMovingAverage::Options{.decay = 0.5});
  };
  const auto average = make();
  weights[0].detach().add_(1);
  average->update();
  average->update();
  expect_no_harm(*average, make);
}

TEST_F(DamagedFile, OfEarlyStoppingDoesNoHarm) {
  const std::vector<at::Tensor> weights{leaf()};
  const auto make = [&weights] {
    return std::make_unique<descent::EarlyStopping>(
        descent::EarlyStopping::Options{.patience = 3, .restore_best = true}, weights);
  };
  const auto stop = make();
  for (const double loss : {3.0, 2.0, 2.5}) stop->check(loss);
  expect_no_harm(*stop, make);
}

TEST_F(DamagedFile, OfPythonDoesNoHarm) {
  const Training run = trained();
  descent::save_python(*run.optimizer, folder_ / "python");
  expect_no_harm(
      descent::read_file(folder_ / "python"),
      [] {
        return descent::make_optimizer("adamw", parameters({{3}, {2, 2}}, at::kFloat));
      },
      [](auto& optimizer, const auto& path) { descent::load_python(optimizer, path); },
      [](const auto& optimizer) { return bytes_of(optimizer); });
}

TEST_F(DamagedFile, OfPythonsSchedulerDoesNoHarm) {
  descent::SGD opt({leaf()}, {.lr = 1}), other({leaf()}, {.lr = 1});
  const auto scheduler = scheduler_of(opt);
  for (int i = 0; i < 5; ++i) scheduler->step();
  descent::save_python(*scheduler, folder_ / "python");
  expect_no_harm(
      descent::read_file(folder_ / "python"), [&] { return scheduler_of(other); },
      [](auto& object, const auto& path) { descent::load_python(object, path); },
      [](const auto& object) { return bytes_of(object); });
}

/// A value of an archive, or none, in place of one.
using Change = std::function<std::optional<c10::IValue>(const std::string&, const c10::IValue&)>;

void copy(InputArchive& in, OutputArchive& out, const Change& change) {
  for (const auto& key : in.keys()) {
    c10::IValue value;
    in.read(key, value);
    if (value.isObject()) {
      InputArchive inner;
      in.read(key, inner);
      OutputArchive changed(out.compilation_unit());
      copy(inner, changed, change);
      out.write(key, changed);
    } else if (const auto changed = change(key, value)) {
      out.write(key, *changed);
    }
  }
}
std::string copy_of(const std::string& bytes, const Change& change) {
  InputArchive in;
  in.load_from(bytes.data(), bytes.size());
  OutputArchive out;
  copy(in, out, change);
  std::ostringstream stream;
  out.save_to(stream);
  return stream.str();
}

c10::IValue another(const c10::IValue& value) {
  if (value.isInt()) return value.toInt() + 1;
  if (value.isString()) return value.toStringRef() + "x";
  if (value.isIntList()) {
    auto list = value.toIntVector();
    list[0] += 1;
    return list;
  }
  if (value.isList()) {
    c10::List<std::string> list;
    for (const c10::IValue& text : value.toListRef()) list.push_back(text.toStringRef() + "x");
    return list;
  }
  for (const auto& entry : value.toGenericDict()) entry.value().toTensor().add_(1);
  return value;
}

TEST(Archives, WithAValueThatIsNotTheSavedOneAreRefusedByItsName) {
  const Training run = trained();
  std::ostringstream stream;
  torch::save(static_cast<const torch::optim::Optimizer&>(*run.optimizer), stream);
  const std::string bytes = stream.str();
  InputArchive archive;
  archive.load_from(bytes.data(), bytes.size());
  const auto keys = archive.keys();
  EXPECT_THAT(keys,
              testing::UnorderedElementsAre("format", "optimizer", "options", "sizes", "shapes",
                                            "steps", "state", "checked", "checksums"));
  for (const auto& wrong : keys)
    for (const bool gone : {true, false}) {
      const std::string changed =
          copy_of(bytes, [&](const auto& key, const auto& value) -> std::optional<c10::IValue> {
            if (key != wrong) return value;
            if (gone) return {};
            return another(value);
          });
      InputArchive in;
      in.load_from(changed.data(), changed.size());
      std::string message;
      try {
        run.optimizer->load(in);
      } catch (const c10::Error& error) {
        message = error.what_without_backtrace();
      }
      const bool of_all = wrong == "checked" || wrong == "checksums";
      EXPECT_THAT(message, HasSubstr(of_all ? "AdamW: the archive"
                                            : "AdamW: the archive's " + wrong + " is damaged"))
          << wrong << (gone ? " is gone" : " is another");
    }
}

TEST(Archives, OfBeforeThereWereChecksumsAreRead) {
  const auto make = [] {
    return descent::Lookahead(descent::SGD({leaf()}, {.lr = 0.5, .momentum = 0.5}));
  };
  descent::Lookahead whole = make();
  for (int i = 0; i < 7; ++i) {
    whole.param_groups()[0].params()[0].mutable_grad() = at::ones({3});
    whole.step();
  }
  std::ostringstream stream;
  torch::save(static_cast<const torch::optim::Optimizer&>(whole), stream);
  int left_out = 0;
  const std::string before =
      copy_of(stream.str(), [&](const auto& key, const auto& value) -> std::optional<c10::IValue> {
        if (key != "checked" && key != "checksums") return value;
        ++left_out;
        return {};
      });
  EXPECT_EQ(left_out, 4);  // of the wrapper and of the optimizer inside
  descent::Lookahead resumed = make();
  InputArchive in;
  in.load_from(before.data(), before.size());
  resumed.load(in);
  std::ostringstream again;
  torch::save(static_cast<const torch::optim::Optimizer&>(resumed), again);
  EXPECT_EQ(again.str(), stream.str());
}

TEST_F(DamagedFile, OfLibTorchsOwnIsRefused) {
  torch::optim::SGD theirs({leaf()}, torch::optim::SGDOptions(0.5).momentum(0.5));
  std::string bytes = bytes_of(theirs);
  const size_t middle = bytes.find("data.pkl") + 100;
  bytes[middle] = static_cast<char>(bytes[middle] ^ 1);
  try {
    descent::load(theirs, write(bytes));
    ADD_FAILURE() << "read a damaged file";
  } catch (const c10::Error& error) {
    EXPECT_THAT(error.what_without_backtrace(),
                AllOf(HasSubstr("is no complete checkpoint: "), HasSubstr("is damaged")));
  }
}

TEST_F(DamagedFile, ThatLibTorchCannotParseIsRefusedAsAllOthersAre) {
  // The checksums are right, so that LibTorch's parser meets the text. What it throws is no
  // c10::Error.
  const std::filesystem::path whole = folder_ / "whole", changed = folder_ / "changed";
  descent::save(*trained().optimizer, whole);
  caffe2::serialize::PyTorchStreamReader reader(whole.string());
  caffe2::serialize::PyTorchStreamWriter writer(changed.string());
  for (const std::string& name : reader.getAllRecords()) {
    if (name == ".data/serialization_id") continue;  // the writer adds it
    const auto [data, size] = reader.getRecord(name);
    std::string text(static_cast<const char*>(data.get()), size);
    if (name.ends_with(".py")) text = "class class\n";
    writer.writeRecord(name, text.data(), text.size());
  }
  writer.writeEndOfFile();
  auto optimizer = trained().optimizer;
  const std::string before = bytes_of(*optimizer);
  EXPECT_THROW(torch::load(*optimizer, changed.string()), std::runtime_error);
  try {
    descent::load(*optimizer, changed);
    ADD_FAILURE() << "read what is no archive";
  } catch (const c10::Error& error) {
    EXPECT_THAT(error.what_without_backtrace(),
                HasSubstr(changed.string() + ": is no complete checkpoint: "));
  }
  EXPECT_EQ(bytes_of(*optimizer), before);
}

TEST_F(DamagedFile, ThatIsMissingIsNamedOnce) {
  auto optimizer = trained().optimizer;
  try {
    descent::load(*optimizer, folder_ / "missing");
    ADD_FAILURE() << "read a file that is not there";
  } catch (const c10::Error& error) {
    EXPECT_THAT(error.what_without_backtrace(),
                testing::MatchesRegex((folder_ / "missing").string() + ": cannot read: [^:]*"));
  }
}

}  // namespace
}  // namespace damaged_files_test
