#include <descent/optim/files/python.h>

#include "archive.h"
#include "optimizer.h"

/// The input is the pickle of a file of Python that holds an optimizer's state_dict.
void descent::fuzz::take(std::string_view bytes) {
  const auto path = file_of(archive_of(bytes), ".pt");
  take_optimizer(bytes.size(), [&](OptimizerBase& optimizer) { load_python(optimizer, path); });
}
