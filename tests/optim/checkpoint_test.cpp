// Checkpoints: what is written, what is read back, and what is refused with nothing changed.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <torch/optim/optimizer.h>
#include <torch/serialize.h>
#include <torch/serialize/archive.h>
#include <torch/types.h>

#include "checks.h"

namespace checkpoint_test {
namespace {

using namespace checks;
using testing::AllOf;
using testing::HasSubstr;
using torch::serialize::InputArchive;
using torch::serialize::OutputArchive;

const Shapes kShapes{{3, 7}, {5}, {}};

std::string saved(const torch::optim::Optimizer& optimizer) {
  std::ostringstream out;
  torch::save(optimizer, out);
  return out.str();
}

void load_from(torch::optim::Optimizer& optimizer, const std::string& bytes) {
  std::istringstream in(bytes);
  torch::load(optimizer, in);
}

std::string bytes_of(OutputArchive& archive) {
  std::ostringstream out;
  archive.save_to(out);
  return out.str();
}

/// Everything that a load could change.
struct Snapshot {
  std::vector<at::Tensor> tensors;
  std::vector<std::string> options;

  explicit Snapshot(descent::OptimizerBase& optimizer) : tensors(everything(optimizer)) {
    for (size_t g = 0; g < optimizer.param_groups().size(); ++g)
      options.push_back(optimizer.group_options(g).text());
  }
};

/// The message with which a load is refused; fails the test unless nothing has changed.
std::string refusal(descent::OptimizerBase& optimizer, const std::string& bytes) {
  const Snapshot before(optimizer);
  std::string message;
  try {
    load_from(optimizer, bytes);
  } catch (const c10::Error& error) {
    message = error.what_without_backtrace();
  }
  const Snapshot after(optimizer);
  EXPECT_EQ(difference(after.tensors, before.tensors), "") << message;
  EXPECT_EQ(after.options, before.options) << message;
  return message;
}

/// An optimizer that has gone some way.
struct Trained : Training {
  explicit Trained(const char* key, const OptionValues& options = {},
                   const Shapes& shapes = kShapes, at::ScalarType type = at::kFloat,
                   int64_t steps = 3)
      : Training(descent::find_rule(key), options, parameters(shapes, type)) {
    this->steps(1, steps);
  }
};

/// The pieces of an archive of Lion with one parameter of three elements, to be spoilt one by one.
struct ByHand {
  c10::IValue format = int64_t{1};
  c10::IValue optimizer = std::string("lion");
  c10::IValue options = c10::List<std::string>({"lr=0.25,betas=[0.5, 0.75]"});
  c10::IValue sizes = c10::List<int64_t>({1});
  c10::IValue shapes = c10::List<std::string>({"[3]"});
  c10::IValue steps = c10::List<int64_t>({7});
  c10::Dict<std::string, at::Tensor> state;

  ByHand() { state.insert("0.exp_avg", at::full({3}, 0.5)); }

