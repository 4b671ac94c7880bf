// Replay must fail on wrong data: each test hands the program a file and reads what it prints.
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using Json = nlohmann::ordered_json;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Ran {
  int status;
  std::string output;
};

Ran replay(const std::string& arguments) {
  const std::string command = "'" REPLAY_PROGRAM "' " + arguments + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("popen failed");
  std::string output;
  for (char buffer[4096]; const size_t n = std::fread(buffer, 1, sizeof buffer, pipe);)
    output.append(buffer, n);
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
}

/// The line of the output that tells of the case or file of that name.
std::string line_of(const std::string& output, const std::string& name) {
  for (size_t begin = 0; begin < output.size();) {
    const size_t end = std::min(output.find('\n', begin), output.size());
    const std::string line = output.substr(begin, end - begin);
    if (line.substr(std::min<size_t>(5, line.size()), name.size() + 2) == name + "  ") return line;
    begin = end + 1;
  }
  return "no line for " + name + " in:\n" + output;
}

/// One parameter, two steps of 0.5 times the gradient: [1 2] -> [0.5 2.5] -> [0.5 2.5], the second
/// gradient missing.
Json by_hand(const std::string& name) {
  return Json{
      {"name", name},
      {"optimizer", "sgd"},
      {"groups",
       {{{"options", {{"lr", 0.5}}}, {"params", {{{"shape", {2}}, {"values", {1.0, 2.0}}}}}}}},
      {"gradients", {{{1.0, -1.0}}, {nullptr}}},
      {"steps", 2},
      {"expected", {{"1", {{0.5, 2.5}}}, {"2", {{0.5, 2.5}}}}},
      {"tolerance", 0.0}};
}

Json document(std::vector<Json> cases) {
  return Json{{"format", "descent-replay-1"}, {"cases", std::move(cases)}};
}

