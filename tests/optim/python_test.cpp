// state_dicts of Python that a hand wrote: what is read of them, and what is refused with nothing
// changed. Those that Python itself wrote: python_both_ways_test.cpp.
#include <filesystem>
#include <fstream>
#include <optional>

#include <gmock/gmock.h>
#include <torch/types.h>
#include <unistd.h>

#include <descent/pickle/pickle.h>

#include "checks.h"

namespace python_test {
namespace {

using namespace checks;
using descent::pickle::Writer;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// A file in the temporary folder, gone at the end.
struct TemporaryFile {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("descent_python_test." + std::to_string(getpid()));
  ~TemporaryFile() { std::filesystem::remove(path); }
};

/// A value that a test writes.
using Piece = std::function<void(Writer&)>;
Piece real(double x) {
  return [x](Writer& out) { out.real(x); };
}
Piece integer(int64_t x) {
  return [x](Writer& out) { out.integer(x); };
}
Piece flag(bool x) {
  return [x](Writer& out) { out.boolean(x); };
}
Piece none() {
  return [](Writer& out) { out.none(); };
}
Piece text(const std::string& x) {
  return [x](Writer& out) { out.text(x); };
}
Piece tensor(const at::Tensor& x) {
  return [x](Writer& out) { out.tensor(x); };
}
Piece scalar(double x) { return tensor(at::scalar_tensor(x, at::kDouble)); }
Piece list(const std::vector<Piece>& items) {
  return [items](Writer& out) {
    out.begin_list();
    for (const auto& item : items) item(out);
    out.end_list();
  };
}

/// A dict, to be spoilt one key at a time.
struct Keys {
  std::vector<std::pair<Piece, Piece>> items;

  Keys& set(const std::string& name, Piece value) {
    erase(name);
    names_.push_back(name);
    items.emplace_back(text(name), std::move(value));
    return *this;
  }
  Keys& erase(const std::string& name) {
    for (size_t i = 0; i < names_.size(); ++i)
      if (names_[i] == name) {
        names_.erase(names_.begin() + static_cast<std::ptrdiff_t>(i));
        items.erase(items.begin() + static_cast<std::ptrdiff_t>(i));
      }
    return *this;
  }
  operator Piece() const {
    return [items = items](Writer& out) {
      out.begin_dict();
      for (const auto& [key, value] : items) {
        key(out);
        value(out);
      }
      out.end_dict();
    };
  }

 private:
  std::vector<std::string> names_;
};

/// What Python's Adam writes of two parameters of sizes [3] and [2, 2], of which only the first has
/// had a gradient.
struct Adam {
  Keys group, state, top;
  std::vector<std::pair<Piece, Piece>> states;
  std::vector<Piece> groups;

