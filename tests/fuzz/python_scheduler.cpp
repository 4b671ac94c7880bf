#include <array>
#include <exception>
#include <vector>

#include <descent/optim.h>
#include <descent/optim/files/python.h>

#include "archive.h"
#include "optimizer.h"

/// The input is the pickle of a file of Python that holds a scheduler's state_dict. Its size chooses
/// the schedule that reads it.
void descent::fuzz::take(std::string_view bytes) {
  static const std::array<Schedule, 3> schedules{StepLR{.step_size = 2, .gamma = 0.5},
                                                 MultiStepLR{.milestones = {1, 3}},
                                                 CosineAnnealingLR{.T_max = 10}};
  const auto path = file_of(archive_of(bytes), ".pt");
  const MadeOptimizer optimizer = optimizer_of("sgd");
  Scheduler scheduler(optimizer->as_libtorch(), schedules[bytes.size() % schedules.size()]);
  const std::vector<double> before = scheduler.last_lr();
  try {
    load_python(scheduler, path);
  } catch (const std::exception&) {
    expect(scheduler.n() == 0 && scheduler.last_lr() == before,
           "a refused file moved the schedule");
    throw;
  }
  scheduler.step();
}
