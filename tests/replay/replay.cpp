// Runs recorded trajectories through the library's optimizers and compares: see case.h for what a
// file holds.
#include <cstdio>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <descent/base/atomic_file.h>
#include <descent/base/pass.h>

#include "case.h"
#include "run.h"

namespace {

constexpr int kFailed = 1;
constexpr int kBadArguments = 2;
constexpr int kPassNotSupported = 3;

/// The first line of an error: LibTorch's carry a stack trace.
std::string reason(const std::exception& error) {
  const auto* from_torch = dynamic_cast<const c10::Error*>(&error);
  const std::string text = from_torch ? from_torch->what_without_backtrace() : error.what();
  return text.substr(0, text.find('\n'));
}

class Summary {
 public:
  void add(const std::string& name, const replay::Outcome& outcome) {
    if (outcome.passed) {
      ++passed_;
      fmt::print("ok   {}  {:.3g}\n", name, outcome.error);
    } else {
      ++failed_;
      fmt::print("FAIL {}  {:.3g}  {}\n", name, outcome.error, outcome.message);
    }
  }

  void fail(const std::string& name, const std::exception& error) {
    ++failed_;
    fmt::print("FAIL {}  {}\n", name, reason(error));
  }

  int finish() const {
    fmt::print("{} passed, {} failed\n", passed_, failed_);
    return failed_ == 0 ? 0 : kFailed;
  }

 private:
  int passed_ = 0;
  int failed_ = 0;
};

void replay_file(const std::string& path, const std::string& dtype, Summary& summary) {
  std::vector<replay::Json> cases;
  try {
    cases = replay::split(descent::read_file(path));
  } catch (const std::exception& error) {
    return summary.fail(path, error);
  }
  for (size_t place = 0; place < cases.size(); ++place) {
    const std::string name = replay::name_of(cases[place], place);
    try {
      summary.add(name, replay::run(replay::read_case(cases[place]), dtype));
    } catch (const std::exception& error) {
      summary.fail(name, error);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string pass = "auto", dtype;
  std::vector<std::string> files;
  CLI::App app(
      "Runs recorded trajectories through the library's optimizers and compares.\n"
      "A case passes when max |a - b| / max(1, |b|) over all parameters and recorded steps is at\n"
      "most its tolerance, and its checksums, if it runs in the type that it was recorded in, "
      "hold\n"
      "to max(its tolerance, 1e-11).\n"
      "Exit status: 0 all passed, 1 some failed, 2 bad arguments, 3 this CPU lacks the pass.");
  app.add_option("--pass", pass, "how steps are computed")
      ->check(CLI::IsMember({"auto", "tensor", "baseline", "v3", "v4"}))
      ->capture_default_str();
  app.add_option("--dtype", dtype,
                 "runs every case in this type instead of its own; a case recorded in a finer\n"
                 "type is compared with max(its tolerance, 1e-4), which rules that find their\n"
                 "rate (prodigy, dadapt_adamw, mechanic) do not hold: they amplify round-off")
      ->check(CLI::IsMember({"float64", "float32"}));
  app.add_option("files", files, "files of cases, format descent-replay-1")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadArguments;
  }

  for (const descent::Pass each :
       {descent::Pass::Tensor, descent::Pass::Baseline, descent::Pass::V3, descent::Pass::V4})
    if (pass == to_string(each) && !supported(each)) {
      fmt::print("this CPU cannot run the pass {}\n", pass);
      return kPassNotSupported;
    }

  Summary summary;
  try {
    descent::set_pass(pass);
  } catch (const std::invalid_argument& error) {
    fmt::print(stderr, "replay: {}\n", error.what());
    return kBadArguments;
  }
  for (const std::string& path : files) replay_file(path, dtype, summary);
  return summary.finish();
}
