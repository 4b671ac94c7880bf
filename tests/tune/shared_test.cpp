// Studies and populations by several processes, of which some are killed and one comes late.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <descent/base/atomic_file.h>
#include <descent/base/text.h>
#include <descent/sharing.h>
#include <descent/tune/population.h>
#include <descent/tune/tune.h>

#include "../processes.h"
#include "functions.h"

namespace shared_test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using processes::Arguments;
using processes::Ended;
using processes::Folder;
using processes::Role;
using processes::Running;
using processes::say;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

const descent::Space kSpace = functions::all()[0].space;

descent::StudyOptions options_of(const std::string& method) {
  const std::map<std::string, descent::StudyOptions> all{
      {"grid", {.method = descent::GridSearch{.points = 6}}},
      {"random", {.method = descent::RandomSearch{}, .trials = 40, .seed = 2}},
      {"tpe", {.method = descent::Tpe{}, .trials = 30, .seed = 3, .batch = 3}},
      {"halving", {.method = descent::Halving{.resource = 9}, .seed = 4}},
      {"asha", {.method = descent::Asha{.eta = 3}, .trials = 25, .seed = 5}},
  };
  return all.at(method);
}

/// All that a study is, but how long it took.
std::string text(const descent::Study& study) {
  std::string text;
  for (const auto& record : study.trials()) {
    text += std::to_string(record.number) + " " +
            descent::to_text(descent::fields::value_of(record.state)) + " " +
            descent::digits(record.value);
    for (const double x : record.point) text += " " + descent::digits(x);
    for (const auto& report : record.reports)
      text += " " + std::to_string(report.step) + ":" + descent::digits(report.value);
    text += "\n";
  }
  return text;
}

/// Until those that are to die are dead, the others work on what they have begun.
void wait_for_the_deaths(const fs::path& folder) {
  while (!fs::exists(folder / "dead")) std::this_thread::sleep_for(1ms);
}
void tell_of_the_deaths(const fs::path& folder) { std::ofstream(folder / "dead") << ""; }

/// Of four processes the second and the fourth die at that piece of their work, and a fifth comes
/// late. All that live say the same, and whoever comes when all is done makes nothing.
void expect_of_all(const char* role, const fs::path& job, const Arguments& arguments,
                   const std::string& whole, const char* second, const char* fourth) {
  Running running;
  const auto start = [&](std::initializer_list<const char*> more) {
    Arguments all = arguments;
    all.insert(all.end(), more.begin(), more.end());
    return running.start(role, all, {});
  };
  start({"1"});
  start({"2", second});
  start({"2"});
  start({"1", fourth});
  for (const size_t process : {1, 3}) EXPECT_EQ(running.end(process).signal, SIGKILL);
  tell_of_the_deaths(job);
  start({"1"});
  for (const size_t process : {0, 2, 4}) {
    const Ended ended = running.end(process);
    EXPECT_EQ(ended.code, 0) << ended.said;
    EXPECT_EQ(ended.said.substr(ended.said.find('\n') + 1), whole + "\n");
  }
  const Ended later = running.end(start({"1"}));
  EXPECT_EQ(later.said, "made 0\n" + whole + "\n");
}

/// tunes FOLDER METHOD THREADS [trial at which it dies]: says how many trials it has made itself.
const Role tunes("tunes", [](const Arguments& arguments) {
  descent::StudyOptions options = options_of(arguments.at(1));
  options.threads = std::stoll(arguments.at(2));
  options.store = descent::folder_store(arguments.at(0));
  const int64_t dies_at = arguments.size() > 3 ? std::stoll(arguments.at(3)) : -1;
  std::atomic<int64_t> own{0};
  const auto study = tune(
      kSpace,
      [&](descent::Trial& trial) {
        if (own++ == dies_at) ::kill(::getpid(), SIGKILL);
        if (dies_at < 0) wait_for_the_deaths(arguments.at(0));
        return functions::falling(trial);
      },
      options);
  say("made " + std::to_string(own) + "\n" + text(study));
});

class ASharedStudy : public testing::TestWithParam<const char*> {};