class Replay : public testing::Test {
 protected:
  Replay() : folder_(testing::TempDir() + "descent_replay_" + std::to_string(getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~Replay() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = folder_ / name;
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }
  std::string write(const std::string& name, const Json& json) const {
    return write(name, json.dump());
  }

  static Json golden(const std::string& name) {
    std::ifstream file(std::string(REPLAY_GOLDEN) + "/" + name);
    return Json::parse(file);
  }

 private:
  std::filesystem::path folder_;
};

TEST_F(Replay, PassesATrajectoryDoneByHand) {
  const Ran ran = replay(write("a.json", document({by_hand("by hand")})));
  EXPECT_EQ(ran.output, "ok   by hand  0\n1 passed, 0 failed\n");
  EXPECT_EQ(ran.status, 0);
}

TEST_F(Replay, FailsAGoldenValueThatIsOffByOneBillionth) {
  Json file = golden("lion.json");
  Json& damaged = file["cases"][0]["expected"]["10"][2][4];
  damaged = damaged.get<double>() + 1e-9;
  const Ran ran = replay(write("damaged.json", file));
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(line_of(ran.output, "lion"), StartsWith("FAIL lion  1e-09  step 10, parameter 2, "
                                                      "element 4: "));
  EXPECT_THAT(ran.output,
              EndsWith(std::to_string(file["cases"].size() - 1) + " passed, 1 failed\n"));
}

TEST_F(Replay, FailsAChecksumThatDoesNotHold) {
  Json file = golden("lion.json");
  Json& damaged = file["cases"][0]["checksum"]["60"];
  damaged = damaged.get<double>() + 1e-9;
  const Ran ran = replay(write("checksum.json", file));
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(line_of(ran.output, "lion"), HasSubstr("step 60: checksum -0.319644"));
}

/// sum_i theta_i cos(0.37 i + 0.1) of where by_hand() ends.
const double kChecksum = 0.5 * std::cos(0.1) + 2.5 * std::cos(0.47);

TEST_F(Replay, ComparesChecksumsWithinTheCasesTolerance) {
  Json near = by_hand("near"), far = by_hand("far"), narrow = by_hand("narrow"),
       narrow_far = by_hand("narrow, far");
  near["checksum"] = far["checksum"] = {{"2", kChecksum + 1e-6}};
  near["tolerance"] = 2e-6;
  far["tolerance"] = 5e-7;
  narrow["dtype"] = narrow_far["dtype"] = "float32";
  narrow["checksum"] = {{"2", kChecksum}};
  narrow_far["checksum"] = {{"2", kChecksum + 1e-3}};
  const std::string file = write("checksums.json", document({near, far, narrow, narrow_far}));
  const Ran ran = replay(file);
  EXPECT_THAT(line_of(ran.output, "near"), StartsWith("ok   near  1e-06"));
  EXPECT_THAT(line_of(ran.output, "far"), StartsWith("FAIL far  1e-06  step 2: checksum"));
  EXPECT_THAT(line_of(ran.output, "narrow"), StartsWith("ok "));
  EXPECT_THAT(line_of(ran.output, "narrow, far"), HasSubstr("step 2: checksum"));
  EXPECT_THAT(ran.output, EndsWith("2 passed, 2 failed\n"));
  // In another type than that of the recording sums are rounded otherwise.
  EXPECT_EQ(replay("--dtype float32 " + write("far.json", document({far}))).status, 0);
}

TEST_F(Replay, RunsACaseThatHasAChecksumOrAnEvaluationAlone) {
  Json sum = by_hand("sum"), wrong = by_hand("wrong"), evaluated = by_hand("evaluated");
  for (Json* const each : {&sum, &wrong, &evaluated}) each->erase("expected");
  sum["checksum"] = {{"2", kChecksum}};
  wrong["checksum"] = {{"2", kChecksum + 1e-9}};
  evaluated["optimizer"] = "schedule_free_sgd";
  evaluated["evaluated"] = {{7.0, 7.0}};
  const Ran ran = replay(write("alone.json", document({sum, wrong, evaluated})));
  EXPECT_THAT(line_of(ran.output, "sum"), StartsWith("ok "));
  EXPECT_THAT(line_of(ran.output, "wrong"), StartsWith("FAIL wrong  1e-09  step 2: checksum"));
  EXPECT_THAT(line_of(ran.output, "evaluated"), HasSubstr("expected 7 within 0"));
}

TEST_F(Replay, TakesTheNamesThatTheSpecificationHasForSchedules) {
  Json step = by_hand("step"), cosine = by_hand("cosine"), longer = by_hand("longer names");
  for (Json* const each : {&step, &cosine, &longer}) {
    (*each)["gradients"][1] = {{1.0, -1.0}};
    (*each)["tolerance"] = 1e-12;
  }
  step["schedule"] = {{"name", "step"}, {"size", 1}, {"gamma", 0.5}};
  step["expected"] = {{"2", {{0.25, 2.75}}}};
  cosine["schedule"] = {{"name", "cosine"}, {"N", 2}, {"E", 0.1}};
  longer["schedule"] = {{"name", "cosine"}, {"T_max", 2}, {"eta_min", 0.1}};
  cosine["expected"] = longer["expected"] = {{"2", {{0.2, 2.8}}}};
  const Ran ran = replay(write("schedules.json", document({step, cosine, longer})));
  EXPECT_THAT(ran.output, EndsWith("3 passed, 0 failed\n"));
}

TEST_F(Replay, NamesWhatALibraryWithoutItCannotRun) {
  Json optimizer = by_hand("optimizer"), option = by_hand("option"), word = by_hand("enum value");
  Json range = by_hand("range"), kind = by_hand("kind"), second = by_hand("second group");
  optimizer["optimizer"] = "sdg";
  option["groups"][0]["options"]["momentun"] = 0.9;
  word["groups"][0]["options"]["velocity"] = "sideways";
  range["groups"][0]["options"]["lr"] = -0.5;
  kind["groups"][0]["options"]["nesterov"] = 0.5;
  second["groups"][1] = second["groups"][0];
  second["groups"][1]["options"]["first_buffer"] = "last_grad";
  second["gradients"] = {{{1.0, -1.0}, {1.0, -1.0}}, {nullptr, nullptr}};
  second["expected"] = {{"1", {{0.5, 2.5}, {0.5, 2.5}}}};
  const Ran ran = replay(write(
      "unknown.json", document({optimizer, option, word, range, kind, second, by_hand("good")})));
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(line_of(ran.output, "optimizer"), HasSubstr("sdg"));
  EXPECT_THAT(line_of(ran.output, "optimizer"), HasSubstr("sgd"));
  EXPECT_THAT(line_of(ran.output, "option"), HasSubstr("momentun"));
  EXPECT_THAT(line_of(ran.output, "option"), HasSubstr("momentum"));
  EXPECT_THAT(line_of(ran.output, "enum value"), HasSubstr("velocity = sideways"));
  EXPECT_THAT(line_of(ran.output, "enum value"), HasSubstr("gradient or step"));
  EXPECT_THAT(line_of(ran.output, "range"), HasSubstr("lr = -0.5"));
  EXPECT_THAT(line_of(ran.output, "kind"), HasSubstr("nesterov = 0.5"));
  EXPECT_THAT(line_of(ran.output, "second group"), HasSubstr("first_buffer = last_grad"));
  EXPECT_THAT(ran.output, EndsWith("ok   good  0\n1 passed, 6 failed\n"));
}

TEST_F(Replay, MakesAllGroupsAtOnce) {
  Json rests = by_hand("the first group rests");
  rests["optimizer"] = "prodigy";
  rests["groups"][1] = rests["groups"][0];
  rests["groups"][0]["options"]["lr"] = 0.0;
  rests["gradients"] = {{{1.0, -1.0}, nullptr}, {nullptr, nullptr}};
  rests["expected"] = {{"2", {{1.0, 2.0}, {1.0, 2.0}}}};
  EXPECT_EQ(replay(write("rests.json", document({rests}))).status, 0);
}

TEST_F(Replay, FailsMalformedCasesAloneAndSaysWhatIsWrong) {
  struct Damage {
    std::string message;
    std::function<void(Json&)> inflict;
  };
  const std::vector<Damage> damages{
      {"optimizer: missing", [](Json& c) { c.erase("optimizer"); }},
      {"groups: missing", [](Json& c) { c.erase("groups"); }},
      {"groups: empty", [](Json& c) { c["groups"] = Json::array(); }},
      {"groups[0].params: missing", [](Json& c) { c["groups"][0].erase("params"); }},
      {"groups[0].params[0].shape: missing",
       [](Json& c) { c["groups"][0]["params"][0].erase("shape"); }},
      {"groups[0].params[0].values: 2 numbers, must be 6 for shape [2, 3]",
       [](Json& c) {
         c["groups"][0]["params"][0]["shape"] = {2, 3};
       }},
      {"groups[0].params[0].values[1]: must be a number, is string",
       [](Json& c) { c["groups"][0]["params"][0]["values"][1] = "2"; }},
      {"groups[0].options.lr: must be a number",
       [](Json& c) { c["groups"][0]["options"]["lr"] = nullptr; }},
      {"gradients: missing", [](Json& c) { c.erase("gradients"); }},
      {"gradients: is \"zero\", must be \"parity\"", [](Json& c) { c["gradients"] = "zero"; }},
      {"gradients: 1 rows for `steps`, must be 2", [](Json& c) { c["gradients"].erase(1); }},
      {"gradients[1]: 2 parameters, must be 1",
       [](Json& c) {
         c["gradients"][1] = {nullptr, nullptr};
       }},
      {"gradients[0][0].values: 3 numbers, must be 2",
       [](Json& c) {
         c["gradients"][0][0] = {{"rows", {1, 1}}, {"values", {1.0, 2.0, 3.0}}};
       }},
      {"gradients[0][0].rows: is -1, must be a whole number from 0",
       [](Json& c) {
         c["gradients"][0][0] = {{"rows", {-1}}, {"values", {1.0}}};
       }},
      {"gradients[0][0]: 3 numbers, must be 2",
       [](Json& c) {
         c["gradients"][0][0] = {1.0, 2.0, 3.0};
       }},
      {"steps: missing",
       [](Json& c) {
         c["gradients"] = "parity";
         c.erase("steps");
       }},
      {"steps: is 1.5, must be a whole number", [](Json& c) { c["steps"] = 1.5; }},
      {"lr_scale: 1 numbers, must be 2", [](Json& c) { c["lr_scale"] = {1.0}; }},
      {"expected: missing", [](Json& c) { c.erase("expected"); }},
      {"expected: empty", [](Json& c) { c["expected"] = Json::object(); }},
      {"checksum: empty", [](Json& c) { c["checksum"] = Json::object(); }},
      {"expected: step \"3\" must be a whole number from 1 to 2",
       [](Json& c) {
         c["expected"]["3"] = {{0.5, 2.5}};
       }},
      {"expected.1[0]: 1 numbers, must be 2", [](Json& c) { c["expected"]["1"][0].erase(0); }},
      {"expected.2[0][0]: must be a number, is null",
       [](Json& c) { c["expected"]["2"][0][0] = nullptr; }},
      {"tolerance: missing", [](Json& c) { c.erase("tolerance"); }},
      {"tolerance: is -1, must be finite and >= 0", [](Json& c) { c["tolerance"] = -1.0; }},
      {"dtype: is \"float8\", must be one of float64", [](Json& c) { c["dtype"] = "float8"; }},
  };
  std::vector<Json> cases;
  for (const Damage& damage : damages) {
    cases.push_back(by_hand("case " + std::to_string(cases.size())));
    damage.inflict(cases.back());
  }
  cases.push_back(by_hand("good"));
  cases.push_back(Json(7));
  const Ran ran = replay(write("malformed.json", document(cases)));
  EXPECT_EQ(ran.status, 1);
  for (size_t i = 0; i < damages.size(); ++i)
    EXPECT_THAT(line_of(ran.output, "case " + std::to_string(i)), HasSubstr(damages[i].message));
  EXPECT_THAT(line_of(ran.output, "good"), StartsWith("ok "));
  EXPECT_THAT(line_of(ran.output, "cases[" + std::to_string(cases.size() - 1) + "]"),
              HasSubstr("case: must be an object, is number"));
  EXPECT_THAT(ran.output, EndsWith("1 passed, " + std::to_string(cases.size() - 1) + " failed\n"));
}

TEST_F(Replay, FailsFilesThatItCannotReadAndRunsTheOthers) {
  const std::string text = golden("lion.json").dump();
  const std::string truncated = write("truncated.json", text.substr(0, text.size() / 2));
  const std::string other = write("other.json", Json{{"format", "something"}, {"cases", {1}}});
  const std::string empty = write("empty.json", document({}));
  const std::string good = write("good.json", document({by_hand("good")}));
  const std::string absent = good + ".absent";
  const Ran ran = replay(truncated + " " + other + " " + empty + " " + absent + " " + good);
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(line_of(ran.output, truncated), HasSubstr("not JSON: "));
  EXPECT_THAT(line_of(ran.output, other),
              HasSubstr("format: is \"something\", must be \"descent-replay-1\""));
  EXPECT_THAT(line_of(ran.output, empty), HasSubstr("cases: empty"));
  EXPECT_THAT(line_of(ran.output, absent), HasSubstr(absent));
  EXPECT_THAT(ran.output, EndsWith("ok   good  0\n1 passed, 4 failed\n"));
}

TEST_F(Replay, ComparesAtTheTypeThatItRunsIn) {
  Json coarse = by_hand("coarse");
  coarse["expected"]["1"][0][0] = 0.5 + 5e-5;
  const std::string file = write("coarse.json", document({coarse}));
  EXPECT_EQ(replay(file).status, 1);
  EXPECT_EQ(replay("--dtype float64 " + file).status, 1);
  EXPECT_EQ(replay("--dtype float32 " + file).status, 0);
}

TEST_F(Replay, RefusesArgumentsThatItDoesNotKnow) {
  const std::string file = write("a.json", document({by_hand("by hand")}));
  for (const std::string& arguments :
       {"--pass v5 " + file, "--dtype float16 " + file, std::string()}) {
    const Ran ran = replay(arguments);
    EXPECT_EQ(ran.status, 2) << arguments;
    EXPECT_THAT(ran.output, Not(HasSubstr("passed"))) << arguments;
  }
}

}  // namespace