  std::string bytes(const std::string& without = "") const {
    OutputArchive archive;
    const auto write = [&](const std::string& key, const c10::IValue& value) {
      if (key != without) archive.write(key, value);
    };
    write("format", format);
    write("optimizer", optimizer);
    write("options", options);
    write("sizes", sizes);
    write("shapes", shapes);
    write("steps", steps);
    write("state", c10::IValue(state));
    return bytes_of(archive);
  }
};

std::string refusal_by_lion(const std::string& bytes) {
  Trained lion("lion", {{"lr", 0.125}}, {{3}});
  const std::string message = refusal(*lion.optimizer, bytes);
  EXPECT_THAT(message, testing::AnyOf(testing::IsEmpty(), HasSubstr("Lion: ")));
  return message;
}

TEST(Checkpoints, AreWrittenAndReadAsFiles) {
  const auto path = std::filesystem::temp_directory_path() / "descent_checkpoint_test.pt";
  for (const RuleTable* rule : descent::optimizers()) {
    Trained whole(rule->about.key, {{"lr", 0.05}}, kShapes, at::kFloat, 5);
    descent::save(*whole.optimizer, path);
    std::vector<at::Tensor> params;
    for (const auto& p : whole.params) params.push_back(p.detach().clone().requires_grad_());
    whole.steps(6, 10);
    Training resumed(*rule, {}, params);
    descent::load(*resumed.optimizer, path);
    resumed.steps(6, 10);
    EXPECT_EQ(difference(resumed.everything(), whole.everything()), "") << rule->about.name;
  }
  std::filesystem::remove(path);
}

TEST(Checkpoints, AreTheSameBytesForEqualOptimizers) {
  for (const RuleTable* rule : descent::optimizers()) {
    const Trained one(rule->about.key);
    const std::string bytes = saved(*one.optimizer);
    EXPECT_EQ(saved(*one.optimizer), bytes) << rule->about.name;
    const std::vector<at::Tensor> between = parameters({{1000}, {3}}, at::kFloat);
    const Trained other(rule->about.key);
    EXPECT_EQ(saved(*other.optimizer), bytes) << rule->about.name;
    Trained more(rule->about.key);
    more.steps(4, 4);
    EXPECT_NE(saved(*more.optimizer), bytes) << rule->about.name;
  }
}

TEST(Checkpoints, HoldTheOptionsOfEveryGroup) {
  const auto params = parameters(kShapes, at::kFloat);
  descent::AdamW opt({params[0]}, {.lr = 0.1 + 0.2, .amsgrad = true});
  opt.add_group({params[1], params[2]}, [](auto& o) { o.eps_mode = descent::EpsMode::Hat; });
  set_gradients(params, 1);
  opt.step();
  const auto fresh = parameters(kShapes, at::kFloat, 1);
  descent::AdamW loaded({fresh[0]});
  loaded.add_group({fresh[1], fresh[2]});
  load_from(loaded, saved(opt));
  EXPECT_EQ(loaded.options(0).lr, 0.1 + 0.2);
  EXPECT_TRUE(loaded.options(0).amsgrad);
  EXPECT_EQ(loaded.options(0).eps_mode, descent::EpsMode::Outside);
  EXPECT_EQ(loaded.options(1).eps_mode, descent::EpsMode::Hat);
  EXPECT_EQ(loaded.group_options(1).text(), opt.group_options(1).text());
  EXPECT_EQ(saved(loaded), saved(opt));
}

TEST(Checkpoints, OfNothingYetClearWhatWasThere) {
  const Trained untouched("adamw", {}, kShapes, at::kFloat, 0);
  Trained used("adamw");
  load_from(*used.optimizer, saved(*untouched.optimizer));
  for (const auto& p : used.params) EXPECT_EQ(used.optimizer->state_of(p), nullptr);
}

TEST(Checkpoints, KeepParametersWithoutStateWithoutState) {
  const auto build = [] {
    auto params = parameters({{3}, {4}}, at::kFloat);
    params[0].mutable_grad() = at::ones({3});
    return params;
  };
  const auto params = build();
  descent::Lion opt(params);
  opt.step();
  const auto again = build();
  descent::Lion loaded(again);
  again[1].mutable_grad() = at::ones({4});
  loaded.step();
  load_from(loaded, saved(opt));
  EXPECT_EQ(loaded.state_of(again[0])->step(), 1);
  EXPECT_EQ(loaded.state_of(again[1]), nullptr);
}

TEST(Checkpoints, AreCastToTheTypeOfTheParameters) {
  const OptionValues as_parameters{{"state_dtype", "param"}};
  for (const auto& [from, to, options, kept] :
       {std::tuple{at::kDouble, at::kFloat, OptionValues{}, at::kFloat},
        {at::kFloat, at::kDouble, OptionValues{}, at::kDouble},
        {at::kFloat, at::kBFloat16, as_parameters, at::kBFloat16},
        {at::kFloat, at::kBFloat16, OptionValues{}, at::kFloat},
        {at::kHalf, at::kFloat, as_parameters, at::kFloat},
        {at::kHalf, at::kFloat, OptionValues{}, at::kFloat}}) {
    const Trained source("adamw", options, kShapes, from);
    Trained target("adamw", options, kShapes, to, 0);
    load_from(*target.optimizer, saved(*source.optimizer));
    for (size_t i = 0; i < kShapes.size(); ++i) {
      auto& wanted = source.optimizer->state_of(source.params[i])->buffer("exp_avg");
      auto& found = target.optimizer->state_of(target.params[i])->buffer("exp_avg");
      EXPECT_EQ(found.scalar_type(), kept);
      EXPECT_TRUE(same_bits(found, wanted.to(kept)));
    }
    target.steps(4, 5);
    EXPECT_EQ(target.optimizer->state_of(target.params[0])->step(), 5);
  }
}

TEST(Checkpoints, TakeTheLayoutOfTheParameters) {
  Trained source("adamw", {{"lr", 0.1}}, {{6, 4}});
  const at::Tensor turned = source.params[0].detach().t().contiguous().t().requires_grad_();
  Training target(descent::find_rule("adamw"), {}, {turned});
  load_from(*target.optimizer, saved(*source.optimizer));
  EXPECT_EQ(target.optimizer->state_of(turned)->buffer("exp_avg").strides(), turned.strides());
  source.steps(4, 6);
  target.steps(4, 6);
  EXPECT_TRUE(same_bits(turned, source.params[0]));
}

TEST(Checkpoints, DoNotShareMemoryWithWhatTheyWereReadFrom) {
  Trained one("lion"), two("lion");
  OutputArchive out;
  one.optimizer->save(out);
  const std::string bytes = bytes_of(out);
  InputArchive in;
  in.load_from(bytes.data(), bytes.size());
  two.optimizer->load(in);
  Trained three("lion");
  three.optimizer->load(in);
  two.steps(4, 4);
  three.steps(4, 4);
  EXPECT_EQ(difference(two.everything(), three.everything()), "");
}

TEST(Checkpoints, ReadWhatAHandWroteByTheFormatsDescription) {
  Trained lion("lion", {{"lr", 0.125}}, {{3}});
  load_from(*lion.optimizer, ByHand().bytes());
  auto* state = lion.optimizer->state_of(lion.params[0]);
  EXPECT_EQ(state->step(), 7);
  EXPECT_TRUE(at::equal(state->buffer("exp_avg"), at::full({3}, 0.5)));
  EXPECT_EQ(lion.optimizer->group_options().get_lr(), 0.25);
}

TEST(DamagedCheckpoints, OfAnyLengthAreRefused) {
  Trained opt("adamw");
  const std::string bytes = saved(*opt.optimizer);
  Trained other("adamw", {{"lr", 0.5}}, kShapes, at::kFloat, 2);
  const auto path = std::filesystem::temp_directory_path() / "descent_damaged_checkpoint_test.pt";
  for (const size_t length : {size_t{0}, size_t{1}, size_t{100}, bytes.size() / 4, bytes.size() / 2,
                              3 * bytes.size() / 4, bytes.size() - 22, bytes.size() - 1}) {
    EXPECT_NE(refusal(*other.optimizer, bytes.substr(0, length)), "") << length;
    const Snapshot before(*other.optimizer);
    std::ofstream(path, std::ios::binary) << bytes.substr(0, length);
    try {
      descent::load(*other.optimizer, path);
      ADD_FAILURE() << "read a file of " << length << " bytes";
    } catch (const c10::Error& error) {
      EXPECT_THAT(error.what_without_backtrace(), HasSubstr(path.string()));
    }
    EXPECT_EQ(difference(everything(*other.optimizer), before.tensors), "");
  }
  std::filesystem::remove(path);
}

TEST(DamagedCheckpoints, ThatAreNoArchiveAreRefused) {
  Trained opt("adamw");
  EXPECT_NE(refusal(*opt.optimizer, "this is not an archive"), "");
  EXPECT_NE(refusal(*opt.optimizer, std::string(5000, '\xff')), "");
  EXPECT_NE(refusal(*opt.optimizer, "PK\x03\x04" + std::string(5000, 'x')), "");
}

TEST(DamagedCheckpoints, ThatAreMissingAreNamed) {
  Trained opt("adamw");
  try {
    descent::load(*opt.optimizer, "/no/such/folder/checkpoint.pt");
    ADD_FAILURE() << "read a file that is not there";
  } catch (const std::exception& error) {
    EXPECT_THAT(error.what(), HasSubstr("/no/such/folder/checkpoint.pt"));
  }
  try {
    descent::save(*opt.optimizer, "/no/such/folder/checkpoint.pt");
    ADD_FAILURE() << "wrote a file into a folder that is not there";
  } catch (const std::exception& error) {
    EXPECT_THAT(error.what(), HasSubstr("/no/such/folder"));
  }
}

TEST(ForeignCheckpoints, OfAnotherClassAreRefused) {
  for (const RuleTable* rule : descent::optimizers()) {
    Trained opt(rule->about.key);
    for (const RuleTable* other : descent::optimizers()) {
      if (other == rule) continue;
      const Trained source(other->about.key);
      EXPECT_THAT(refusal(*opt.optimizer, saved(*source.optimizer)),
                  AllOf(HasSubstr(rule->about.name), HasSubstr(other->about.key)));
    }
  }
}

TEST(ForeignCheckpoints, OfOneTensorAreRefused) {
  Trained opt("adamw");
  std::ostringstream tensor;
  torch::save(at::ones({3}), tensor);
  EXPECT_THAT(refusal(*opt.optimizer, tensor.str()), HasSubstr("AdamW: the archive has no format"));
}

TEST(ForeignCheckpoints, OfOtherShapesAreRefused) {
  for (const RuleTable* rule : descent::optimizers()) {
    const Trained source(rule->about.key);
    Trained turned(rule->about.key, {{"lr", 0.5}}, {{7, 4}, {5}, {}});
    EXPECT_NE(refusal(*turned.optimizer, saved(*source.optimizer)), "") << rule->about.name;
    if (has_option(*rule, "algorithm")) continue;  // its parameters stand in two groups already
    Trained fewer(rule->about.key, {{"lr", 0.5}}, {{3, 7}, {5}});
    EXPECT_THAT(refusal(*fewer.optimizer, saved(*source.optimizer)),
                HasSubstr("has 3 parameters in group 0, must have 2"));
    Trained two_groups(rule->about.key, {{"lr", 0.5}}, {{3, 7}, {5}});
    two_groups.optimizer->add_group({at::ones({})});
    EXPECT_THAT(refusal(*two_groups.optimizer, saved(*source.optimizer)),
                HasSubstr("has 1 groups, must have 2"));
  }
}

TEST(ForeignCheckpoints, OfANewerFormatAreRefused) {
  ByHand archive;
  archive.format = int64_t{2};
  EXPECT_THAT(refusal_by_lion(archive.bytes()), AllOf(HasSubstr("format 2"), HasSubstr("newer")));
  archive.format = int64_t{0};
  EXPECT_THAT(refusal_by_lion(archive.bytes()), HasSubstr("format 0"));
  archive.format = std::string("1");
  EXPECT_NE(refusal_by_lion(archive.bytes()), "");
}

TEST(ForeignCheckpoints, ThatLackAPartAreRefused) {
  for (const char* part : {"format", "optimizer", "options", "sizes", "shapes", "steps", "state"})
    EXPECT_THAT(refusal_by_lion(ByHand().bytes(part)), HasSubstr(part));
}

TEST(ForeignCheckpoints, WithOptionsOutOfRangeAreRefused) {
  for (const auto& [text, message] : {std::pair{"lr=-1", "lr = -1, must be finite and >= 0"},
                                      {"betas=[0.5, 1]", "betas = [0.5, 1]"},
                                      {"lr=nan", "lr = nan"},
                                      {"learning_rate=1", "has no option learning_rate"},
                                      {"decay_mode=sideways", "decay_mode = sideways"},
                                      {"lr", "cannot be read"}}) {
    ByHand archive;
    archive.options = c10::List<std::string>({text});
    EXPECT_THAT(refusal_by_lion(archive.bytes()), HasSubstr(message)) << text;
  }
  ByHand archive;
  archive.options = c10::List<int64_t>({1});
  EXPECT_NE(refusal_by_lion(archive.bytes()), "");
  archive.options = c10::List<std::string>({"lr=1", "lr=1"});
  EXPECT_NE(refusal_by_lion(archive.bytes()), "");
}

TEST(ForeignCheckpoints, WithOtherShapesAreRefusedAlsoWithoutAState) {
  ByHand archive;
  archive.shapes = c10::List<std::string>({"[3, 1]"});
  EXPECT_THAT(refusal_by_lion(archive.bytes()),
              HasSubstr("params[0] has sizes [3, 1], must be [3]"));
  archive.shapes = c10::List<std::string>({"[3]", "[3]"});
  EXPECT_THAT(refusal_by_lion(archive.bytes()), HasSubstr("shapes of 2"));
}

TEST(ForeignCheckpoints, WithImpossibleStepsAreRefused) {
  ByHand archive;
  archive.steps = c10::List<int64_t>({-5});
  EXPECT_THAT(refusal_by_lion(archive.bytes()), HasSubstr("step = -5"));
  archive.steps = c10::List<int64_t>({1, 2});
  EXPECT_NE(refusal_by_lion(archive.bytes()), "");
  archive.steps = c10::List<double>({1.0});
  EXPECT_NE(refusal_by_lion(archive.bytes()), "");
}

TEST(ForeignCheckpoints, WithAStateThatDoesNotFitAreRefused) {
  const auto with = [](const char* key, const at::Tensor& value) {
    ByHand archive;
    archive.state.insert(key, value);
    return refusal_by_lion(archive.bytes());
  };
  EXPECT_THAT(with("1.exp_avg", at::ones({3})), HasSubstr("params[1]"));
  EXPECT_THAT(with("0.exp_avg_sq", at::ones({3})), HasSubstr("exp_avg_sq"));
  EXPECT_NE(with("0", at::ones({3})), "");
  EXPECT_NE(with("exp_avg", at::ones({3})), "");
  EXPECT_NE(with("-1.exp_avg", at::ones({3})), "");
  EXPECT_NE(with("99999999999999999999.exp_avg", at::ones({3})), "");
  EXPECT_NE(with("0x.exp_avg", at::ones({3})), "");

  for (const at::Tensor& value :
       {at::ones({4}), at::ones({3, 1}), at::ones({}), at::ones({1}), at::ones({0})}) {
    ByHand archive;
    archive.state.insert_or_assign("0.exp_avg", value);
    EXPECT_THAT(refusal_by_lion(archive.bytes()), HasSubstr("exp_avg of params[0] has sizes"));
  }
  ByHand stateless;
  stateless.steps = c10::List<int64_t>({-1});
  EXPECT_THAT(refusal_by_lion(stateless.bytes()), HasSubstr("which has no state"));
}

TEST(ForeignCheckpoints, OfAFullMatrixWithAStateOfOtherSizesAreRefused) {
  for (const char* buffer : {"0.sum", "0.factor"}) {
    ByHand archive;
    archive.optimizer = std::string("full_adagrad");
    archive.options = c10::List<std::string>({"lr=0.25"});
    archive.state = c10::Dict<std::string, at::Tensor>();
    archive.state.insert(buffer, at::ones({4, 4}));
    Trained target("full_adagrad", {}, {{3}});
    EXPECT_THAT(refusal(*target.optimizer, archive.bytes()),
                AllOf(HasSubstr("FullAdagrad"), HasSubstr("wrong sizes")));
  }
}

TEST(ForeignCheckpoints, OfAFullMatrixOfOtherSizesAreRefused) {
  for (const char* method : {"eigen", "factor"}) {
    const Trained source("full_adagrad", {{"method", method}}, {{4}});
    Trained target("full_adagrad", {}, {{5}});
    EXPECT_THAT(refusal(*target.optimizer, saved(*source.optimizer)),
                AllOf(HasSubstr("FullAdagrad"), HasSubstr("has sizes [4], must be [5]")));
  }
}

TEST(Options, AreSerializedByThemselvesToo) {
  const descent::OptionValues values{{"lr", 0.3}, {"amsgrad", true}, {"maximize", true}};
  const auto options = descent::make_group_options(descent::find_rule("adamw"), values);
  OutputArchive out;
  std::as_const(*options).serialize(out);
  const std::string bytes = bytes_of(out);
  InputArchive in;
  in.load_from(bytes.data(), bytes.size());
  const auto read = descent::make_group_options(descent::find_rule("adamw"));
  read->serialize(in);
  EXPECT_EQ(descent::group_options(*read).text(), descent::group_options(*options).text());
}

TEST(States, AreSerializedAndClonedByThemselvesToo) {
  Trained opt("adamw", {{"amsgrad", true}});
  const descent::ParamState& state = *opt.optimizer->state_of(opt.params[0]);
  auto& object = *opt.optimizer->state().at(opt.params[0].unsafeGetTensorImpl());
  OutputArchive out;
  std::as_const(object).serialize(out);
  const std::string bytes = bytes_of(out);
  InputArchive in;
  in.load_from(bytes.data(), bytes.size());
  const auto& holders = descent::engine::holders_of(state.rule());
  const auto made = holders.make_state(holders, opt.params[0]);
  made->serialize(in);
  const auto copy = object.clone();
  auto& read = holders.own_part(*made);
  auto& cloned = holders.own_part(*copy);
  EXPECT_EQ(read.step(), state.step());
  EXPECT_EQ(cloned.step(), state.step());
  for (const char* name : {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"}) {
    const at::Tensor& original = holders.own_part(object).buffer(name);
    EXPECT_TRUE(same_bits(read.buffer(name), original));
    EXPECT_TRUE(same_bits(cloned.buffer(name), original));
    EXPECT_FALSE(cloned.buffer(name).is_alias_of(original));
  }
}

}  // namespace
}  // namespace checkpoint_test