TEST_P(ASharedStudy, HasTheTrialsOfOneProcessThoughProcessesDieAndComeLate) {
  const std::string method = GetParam();
  const std::string whole = text(tune(kSpace, functions::falling, options_of(method)));
  const Folder folder;
  const fs::path job = folder / "job";
  expect_of_all("tunes", job, {job, method}, whole, /*second=*/"1", /*fourth=*/"2");
}

INSTANTIATE_TEST_SUITE_P(OfEachMethod, ASharedStudy,
                         testing::Values("grid", "random", "tpe", "halving", "asha"),
                         [](const auto& method) { return std::string(method.param); });

TEST(ASharedStudy, GoesOnWhenAllOfItsProcessesWereKilled) {
  const Folder folder;
  const fs::path job = folder / "job";
  Running running;
  for (int i = 0; i < 2; ++i) running.start("tunes", {job, "tpe", "1", "7"}, {});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(running.end(i).signal, SIGKILL);
  tell_of_the_deaths(job);
  const Ended ended = running.end(running.start("tunes", {job, "tpe", "1"}, {}));
  EXPECT_THAT(ended.said, HasSubstr(text(tune(kSpace, functions::falling, options_of("tpe")))));
}

TEST(ASharedStudy, CountsTheFirstEndOfATrialThatTwoHaveMade) {
  const descent::Store store;
  const descent::StudyOptions options{
      .method = descent::RandomSearch{.rounds = 1}, .trials = 2, .store = store};
  descent::Study one(kSpace, options), other(kSpace, options);
  EXPECT_EQ(one.ask(), 0);
  one.fail(0, "no memory");
  EXPECT_EQ(other.ask(), 1);
  EXPECT_EQ(other.report(1, 0, 5), descent::search::Verdict::GoOn);
  EXPECT_EQ(one.ask(), std::nullopt);
  std::this_thread::sleep_for(150ms);  // of which nobody hears anything of the other
  EXPECT_EQ(one.ask(), 1);
  EXPECT_EQ(one.ask(), std::nullopt);
  one.tell(1, 3, 0.01);
  EXPECT_EQ(other.report(1, 1, 4), descent::search::Verdict::GoOn);
  other.tell(1, 4, 0.01);  // too late
  EXPECT_EQ(other.report(1, 2, 4), descent::search::Verdict::GiveUp);
  EXPECT_EQ(other.trials()[1].value, 3);
  EXPECT_EQ(other.ask(), std::nullopt);
  EXPECT_TRUE(other.finished());
  EXPECT_TRUE(one.finished());
  EXPECT_EQ(other.trials()[0].error, "no memory");
}

