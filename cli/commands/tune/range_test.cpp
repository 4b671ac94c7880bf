#include "commands/tune/range_test.h"

#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include <descent/base/atomic_file.h>
#include <descent/base/text.h>
#include <descent/pictures/draw_study.h>
#include <descent/tune/rates.h>

#include "commands/tune/task.h"
#include "number.h"
#include "output.h"
#include "progress.h"

namespace descent::cli {
namespace {

struct RangeTestJob {
  TaskOptions task{};
  RangeTestOptions options{};
  std::filesystem::path out = "out/range_test";
  bool force = false;
};

std::string csv(const RangeTest& test) {
  std::string text = "step,lr,loss,smoothed\n";
  for (size_t i = 0; i < test.rates.size(); ++i)
    text += std::to_string(i) + "," + digits(test.rates[i]) + "," + digits(test.losses[i]) + "," +
            digits(test.smoothed[i]) + "\n";
  return text;
}

void run(RangeTestJob& job, std::ostream& out) {
  const std::unique_ptr<Task> task = make_task(job.task);
  const std::unique_ptr<Training> training = task->begin({});
  check_output(job.out, job.force);
  RangeTest test;
  {
    Progress progress;
    double rate = 0;
    int64_t step = 0;
    // An optimizer may ask several times in a step, which all have its batch.
    const auto closure = [&] {
      stop_if_interrupted();
      const double now = training->optimizer().param_groups()[0].options().get_lr();
      if (now != rate) {
        if (step++ > 0) training->next_batch();
        rate = now;
        progress.reach(static_cast<double>(step) / static_cast<double>(job.options.steps),
                       "lr " + number(rate));
      }
      return training->evaluate();
    };
    test = range_test(training->optimizer(), closure, training->buffers(), job.options);
  }
  OutputFolder output(job.out, job.force);
  write_atomically(output / "range_test.csv", csv(test));
  const bool drawn = test.rates.size() > 1 && std::isfinite(test.smoothed[0]);
  if (drawn)
    for (const char* const name : {"range_test.png", "range_test.svg", "range_test.html"})
      draw(test, output / name, {.title = "Range test of " + task->about()});
  output.publish();
  out << "task    " << task->about() << '\n';
  if (!task->note().empty()) out << "        " << task->note() << '\n';
  out << "rates   " << number(test.rates.front()) << " to " << number(test.rates.back()) << ", "
      << test.rates.size() << " steps" << (test.gave_up ? ", then the loss explodes" : "") << '\n';
  for (const auto& [name, rate, how] :
       {std::tuple{"valley", test.valley, "the one to take: half way down the longest descent"},
        {"steep", test.steep, "where the loss falls fastest"},
        {"minimum", test.minimum, "a tenth of the rate at the lowest loss"}})
    out << name << std::string(8 - std::string(name).size(), ' ') << "lr = " << number(rate)
        << "  (" << how << ")\n";
  out << "open " << (output.path() / (drawn ? "range_test.html" : "range_test.csv")).string()
      << '\n';
  if (!std::isfinite(test.valley))
    throw NothingFinite("only " + std::to_string(test.rates.size()) +
                        " steps were made, too few for a suggestion: --lo is too high; the numbers "
                        "are in " +
                        job.out.string());
}

}  // namespace

void add_range_test(CLI::App& command) {
  const auto job = std::make_shared<RangeTestJob>();
  add_task(command, job->task);
  RangeTestOptions& options = job->options;
  command.add_option("--lo", options.lo, "first rate")->capture_default_str();
  command.add_option("--hi", options.hi, "last rate")->capture_default_str();
  command.add_option("--steps", options.steps, "how many, a batch each")->capture_default_str();
  command.add_option("--out", job->out, "folder")->capture_default_str();
  command.add_flag("--force", job->force, "replaces files of the same names in the folder");
  command.callback([job] {
    catch_interrupts();
    run(*job, std::cout);
  });
}

}  // namespace descent::cli
