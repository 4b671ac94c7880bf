#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <mutex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <descent/base/atomic_file.h>
#include <descent/base/text.h>
#include <descent/tune/tune.h>

#include "../full_disk.h"
#include "functions.h"

namespace {

using descent::LogRange, descent::OptionValues, descent::Range, descent::Space, descent::Study,
    descent::StudyOptions, descent::Trial, descent::TrialRecord, descent::TrialState;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

#define EXPECT_REFUSES(expression, ...) \
  EXPECT_THAT([&] { expression; }, ThrowsMessage<std::invalid_argument>(AllOf(__VA_ARGS__)))
#define EXPECT_FAILS(expression, ...) \
  EXPECT_THAT([&] { expression; }, ThrowsMessage<std::runtime_error>(AllOf(__VA_ARGS__)))

class AStudy : public testing::Test {
 protected:
  AStudy() {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
  ~AStudy() override { std::filesystem::remove_all(folder); }

  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) /
      testing::UnitTest::GetInstance()->current_test_info()->name();
  const std::filesystem::path journal = folder / "study.jsonl";
  const Space space = functions::all()[2].space;
};

double bowl(Trial& trial) { return functions::log_bowl(trial.options()); }

/// A trial whose loss falls to the function's value.
double curve(Trial& trial) {
  const double end = functions::log_bowl(trial.options());
  double loss = 0;
  for (int64_t step = 0; step < 27; ++step) {
    loss = end + 10.0 / static_cast<double>(1 + step * (trial.number() % 5 + 1));
    if (!trial.report(step, loss)) break;
  }
  return loss;
}

/// A study of curves that ends when so many trials have: the others wait for that.
Study stopped_after(int trials, StudyOptions options, const Space& space) {
  std::atomic<int> returned = 0;
  std::atomic<bool> stopped = false;
  options.on_progress = [&](const Study& study) {
    stopped = study.ended() >= trials;
    return !stopped;
  };
  return tune(
      space,
      [&](Trial& trial) {
        const double loss = curve(trial);
        for (++returned; returned > trials && !stopped;)
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return loss;
      },
      options);
}

std::vector<descent::Method> some_methods() {
  return {descent::RandomSearch{},          descent::GridSearch{.points = 5},
          descent::Halving{.resource = 27}, descent::Hyperband{.resource = 27},
          descent::Asha{.eta = 3},          descent::Tpe{},
          descent::Bayes{.startup = 40}};
}

/// All of a record but its time.
std::string text(const TrialRecord& record) {
  std::string all = std::to_string(record.number) + " " + std::to_string(record.value) + " " +
                    std::to_string(static_cast<int>(record.state)) + record.error;
  for (const auto& [name, value] : record.values) all += " " + name + "=" + to_text(value);
  for (const auto& report : record.reports)
    all += " " + std::to_string(report.step) + ":" + std::to_string(report.value);
  return all;
}
std::vector<std::string> texts(const Study& study) {
  std::vector<std::string> list;
  for (const TrialRecord& record : study.trials()) list.push_back(text(record));
  return list;
}

TEST_F(AStudy, HasTheSameTrialsOnAnyNumberOfThreads) {
  for (const descent::Method& method : some_methods()) {
    const StudyOptions one{.method = method, .seed = 3, .batch = 4};
    const auto wanted = texts(tune(space, curve, one));
    for (const int64_t threads : {2, 7}) {
      StudyOptions options = one;
      options.threads = threads;
      EXPECT_EQ(texts(tune(space, curve, options)), wanted)
          << to_text(method) << " on " << threads << " threads";
    }
    StudyOptions other = one;
    other.seed = 4;
    if (std::holds_alternative<descent::GridSearch>(method)) continue;
    EXPECT_NE(texts(tune(space, curve, other)), wanted) << to_text(method);
  }
}

TEST_F(AStudy, RunsAsManyTrialsAtOnceAsThreads) {
  std::atomic<int> now{0}, most{0};
  std::set<std::thread::id> ids;
  std::mutex mutex;
  tune(space,
       [&](Trial& trial) {
         const int running = ++now;
         for (int seen = most; seen < running && !most.compare_exchange_weak(seen, running);) {
         }
         // The first three wait for each other, so that they run at once or never end.
         while (trial.number() < 3 && most < 3) std::this_thread::yield();
         const std::lock_guard lock(mutex);
         ids.insert(std::this_thread::get_id());
         --now;
         return 0.0;
       },
       {.method = descent::RandomSearch{.rounds = 1}, .trials = 20, .threads = 3});
  EXPECT_EQ(most, 3);
  EXPECT_EQ(ids.count(std::this_thread::get_id()), 0u);
}

TEST_F(AStudy, GoesOnFromItsJournal) {
  for (const descent::Method& method : some_methods()) {
    const StudyOptions options{.method = method, .seed = 5, .batch = 2};
    const auto wanted = texts(tune(space, curve, options));
    StudyOptions kept = options;
    kept.journal = journal;
    std::string all;
    {
      const Study whole = tune(space, curve, kept);
      EXPECT_EQ(texts(whole), wanted);
      all = descent::read_file(journal);
    }
    // As if the process had been killed after any byte: here after each 11th part.
    for (size_t part = 0; part <= 11; ++part) {
      std::ofstream(journal, std::ios::binary | std::ios::trunc)
          << all.substr(0, all.size() * part / 11);
      const Study resumed = tune(space, curve, kept);
      ASSERT_EQ(texts(resumed), wanted) << to_text(method) << " from part " << part;
    }
    EXPECT_EQ(texts(descent::load_study(journal)), wanted);
    std::filesystem::remove(journal);
  }
}

TEST_F(AStudy, RunsNoTrialAgainThatHasEnded) {
  StudyOptions options{.trials = 20, .journal = journal};
  options.on_progress = [](const Study& study) { return study.ended() < 7; };
  const int64_t ended = tune(space, bowl, options).ended();
  EXPECT_GE(ended, 7);
  options.on_progress = nullptr;
  std::atomic<int> calls{0};
  const Study second = tune(
      space, [&](Trial& trial) { return ++calls, bowl(trial); }, options);
  EXPECT_EQ(calls, 20 - ended);
  EXPECT_TRUE(second.finished());
}

TEST_F(AStudy, MayHaveMoreTrialsWhenItGoesOn) {
  const StudyOptions options{.method = descent::Tpe{}, .trials = 15, .journal = journal};
  tune(space, bowl, options);
  StudyOptions more = options;
  more.trials = 20;
  const auto resumed = texts(tune(space, bowl, more));
  more.journal.clear();
  EXPECT_EQ(resumed, texts(tune(space, bowl, more)));
}

TEST_F(AStudy, RefusesTheJournalOfAnother) {
  const StudyOptions own{.method = descent::Tpe{}, .trials = 12, .seed = 1, .journal = journal};
  tune(space, bowl, own);
  StudyOptions other = own;
  EXPECT_REFUSES(tune({{"lr", LogRange{1e-5, 1}}}, bowl, own),
                 HasSubstr("study.jsonl is of another study: space"), HasSubstr("lr=log:1e-05:1"));
  other.seed = 2;
  EXPECT_REFUSES(tune(space, bowl, other), HasSubstr("seed = 1, not 2"));
  other = own;
  other.method = descent::Tpe{.gamma = 0.2};
  EXPECT_REFUSES(tune(space, bowl, other), HasSubstr("method"), HasSubstr("gamma=0.2"));
  other = own;
  other.batch = 2;
  EXPECT_REFUSES(tune(space, bowl, other), HasSubstr("batch = 1, not 2"));
  other = own;
  other.first = {{{"a", 0.1}, {"b", 0.1}}};
  EXPECT_REFUSES(tune(space, bowl, other), HasSubstr("first"));
  std::filesystem::remove(journal);
  other = {.trials = 20, .journal = journal};
  tune(space, bowl, other);
  other.trials = 30;
  EXPECT_REFUSES(tune(space, bowl, other), HasSubstr("trials = 20"));
  std::ofstream(journal) << "a letter\n";
  EXPECT_FAILS(tune(space, bowl, own), HasSubstr("is not of a study"));
  std::ofstream(journal) << "a letter without an end of line";
  EXPECT_FAILS(tune(space, bowl, own), HasSubstr("is no journal of a study"));
  EXPECT_EQ(descent::read_file(journal), "a letter without an end of line");
}

TEST_F(AStudy, SaysWhichLineOfItsJournalCannotBeRead) {
  const StudyOptions options{.trials = 12, .journal = journal};
  tune(space, bowl, options);
  const std::string good = descent::read_file(journal);
  const auto with_line = [&](const std::string& line) {
    std::ofstream(journal, std::ios::trunc) << good.substr(0, good.find('\n') + 1) << line << '\n';
  };
  for (const char* const line :
       {"{\"trial\":", "[]", "{}", "{\"trial\":0,\"state\":\"done\",\"value\":1,\"seconds\":0}",
        "{\"trial\":-1,\"step\":0,\"value\":1}", "{\"trial\":1,\"point\":[0.5,0.5]}",
        "{\"trial\":0,\"point\":[0.5]}", "{\"trial\":0,\"point\":\"x\"}"}) {
    with_line(line);
    EXPECT_FAILS(tune(space, bowl, options), HasSubstr("line 2 cannot be read")) << line;
    EXPECT_FAILS(descent::load_study(journal), HasSubstr("study.jsonl")) << line;
  }
}

TEST_F(AStudy, RefusesAJournalThatIsBeingWritten) {
  Study study(space, {.journal = journal});
  EXPECT_FAILS(Study(space, {.journal = journal}),
               HasSubstr("another process writes this journal"));
  EXPECT_FAILS(Study(space, {.journal = folder / "none" / "study.jsonl"}),
               HasSubstr("cannot open"));
}

TEST_F(AStudy, LosesNoTrialThatHadEndedWhenTheDiskIsFull) {
  StudyOptions options{
      .method = descent::RandomSearch{.rounds = 1}, .trials = 400, .journal = journal};
  {
    const FullDisk full(20000);
    EXPECT_FAILS(tune(space, bowl, options), HasSubstr("study.jsonl: cannot write"));
  }
  const std::string bytes = descent::read_file(journal);
  EXPECT_EQ(bytes.back(), '\n');
  const int64_t kept = descent::load_study(journal).ended();
  EXPECT_GT(kept, 50);
  std::atomic<int64_t> calls{0};
  tune(
      space, [&](Trial& trial) { return ++calls, bowl(trial); }, options);
  EXPECT_EQ(calls, 400 - kept);
}

TEST_F(AStudy, RecordsWhatATrialThrowsAndWhatIsNotFinite) {
  const Study study = tune(space,
                           [](Trial& trial) -> double {
                             if (trial.number() == 3) throw std::runtime_error("no memory");
                             if (trial.number() == 4) throw 5;
                             if (trial.number() == 5)
                               return std::numeric_limits<double>::quiet_NaN();
                             if (trial.number() == 6) return -INFINITY;
                             return bowl(trial);
                           },
                           {.trials = 20, .threads = 2, .journal = journal});
  EXPECT_TRUE(study.finished());
  EXPECT_EQ(study.trials()[3].state, TrialState::Failed);
  EXPECT_EQ(study.trials()[3].error, "no memory");
  EXPECT_EQ(study.trials()[4].error, "an exception without a text");
  EXPECT_EQ(study.trials()[5].state, TrialState::Done);
  EXPECT_TRUE(std::isfinite(study.best().value));
  EXPECT_EQ(texts(descent::load_study(journal)), texts(study));
}

TEST_F(AStudy, SaysThatNoTrialHasAFiniteValue) {
  const Study study =
      tune(space, [](Trial&) -> double { throw std::runtime_error("bad"); }, {.trials = 10});
  EXPECT_FAILS(study.best(), HasSubstr("none of 10 trials has ended with a finite value"));
}

TEST_F(AStudy, TakesFirstPointsByHand) {
  const Study earlier = tune(space, bowl, {.trials = 30});
  for (const descent::Method& method : some_methods()) {
    const Study study =
        tune(space, curve,
             {.method = method, .first = {earlier.best().options(), {{"b", 0.5}, {"a", 2}}}});
    EXPECT_NEAR(functions::number(study.trials()[0].values, 0),
                functions::number(earlier.best().options(), 0), 1e-15);
    EXPECT_NEAR(functions::number(study.trials()[1].values, 0), 2, 1e-14) << to_text(method);
  }
  EXPECT_REFUSES(tune(space, bowl, {.first = {{{"a", 100}, {"b", 0.5}}}}),
                 HasSubstr("a = 100, must be in [1e-06, 10]"));
  EXPECT_REFUSES(tune(space, bowl, {.first = {{{"a", 1}}}}), HasSubstr("without b"));
  for (const descent::Method& method : {descent::Method(descent::RandomSearch{.rounds = 1}),
                                        descent::Method(descent::Halving{.eta = 2})})
    EXPECT_REFUSES(
        Study(space,
              {.method = method, .trials = 2, .first = std::vector(3, earlier.best().options())}),
        HasSubstr("3 first points, must be at most the trials, 2"));
}

TEST_F(AStudy, IsTheSameInWhateverOrderItsFirstPointsAreWritten) {
  const StudyOptions options{.trials = 12, .journal = journal, .first = {{{"b", 0.5}, {"a", 2}}}};
  const auto wanted = texts(tune(space, bowl, options));
  StudyOptions other = options;
  other.first = {{{"a", 2}, {"b", 0.5}}};
  EXPECT_EQ(texts(tune(space, bowl, other)), wanted);
  const Space turned{space.parameters()[1], space.parameters()[0]};
  Study(turned, {.first = options.first}).save(folder / "study.json");
  EXPECT_EQ(descent::load_study(folder / "study.json").about(),
            Study(turned, {.first = other.first}).about());
}

TEST_F(AStudy, IsTheSameAfterItWasSaved) {
  for (const descent::Method& method : some_methods()) {
    const Study study = tune(space, curve, {.method = method, .seed = uint64_t{1} << 63});
    study.save(folder / "study.json");
    const Study loaded = descent::load_study(folder / "study.json");
    EXPECT_EQ(texts(loaded), texts(study));
    EXPECT_EQ(loaded.about(), study.about());
    EXPECT_EQ(text(loaded.best()), text(study.best()));
    EXPECT_TRUE(loaded.finished());
  }
  EXPECT_FAILS(descent::load_study(folder / "none.json"), HasSubstr("none.json: cannot read"));
  std::ofstream(folder / "other.json") << "{\"descent\": \"grid\"}\n";
  EXPECT_FAILS(descent::load_study(folder / "other.json"),
               HasSubstr("is no study of the format study-1"));
}

TEST_F(AStudy, KnowsAfterLoadingWhetherItWasFinished) {
  for (const descent::Method& method :
       {descent::Method(descent::Tpe{}), descent::Method(descent::RandomSearch{}),
        descent::Method(descent::Halving{.resource = 27})}) {
    const StudyOptions options{.method = method, .trials = 20, .journal = journal};
    const auto expect = [&](const Study& study, bool finished) {
      study.save(folder / "study.json");
      for (const auto& file : {folder / "study.json", journal}) {
        const Study loaded = descent::load_study(file);
        EXPECT_EQ(loaded.size(), 20) << file;
        EXPECT_EQ(loaded.finished(), finished) << file << " of " << to_text(method);
      }
    };
    expect(stopped_after(12, options, space), false);
    expect(tune(space, curve, options), true);
    std::filesystem::remove(journal);
  }
  StudyOptions options{.method = descent::Tpe{}, .trials = 12, .journal = journal};
  tune(space, bowl, options);
  options.trials = 15;  // goes on with more
  tune(space, bowl, options);
  EXPECT_EQ(descent::load_study(journal).size(), 15);
}

TEST_F(AStudy, SearchesTheOptionsThatEveryOptimizerHas) {
  const Space precision = descent::parse_space(
      "lr=log:1e-5:1,state_bits=choice:0|8,rounding=choice:nearest|stochastic,seed=integer:0:9");
  EXPECT_TRUE(
      tune(precision, [](Trial&) { return 1.0; }, {.trials = 10, .optimizer = "lion"}).finished());
}

TEST_F(AStudy, RefusesParametersThatAreNoOptionsOfItsOptimizer) {
  const Space misspelt{{"lr", LogRange{1e-5, 1}}, {"weight_decy", LogRange{1e-6, 0.1}}};
  EXPECT_REFUSES(tune(misspelt, bowl, {.optimizer = "adamw", .journal = journal}),
                 HasSubstr("weight_decy is no option of adamw, did you mean weight_decay?"),
                 HasSubstr("(it has lr, betas"));
  EXPECT_FALSE(std::filesystem::exists(journal));
  EXPECT_REFUSES(tune(misspelt, bowl, {.optimizer = "adamx"}),
                 HasSubstr("no optimizer is called adamx, did you mean adam"));
  const Space right{{"lr", LogRange{1e-5, 1}}, {"weight_decay", LogRange{1e-6, 0.1}}};
  const StudyOptions options{.trials = 10, .optimizer = "AdamW", .journal = journal};
  EXPECT_TRUE(tune(
                  right, [](Trial&) { return 1.0; }, options)
                  .finished());
  EXPECT_EQ(descent::load_study(journal).options().optimizer, "AdamW");
  StudyOptions other = options;
  other.optimizer = "lion";
  EXPECT_REFUSES(Study(right, other), HasSubstr("optimizer = \"AdamW\", not \"lion\""));
  other = options;
  other.subject = "another network";
  EXPECT_REFUSES(Study(right, other), HasSubstr("subject = null, not \"another network\""));
}

TEST_F(AStudy, EndsWhenItIsAskedToWithWhatIsThere) {
  StudyOptions options{
      .method = descent::Halving{.resource = 27}, .threads = 3, .journal = journal};
  {
    const Study stopped = stopped_after(5, options, space);
    EXPECT_GE(stopped.ended(), 5);
    EXPECT_LT(stopped.ended(), stopped.size());
  }
  const auto resumed = texts(tune(space, curve, options));
  options.journal.clear();
  EXPECT_EQ(resumed, texts(tune(space, curve, options)));
}

TEST_F(AStudy, EndsWithWhatOnProgressThrows) {
  EXPECT_FAILS(tune(space, bowl, {.on_progress = [](const Study&) -> bool {
                      throw std::runtime_error("stop");
                    }}),
               HasSubstr("stop"));
}

TEST_F(AStudy, RefusesTrialsThatNeverReportWhereTheyMust) {
  for (const descent::Method& method :
       {descent::Method(descent::Halving{}), descent::Method(descent::Asha{})})
    EXPECT_REFUSES(tune(space, bowl, {.method = method, .threads = 2}),
                   HasSubstr("has ended without a report"), HasSubstr("call Trial::report()"));
}

TEST_F(AStudy, RefusesStepsThatDoNotRise) {
  const Study study =
      tune(space, [](Trial& trial) { return trial.report(3, 1) && trial.report(3, 1) ? 0.0 : 1.0; },
           {.trials = 10});
  EXPECT_THAT(study.trials()[0].error, HasSubstr("trial 0 reports step 3 after 3, must rise"));
}

TEST_F(AStudy, RefusesOptionsOutOfRange) {
  EXPECT_REFUSES(Study(space, {.trials = -1}), HasSubstr("trials = -1, must be >= 0"));
  EXPECT_REFUSES(Study(space, {.threads = 0}), HasSubstr("threads = 0, must be >= 1"));
  EXPECT_REFUSES(Study(space, {.batch = 0}), HasSubstr("batch = 0, must be >= 1"));
  EXPECT_REFUSES(tune(space, nullptr), HasSubstr("no function is given"));
}

TEST_F(AStudy, IsAskedAndToldByHand) {
  Study study(space, {.method = descent::Tpe{.startup = 2}, .trials = 5, .batch = 2});
  EXPECT_EQ(study.ask(), 0);
  EXPECT_EQ(study.ask(), 1);
  EXPECT_EQ(study.ask(), std::nullopt) << "trial 2 depends on the first two";
  study.tell(1, 3.0);
  EXPECT_EQ(study.ask(), std::nullopt);
  study.fail(0, "lost");
  EXPECT_EQ(study.ask(), 2);
  EXPECT_EQ(study.ask(), 3);
  EXPECT_EQ(study.ask(), std::nullopt);
  EXPECT_REFUSES(study.tell(1, 2.0), HasSubstr("the end of trial 1, which does not run"));
  EXPECT_REFUSES(study.tell(9, 2.0), HasSubstr("trial 9, which does not run"));
  EXPECT_EQ(study.ended(), 2);
  EXPECT_EQ(study.best().number, 1);
}

/// Trials that keep a sum after each step, and go on from it.
struct Summed {
  std::atomic<int64_t> steps{0}, restored{0};
  double make(Trial& trial) {
    double sum = 0;
    int64_t step = trial.restore([&](const auto& at) {
      sum = std::stod(descent::read_file(at / "sum"));
      ++restored;
    });
    for (; step < 27; ++step) {
      ++steps;
      sum += functions::log_bowl(trial.options()) / 27;
      trial.keep(step, sum, [&](const auto& at) {
        descent::write_atomically(at / "sum", descent::digits(sum));
      });
      if (!trial.report(step, sum)) break;
    }
    return trial.last_loss();
  }
};

TEST_F(AStudy, KeepsCheckpointsOfTrialsThatWereInterrupted) {
  const auto checkpoints = folder / "checkpoints";
  StudyOptions options{.method = descent::Halving{.resource = 27},
                       .threads = 2,
                       .journal = journal,
                       .checkpoints = checkpoints};
  Summed summed;
  const auto exact = [&](Trial& trial) { return summed.make(trial); };
  options.on_progress = [](const Study& study) { return study.trials().size() < 20; };
  tune(space, exact, options);
  options.on_progress = nullptr;
  const auto resumed = texts(tune(space, exact, options));
  EXPECT_GT(summed.restored, 5);
  StudyOptions plain{.method = descent::Halving{.resource = 27}, .checkpoints = folder / "others"};
  const int64_t in_two_runs = summed.steps;
  summed.steps = 0;
  EXPECT_EQ(resumed, texts(tune(space, exact, plain)));
  EXPECT_EQ(in_two_runs, summed.steps) << "no step was made twice";
  plain.seed = 9;
  EXPECT_REFUSES(tune(space, exact, plain),
                 HasSubstr("others is of another study: seed = 0, not 9"));
  plain.journal = folder / "new.jsonl";
  EXPECT_REFUSES(tune(space, exact, plain), HasSubstr("others is of another study"));
  EXPECT_FALSE(std::filesystem::exists(plain.journal));
  plain.checkpoints = folder / "new";
  plain.journal = journal;
  EXPECT_REFUSES(tune(space, exact, plain), HasSubstr("study.jsonl is of another study"));
  EXPECT_FALSE(std::filesystem::exists(folder / "new" / "study.json"));
  EXPECT_REFUSES(Study(space, {.checkpoints = checkpoints, .first = {{{"a", 1}, {"b", 1}}}}),
                 HasSubstr("checkpoints is of another study"));
}

TEST_F(AStudy, BeginsTrialsAnewWhoseJournalIsNotThere) {
  Summed summed;
  const auto exact = [&](Trial& trial) { return summed.make(trial); };
  const StudyOptions options{.method = descent::Halving{.resource = 27},
                             .checkpoints = folder / "checkpoints"};
  const auto wanted = texts(tune(space, exact, options));
  EXPECT_EQ(texts(tune(space, exact, options)), wanted);
  EXPECT_EQ(summed.restored, 0);
}

TEST_F(AStudy, HasTheLossesOfTrialsThatOnlyHadToBeTold) {
  for (const descent::Method& method : {descent::Method(descent::RandomSearch{.rounds = 1}),
                                        descent::Method(descent::Halving{.resource = 27})}) {
    Summed summed;
    const auto exact = [&](Trial& trial) { return summed.make(trial); };
    const StudyOptions options{
        .method = method, .trials = 20, .journal = journal, .checkpoints = folder / "checkpoints"};
    const auto wanted = texts(tune(space, exact, options));
    // As if it had been killed when all trials had made their last report.
    std::istringstream lines(descent::read_file(journal));
    std::string kept;
    for (std::string line; std::getline(lines, line);)
      if (line.find("state") == line.npos) kept += line + "\n";
    descent::write_atomically(journal, kept);
    EXPECT_EQ(texts(tune(space, exact, options)), wanted) << to_text(method);
    EXPECT_EQ(summed.restored, 20);
    std::filesystem::remove_all(folder / "checkpoints");
    std::filesystem::remove(journal);
  }
}

TEST_F(AStudy, EndsWhenATrialCannotBeReportedOrKept) {
  const StudyOptions options{.method = descent::RandomSearch{.rounds = 1},
                             .trials = 10,
                             .journal = journal,
                             .checkpoints = folder / "checkpoints"};
  Summed summed;
  const auto exact = [&](Trial& trial) { return summed.make(trial); };
  const auto keep = [](Trial& trial) {
    trial.keep(0, 1, [](const auto& at) {
      descent::write_atomically(at / "sum", "a sum of more than ten bytes");
    });
  };
  EXPECT_FAILS(tune(
                   space,
                   [&](Trial& trial) {
                     if (trial.number() < 3) return exact(trial);
                     const FullDisk full(10);
                     keep(trial);
                     return 1.0;
                   },
                   options),
               HasSubstr("step-0 cannot be written: "), HasSubstr("sum"));
  EXPECT_EQ(descent::load_study(journal).ended(), 3);
  EXPECT_FAILS(tune(
                   space,
                   [&](Trial& trial) {
                     if (trial.number() < 5) return exact(trial);
                     keep(trial);
                     const FullDisk full(10);
                     return trial.report(0, 1) ? 1.0 : 2.0;
                   },
                   options),
               HasSubstr("study.jsonl: cannot write"));
  EXPECT_EQ(descent::load_study(journal).ended(), 5);
  EXPECT_FAILS(tune(
                   space,
                   [](Trial& trial) -> double {
                     trial.restore([](const auto&) { throw std::runtime_error("damaged"); });
                     return 1;
                   },
                   options),
               HasSubstr("trial-5/step-0 cannot be read: damaged"));
  EXPECT_EQ(descent::load_study(journal).ended(), 5);
  std::filesystem::remove_all(folder / "checkpoints" / "trial-5");
  const auto resumed = texts(tune(space, exact, options));
  EXPECT_EQ(
      resumed,
      texts(tune(space, exact,
                 {.method = options.method, .trials = 10, .checkpoints = folder / "others"})));
}

TEST_F(AStudy, GivesTrialsTheirValuesByName) {
  descent::tune({{"lr", LogRange{1e-5, 1}}, {"mode", descent::Choice{"a", "b"}}},
                [](Trial& trial) {
                  EXPECT_GE(trial.number("lr"), 1e-5);
                  EXPECT_TRUE(std::holds_alternative<std::string>(trial.value("mode")));
                  EXPECT_REFUSES(trial.number("lx"), HasSubstr("no parameter lx, did you mean lr"));
                  EXPECT_REFUSES(trial.number("mode"), HasSubstr("is no number"));
                  EXPECT_REFUSES(trial.keep(0, 1.0, [](const auto&) {}),
                                 HasSubstr("StudyOptions::checkpoints"));
                  EXPECT_EQ(trial.restore([](const auto&) { FAIL(); }), 0);
                  return 0.0;
                },
                {.trials = 10});
}

}  // namespace