  Adam() {
    group.set("lr", real(0.25)).set("betas", list({real(0.5), real(0.75)})).set("eps", real(1e-3));
    group.set("weight_decay", integer(0)).set("amsgrad", flag(false)).set("maximize", flag(false));
    group.set("foreach", none()).set("capturable", flag(false)).set("differentiable", flag(false));
    group.set("fused", none()).set("decoupled_weight_decay", flag(false));
    group.set("params", list({integer(0), integer(1)}));
    state.set("step", scalar(7)).set("exp_avg", tensor(at::full({3}, 0.5)));
    state.set("exp_avg_sq", tensor(at::full({3}, 0.25)));
  }
  Piece piece() const {
    Keys all = top;
    Keys of_params;
    of_params.items = states;
    of_params.items.emplace_back(integer(0), state);
    all.set("state", of_params);
    auto every = groups;
    every.insert(every.begin(), group);
    all.set("param_groups", list(every));
    return all;
  }
};

void write(const std::filesystem::path& path, const Piece& piece) {
  Writer out;
  piece(out);
  std::ofstream stream(path, std::ios::binary);
  out.write(stream);
}

/// One of ours with parameters of these sizes that has gone some way.
Training trained(const std::string& rule, const Shapes& shapes = {{3}, {2, 2}}) {
  Training run(descent::find_rule(rule), {{"lr", 0.125}}, parameters(shapes, at::kFloat));
  run.steps(1, 2);
  return run;
}

/// The message with which a file is refused; fails the test unless nothing has changed.
std::string refusal(const Training& run, const std::filesystem::path& path,
                    const std::string& key = "") {
  const auto before = everything(*run.optimizer);
  const std::string options = run.optimizer->group_options().text();
  std::string message;
  try {
    descent::load_python(*run.optimizer, path, key);
  } catch (const c10::Error& error) {
    message = error.what_without_backtrace();
  }
  EXPECT_NE(message, "");
  EXPECT_THAT(message, testing::StartsWith(path.string() + ": "));
  EXPECT_EQ(difference(everything(*run.optimizer), before), "") << message;
  EXPECT_EQ(run.optimizer->group_options().text(), options) << message;
  return message;
}
std::string refusal(const Training& run, const Piece& piece, const std::string& key = "") {
  const TemporaryFile file;
  write(file.path, piece);
  return refusal(run, file.path, key);
}
std::string refusal(const Piece& piece, const std::string& key = "") {
  return refusal(trained("adam"), piece, key);
}

descent::LoadedPython load(Training& run, const Piece& piece, const std::string& key = "") {
  const TemporaryFile file;
  write(file.path, piece);
  return descent::load_python(*run.optimizer, file.path, key);
}

void expect_loaded(const Training& run) {
  const auto& options =
      *static_cast<const descent::Adam::Options*>(run.optimizer->group_options().value());
  EXPECT_EQ(options.lr, 0.25);
  EXPECT_EQ(options.betas, (std::array{0.5, 0.75}));
  EXPECT_EQ(options.eps, 1e-3);
  auto* state = run.optimizer->state_of(run.params[0]);
  ASSERT_NE(state, nullptr);
  EXPECT_EQ(state->step(), 7);
  EXPECT_TRUE(at::equal(state->buffer("exp_avg"), at::full({3}, 0.5)));
  EXPECT_TRUE(at::equal(state->buffer("exp_avg_sq"), at::full({3}, 0.25)));
  EXPECT_EQ(run.optimizer->state_of(run.params[1]), nullptr);
}

TEST(StateDicts, AreRead) {
  Training run = trained("adam");
  load(run, Adam().piece());
  expect_loaded(run);
}

TEST(StateDicts, AreReadInTheOrderOfTheListsOfParameters) {
  Training run = trained("adam", {{2, 2}, {3}});
  Adam adam;
  adam.group.set("params", list({integer(17), integer(0)}));
  load(run, adam.piece());
  EXPECT_EQ(run.optimizer->state_of(run.params[0]), nullptr);
  EXPECT_EQ(run.optimizer->state_of(run.params[1])->step(), 7);
}

TEST(StateDicts, OfOtherVersionsAndWithKeysOfSchedulersAreRead) {
  Adam adam;
  for (const char* later :
       {"maximize", "decoupled_weight_decay", "foreach", "fused", "capturable", "differentiable"})
    adam.group.erase(later);
  adam.group.set("initial_lr", real(0.5)).set("param_names", list({text("a"), text("b")}));
  adam.group.set("lr", tensor(at::scalar_tensor(0.25, at::kDouble)));
  adam.state.set("step", integer(7));
  Training run = trained("adam");
  load(run, adam.piece());
  expect_loaded(run);
  adam.group.set("fused", flag(true)).set("capturable", flag(true));
  load(run, adam.piece());
  expect_loaded(run);
}

TEST(StateDicts, AreReadWithWhatTrainingScriptsAddToGroupsWhichIsReturned) {
  Adam adam;
  adam.group.set("lr_scale", real(0.5)).set("group_name", text("layer_3"));
  adam.group.set("layer_decay", none()).set("max_lr", real(1)).set("fused", flag(true));
  Training run = trained("adam");
  EXPECT_THAT(load(run, adam.piece()).passed_over,
              ElementsAre("lr_scale", "group_name", "layer_decay", "max_lr"));
  expect_loaded(run);
  EXPECT_THAT(load(run, Adam().piece()).passed_over, IsEmpty());
}

TEST(StateDicts, ReturnTheFirstRatesIfAllGroupsHaveThem) {
  Keys first, second, file;
  for (Keys* group : {&first, &second})
    for (const char* key : {"lr", "momentum", "dampening", "weight_decay"})
      group->set(key, real(0.5));
  first.set("params", list({integer(0)})).set("nesterov", flag(false));
  second.set("params", list({integer(1)})).set("nesterov", flag(false)).set("lr_scale", real(1));
  const auto loaded = [&] {
    Training run = trained("sgd", {{3}});
    run.optimizer->add_group(parameters({{2}}, at::kFloat));
    Keys all;
    return load(run, all.set("state", Keys()).set("param_groups", list({first, second})));
  };
  EXPECT_THAT(loaded().initial_lrs, IsEmpty());
  second.set("initial_lr", tensor(at::scalar_tensor(0.25)));
  EXPECT_THAT(loaded().initial_lrs, IsEmpty());
  first.set("initial_lr", real(1));
  EXPECT_THAT(loaded().initial_lrs, ElementsAre(1, 0.25));
  EXPECT_THAT(loaded().passed_over, ElementsAre("lr_scale"));
}

TEST(StateDicts, OfTorchsOldFormatSayHowTheyAreSavedAnew) {
  // What torch.save(..., _use_new_zipfile_serialization=False) writes first.
  using namespace std::string_literals;
  const TemporaryFile file;
  std::ofstream(file.path, std::ios::binary)
      << "\x80\x02\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}q\0("s;
  const auto says = AllOf(HasSubstr("it has the format of torch.save before 1.6"),
                          HasSubstr("torch.save(torch.load(path), path)"));
  EXPECT_THAT(refusal(trained("adam"), file.path), says);
  const Training run = trained("adam");
  try {
    descent::load(*run.optimizer, file.path);
    ADD_FAILURE() << "read a file of Python as a checkpoint";
  } catch (const c10::Error& error) {
    EXPECT_THAT(error.what_without_backtrace(), AllOf(HasSubstr(file.path.string()), says));
  }
}

TEST(StateDicts, SetOptionsThatPythonHasNotToWhatPythonDoes) {
  Training run = trained("adam");
  run.optimizer->group_options().set({{"eps_mode", "hat"}, {"decay_mode", "decoupled"}});
  load(run, Adam().piece());
  EXPECT_THAT(run.optimizer->group_options().text(),
              AllOf(HasSubstr("eps_mode=outside"), HasSubstr("decay_mode=coupled")));
  Adam decoupled;
  decoupled.group.set("decoupled_weight_decay", flag(true));
  load(run, decoupled.piece());
  EXPECT_THAT(run.optimizer->group_options().text(), HasSubstr("decay_mode=decoupled"));
}

TEST(StateDicts, AreFoundInsideOtherDictsAndLists) {
  Keys inner, outer, model;
  model.set("weight", tensor(at::ones({3})));
  inner.set("model", model).set("optimizer", Adam().piece());
  outer.set("epoch", integer(3)).set("states", list({none(), inner}));
  Training run = trained("adam");
  load(run, outer);
  expect_loaded(run);
  for (const char* key : {"states.1.optimizer", "first", "with.dots"}) {
    Training named = trained("adam");
    Adam other;
    other.group.set("lr", real(0.5));
    Keys several = outer;
    several.set("first", key == std::string("first") ? Adam().piece() : other.piece());
    several.set("with.dots", key == std::string("with.dots") ? Adam().piece() : other.piece());
    load(named, several, key);
    expect_loaded(named);
  }
}

TEST(StateDicts, ThatAreNotThereAreRefusedWithWhatIsThere) {
  Keys file;
  file.set("optim_a", Adam().piece()).set("optim_b", Adam().piece()).set("epoch", integer(1));
  EXPECT_THAT(refusal(file), HasSubstr("holds 2 state_dicts of optimizers, optim_a, optim_b"));
  EXPECT_THAT(refusal(file, "optim_c"), AllOf(HasSubstr("key = optim_c"), HasSubstr("optim_a")));
  EXPECT_THAT(refusal(file, "epoch"), HasSubstr("no state_dict of an optimizer at key = epoch"));
  EXPECT_THAT(refusal(file, "optim_a.state.0.step.x"), HasSubstr("nothing at key"));
  EXPECT_THAT(refusal(Keys().set("epoch", integer(1))), HasSubstr("holds no state_dict"));
  EXPECT_THAT(refusal(integer(1)), HasSubstr("holds no state_dict"));
}

/// The most memory that the process has had since this was made, in bytes; none where Linux does not
/// say it.
class PeakMemory {
 public:
  PeakMemory() { std::ofstream("/proc/self/clear_refs") << '5'; }
  std::optional<int64_t> read() const {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("VmHWM:")) return 1024 * std::stoll(line.substr(6));
    return {};
  }
};

TEST(StateDicts, AreSoughtInAsMuchMemoryAsTheFileHas) {
  const std::string key(20'000, 'k');
  const std::vector<Piece> many(20'000, list({}));
  PeakMemory memory;
  const auto before = memory.read();
  if (!before) GTEST_SKIP() << "there is no /proc";
  EXPECT_THAT(refusal(Keys().set(key, list(many))), HasSubstr("holds no state_dict"));
  EXPECT_LT(*memory.read() - *before, 100'000'000);  // as names of 20,000 letters they are 400 MB
}

TEST(StateDicts, OfWhichThereAreManyAreNotAllNamed) {
  const std::vector<Piece> many(30, Adam().piece());
  EXPECT_THAT(refusal(Keys().set("runs", list({list(many)}))),
              HasSubstr("holds 30 state_dicts of optimizers, runs.0.0, runs.0.1, runs.0.2, "
                        "runs.0.3, runs.0.4, runs.0.5, runs.0.6, runs.0.7, runs.0.8, runs.0.9, "
                        "...; one must be named as key"));
}

TEST(StateDicts, WithMissingOrUnknownKeysAreRefusedByName) {
  Adam adam;
  adam.group.erase("betas").erase("eps").set("momentum", real(1)).set("lookahead", real(1));
  EXPECT_THAT(refusal(adam.piece()),
              AllOf(HasSubstr("Adam: group 0 of the archive lacks betas, eps and has momentum, "
                              "lookahead"),
                    HasSubstr("must be as Python's torch.optim.Adam writes it")));
  adam = {};
  adam.state.erase("exp_avg_sq").set("exp_inf", tensor(at::ones({3})));
  EXPECT_THAT(refusal(adam.piece()), HasSubstr("Adam: the state of params[0] of the archive lacks "
                                               "exp_avg_sq and has exp_inf"));
  adam = {};
  adam.state.erase("step");
  EXPECT_THAT(refusal(adam.piece()), HasSubstr("lacks step"));
  adam = {};
  adam.state.set("exp_avg", none());
  EXPECT_THAT(refusal(adam.piece()), HasSubstr("lacks exp_avg"));
  adam = {};
  adam.group.set("amsgrad", flag(true));
  EXPECT_THAT(refusal(adam.piece()), HasSubstr("lacks max_exp_avg_sq"));
  adam = {};
  adam.top.set("master_params", none());
  EXPECT_THAT(refusal(adam.piece()), HasSubstr("has master_params"));
  adam = {};
  adam.group.erase("params");
  EXPECT_THAT(refusal(adam.piece()), HasSubstr("group 0 of the archive has no list of params"));
}

TEST(StateDicts, OfAnotherNumberOfGroupsOrParametersAreRefused) {
  Adam adam;
  adam.groups.push_back(adam.group);
  EXPECT_THAT(refusal(adam.piece()), HasSubstr("has 2 groups, must have 1"));
  adam = {};
  adam.group.set("params", list({integer(0)}));
  EXPECT_THAT(refusal(adam.piece()), HasSubstr("has 1 parameters in group 0, must have 2"));
  adam.group.set("params", list({integer(0), integer(0)}));
  EXPECT_THAT(refusal(adam.piece()), HasSubstr("lists the parameter 0, must list whole numbers"));
  adam.group.set("params", list({integer(0), text("a")}));
  EXPECT_THAT(refusal(adam.piece()), HasSubstr("lists the parameter 'a'"));
  adam = {};
  adam.states.emplace_back(integer(5), adam.state);
  EXPECT_THAT(refusal(adam.piece()), HasSubstr("the state of a parameter 5, which is in no group"));
  adam.states = {{text("a"), adam.state}};
  EXPECT_THAT(refusal(adam.piece()), HasSubstr("parameter 'a', which is in no group"));
  adam.states = {{integer(1), integer(2)}};
  EXPECT_THAT(refusal(adam.piece()), HasSubstr("state of params[1] is 2, must be a dict"));
}

TEST(StateDicts, OfOtherShapesAreRefused) {
  EXPECT_THAT(refusal(trained("adam", {{2, 2}, {3}}), Adam().piece()),
              HasSubstr("exp_avg of params[0] has sizes [3], must be [2, 2]"));
  Adam adam;
  adam.state.set("exp_avg_sq", tensor(at::ones({})));
  EXPECT_THAT(refusal(adam.piece()),
              HasSubstr("exp_avg_sq of params[0] has sizes [], must be [3]"));
  adam.state.set("exp_avg_sq", tensor(at::ones({3}, at::kComplexFloat)));
  EXPECT_THAT(refusal(adam.piece()), HasSubstr("exp_avg_sq of params[0] has dtype"));
  adam.state.set("exp_avg_sq", real(1));
  EXPECT_THAT(refusal(adam.piece()), HasSubstr("exp_avg_sq of params[0] is 1, must be a tensor"));
}

TEST(StateDicts, WithImpossibleStepsAreRefused) {
  for (const double step : {kNaN, -1.0, 2.5, 1e300}) {
    Adam adam;
    adam.state.set("step", scalar(step));
    EXPECT_THAT(refusal(adam.piece()), HasSubstr("step = ")) << step;
    adam.state.set("step", real(step));
    EXPECT_THAT(refusal(adam.piece()), HasSubstr("must be a whole number >= 0")) << step;
  }
  Adam adam;
  for (const Piece& step : {text("7"), tensor(at::ones({3})), none()}) {
    adam.state.set("step", step);
    EXPECT_THAT(refusal(adam.piece()), HasSubstr("must be a number"));
  }
}

TEST(StateDicts, WithOptionsOutOfRangeAreRefused) {
  const std::vector<std::tuple<const char*, Piece, const char*>> list_of{
      {"lr", real(-1), "Adam: lr = -1, must be finite and >= 0"},
      {"lr", tensor(at::scalar_tensor(kNaN)), "Adam: lr = nan"},
      {"lr", text("x"), "lr is 'x', must be a number"},
      {"betas", list({real(0.5), real(1)}), "betas = [0.5, 1]"},
      {"betas", list({real(0.5)}), "betas = [0.5]"},
      {"betas", real(0.5), "betas = 0.5"},
      {"amsgrad", integer(1), "amsgrad = 1, must be true or false"},
      {"decoupled_weight_decay", integer(1), "decoupled_weight_decay = 1"}};
  for (const auto& [name, value, message] : list_of) {
    Adam adam;
    adam.group.set(name, value);
    EXPECT_THAT(refusal(adam.piece()), HasSubstr(message));
  }
}

TEST(StateDicts, OfAnotherOptimizerAreRefused) {
  for (const RuleTable* rule : descent::optimizers()) {
    const std::string key = rule->about.key;
    if (key == "adam") continue;
    EXPECT_THAT(refusal(trained(key), Adam().piece()),
                HasSubstr(std::string(rule->about.name) + ": "));
  }
  EXPECT_THAT(refusal(trained("adamw"), Adam().piece()),
              HasSubstr("AdamW: decoupled_weight_decay = False in group 0, must be True"));
  EXPECT_THAT(refusal(trained("yogi"), Adam().piece()),
              HasSubstr("Yogi: Python's torch.optim has no such optimizer"));
}

TEST(StateDicts, InDamagedFilesAreRefused) {
  const TemporaryFile whole, cut;
  write(whole.path, Adam().piece());
  std::ifstream in(whole.path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  const std::filesystem::path path = cut.path.string() + ".cut";
  for (const size_t length : {size_t{0}, size_t{30}, bytes.size() / 2, bytes.size() - 1}) {
    std::ofstream(path, std::ios::binary) << bytes.substr(0, length);
    EXPECT_THAT(refusal(trained("adam"), path),
                HasSubstr("cannot be read as a file of Python's torch.save: "));
  }
  std::filesystem::remove(path);
  EXPECT_THAT(refusal(trained("adam"), path), HasSubstr(path.string()));
  const Training run = trained("adam");
  descent::save(*run.optimizer, whole.path);
  EXPECT_THAT(refusal(trained("adam"), whole.path), HasSubstr("TorchScript archive"));
}

TEST(StateDicts, OfAPairOfOptionsAreRefusedUnlessTheyAreTwo) {
  for (const RuleTable* rule : descent::optimizers()) {
    if (rule->about.key != std::string_view("rprop")) continue;
    Keys group, file;
    group.set("lr", real(0.1)).set("etas", list({real(0.5)})).set("maximize", flag(false));
    group.set("step_sizes", list({real(1e-6), real(50)}));
    group.set("params", list({integer(0), integer(1)}));
    file.set("state", Keys()).set("param_groups", list({group}));
    EXPECT_THAT(refusal(trained("rprop"), file), HasSubstr("etas = [0.5], must be 2 numbers"));
  }
}

TEST(SavedForPython, AreReadBackBitForBit) {
  const TemporaryFile file;
  for (const RuleTable* rule : descent::optimizers()) {
    if (descent::python_class(*rule) == nullptr) continue;
    Training run = trained(rule->about.key, {{3, 1}, {2, 2}});
    descent::save_python(*run.optimizer, file.path);
    Training again(*rule, {}, parameters({{3, 1}, {2, 2}}, at::kFloat));
    descent::load_python(*again.optimizer, file.path);
    for (size_t k = 0; k < again.params.size(); ++k)
      again.params[k].detach().copy_(run.params[k].detach());
    run.steps(3, 5);
    again.steps(3, 5);
    std::vector<at::Tensor> found, wanted;
    for (size_t k = 0; k < run.params.size(); ++k) {
      found.push_back(again.params[k].detach());
      wanted.push_back(run.params[k].detach());
    }
    EXPECT_EQ(difference(found, wanted), "") << rule->about.name;
  }
}

TEST(SavedForPython, AreTheSameBytesForEqualOptimizers) {
  const TemporaryFile file;
  const auto bytes = [&] {
    descent::save_python(*trained("adam").optimizer, file.path);
    std::ifstream in(file.path, std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(in), {}};
  };
  const std::string first = bytes();
  EXPECT_EQ(bytes(), first);
}

TEST(SavedForPython, AreRefusedWithOptionsThatPythonHasNot) {
  const TemporaryFile file;
  const auto message = [&](const std::string& rule, const OptionValues& options) -> std::string {
    const Training run(descent::find_rule(rule), options, parameters({{3}}, at::kFloat));
    try {
      descent::save_python(*run.optimizer, file.path);
    } catch (const c10::Error& error) {
      EXPECT_FALSE(std::filesystem::exists(file.path));
      return error.what_without_backtrace();
    }
    return "";
  };
  EXPECT_THAT(message("adam", {{"eps_mode", "hat"}}),
              HasSubstr("Adam: eps_mode = hat in group 0, must be outside in a file for Python"));
  EXPECT_THAT(message("adamw", {{"decay_mode", "coupled"}}),
              HasSubstr("AdamW: decay_mode = coupled"));
  EXPECT_THAT(message("sgd", {{"decay_mode", "decoupled"}}),
              HasSubstr("SGD: decay_mode = decoupled"));
  EXPECT_THAT(message("sgd", {{"momentum", 0.5}, {"velocity", "step"}}),
              HasSubstr("SGD: velocity = step"));
  EXPECT_THAT(message("lion", {}), HasSubstr("Lion: Python's torch.optim has no such optimizer"));
  EXPECT_EQ(message("adam", {{"decay_mode", "decoupled"}}), "");
}

TEST(SavedForPython, NameThePathThatCannotBeWritten) {
  const Training run = trained("adam");
  try {
    descent::save_python(*run.optimizer, "/no/such/folder/optimizer.pt");
    ADD_FAILURE() << "wrote a file into a folder that is not there";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("/no/such/folder/optimizer.pt"));
  }
}

}  // namespace
}  // namespace python_test