TEST(ASharedStudy, IsRefusedWhereItCannotBe) {
  const descent::Store store;
  descent::Study one(kSpace, {.seed = 1, .store = store});
  EXPECT_THAT([&] { descent::Study(kSpace, {.seed = 2, .store = store}); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("the table is of another study: seed = 1, not 2")));
  EXPECT_THAT([&] { descent::Study(kSpace, {.journal = "a.jsonl", .store = store}); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("journal = a.jsonl, must be empty with a store")));
  EXPECT_THAT([&] { descent::Study(kSpace, {.checkpoints = "a", .store = store}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("checkpoints = a, must be empty")));
  EXPECT_FALSE(fs::exists("a.jsonl"));
}

/// Figure 2 of Jaderberg et al.: what is known of the slope is in the hyperparameters.
struct Toy : descent::PopulationMember {
  double t[2] = {0.9, 0.9}, h[2] = {0, 0};
  double train(int64_t, int64_t steps) override {
    for (int64_t i = 0; i < steps; ++i)
      for (int k = 0; k < 2; ++k) t[k] -= 0.01 * 2 * h[k] * t[k];
    return t[0] * t[0] + t[1] * t[1] - 1.2;
  }
  void set(const descent::OptionValues& values) override {
    for (size_t k = 0; k < 2; ++k) h[k] = std::get<double>(values[k].second);
  }
  void copy(const PopulationMember& other) override {
    const auto& from = dynamic_cast<const Toy&>(other);
    std::copy(from.t, from.t + 2, t);
  }
  void save(const fs::path& folder) const override {
    descent::write_atomically(folder / "t", descent::digits(t[0]) + " " + descent::digits(t[1]));
  }
  void load(const fs::path& folder) override {
    std::ifstream in(folder / "t");
    in >> t[0] >> t[1];
    if (!in) throw std::runtime_error((folder / "t").string() + " cannot be read");
  }
};

constexpr int64_t kMembers = 10, kSteps = 63;
const descent::Space kSides{{"h0", descent::Range{0, 1}}, {"h1", descent::Range{0, 1}}};
const descent::PopulationOptions kOptions{.interval = 4, .seed = 6};

std::string text(const descent::Population& members) {
  std::string text;
  for (int64_t i = 0; i < members.size(); ++i) {
    const auto& toy = dynamic_cast<const Toy&>(members.member(i));
    for (const double x :
         {members.losses()[static_cast<size_t>(i)], toy.t[0], toy.t[1], toy.h[0], toy.h[1]})
      text += descent::digits(x) + " ";
    text += "\n";
  }
  for (const auto& copy : members.copies())
    text += std::to_string(copy.step) + ": " + std::to_string(copy.member) + " from " +
            std::to_string(copy.from) + "\n";
  return text;
}

/// populates FOLDER THREADS [training at which it dies]: says how many trainings it has made.
const Role populates("populates", [](const Arguments& arguments) {
  const fs::path folder = arguments.at(0);
  static const fs::path where = folder;
  static const int64_t dies_at = arguments.size() > 2 ? std::stoll(arguments.at(2)) : -1;
  static std::atomic<int64_t> own{0};
  struct Slow : Toy {
    double train(int64_t first, int64_t steps) override {
      if (own++ == dies_at) ::kill(::getpid(), SIGKILL);
      if (dies_at < 0) wait_for_the_deaths(where);
      return Toy::train(first, steps);
    }
  };
  descent::PopulationOptions options = kOptions;
  options.threads = std::stoll(arguments.at(1));
  options.store = descent::folder_store(folder);
  options.folder = folder / "members";
  descent::Population members(
      kSides, kMembers, [](int64_t) { return std::make_unique<Slow>(); }, options);
  members.run(kSteps);
  say("made " + std::to_string(own) + "\n" + text(members));
});

TEST(ASharedPopulation, IsThatOfOneProcessThoughProcessesDieAndComeLate) {
  descent::Population alone(
      kSides, kMembers, [](int64_t) { return std::make_unique<Toy>(); }, kOptions);
  alone.run(kSteps);
  const std::string whole = text(alone);
  const Folder folder;
  const fs::path job = folder / "job";
  expect_of_all("populates", job, {job}, whole, /*second=*/"2", /*fourth=*/"3");
  // Members of the last two comparisons are kept, and nothing else.
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(job / "members"))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  std::erase_if(names, [](const std::string& name) { return name.starts_with("making-"); });
  EXPECT_EQ(names, (std::vector<std::string>{"step-60", "step-63"}));
}

TEST(ASharedPopulation, IsRefusedWhereItCannotBe) {
  const auto toy = [](int64_t) { return std::make_unique<Toy>(); };
  const Folder folder;
  descent::PopulationOptions options = kOptions;
  options.folder = folder / "members";
  EXPECT_THAT([&] { descent::Population(kSides, 9, toy, options); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("must be empty without a store")));
  options.store.emplace();
  const descent::Population one(kSides, 9, toy, options);
  EXPECT_THAT(
      [&] { descent::Population(kSides, 10, toy, options); },
      ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("the table is of another population"),
                                                 HasSubstr("9 members"), HasSubstr("10 members"))));
  options.folder.clear();
  EXPECT_THAT([&] { descent::Population(kSides, 9, toy, options); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("folder is empty")));
  struct Unsaved : Toy {
    void save(const fs::path& to) const override { PopulationMember::save(to); }
  };
  options.folder = folder / "others";
  options.store.emplace();
  descent::Population others(
      kSides, 9, [](int64_t) { return std::make_unique<Unsaved>(); }, options);
  EXPECT_THAT([&] { others.run(1); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("needs save() and load()")));
}

}  // namespace
}  // namespace shared_test
