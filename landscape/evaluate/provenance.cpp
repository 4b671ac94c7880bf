#include <algorithm>
#include <set>
#include <vector>

#include <torch/version.h>

#include <descent/base/fields.h>
#include <descent/base/text.h>
#include <descent/landscape/evaluate/provenance.h>
#include <descent/landscape/network/parameters.h>
#include <descent/tensors/fingerprint.h>

namespace descent::landscape {
namespace {

using at::Tensor;

uint64_t weights_hash(const Problem& problem) {
  tensors::Fingerprint weights;
  for (const Tensor& tensor : problem.plane.center) weights.add(tensor);
  for (const Tensor& tensor : problem.plane.buffers.center) weights.add(tensor);
  for (const auto& [name, buffer] : problem.model.buffers()) weights.add(buffer);
  return weights.value();
}

uint64_t data_hash(const Batches& data) {
  tensors::Fingerprint hash;
  for (const Data& batch : data) {
    hash.add(batch.input);
    for (const auto& [name, tensor] : batch.named) hash.add(tensor);
    hash.add(batch.target);
  }
  return hash.value();
}

/// What the running statistics are over the plane, and whether the networks that it was laid
/// through show their own values.
std::string statistics_of(const Problem& problem, const Plane& plane) {
  if (floating_buffers_of(problem.model).names.empty()) return "";
  const bool several = plane.marks.size() > 1;
  switch (problem.batch_norm) {
    case BatchNorm::Interpolate:
      return std::string("running statistics move along the plane") +
             (several ? ", and each network of it has its own" : "");
    case BatchNorm::Recompute:
      return std::string("running statistics are averages over the data at each point") +
             (several ? ", which are not those of the networks themselves" : "");
    case BatchNorm::Batch:
      return std::string("each batch is normalised by its own statistics") +
             (several ? ", not by those of the networks" : "");
    default:
      return several ? "running statistics are those of the first network everywhere, so that the "
                       "values at the others are not their own"
                     : "running statistics are those of the network everywhere";
  }
}

}  // namespace

Notes notes_of(const Problem& problem, const Plane& plane) {
  int64_t samples = 0, parameters = 0;
  for (const Data& batch : problem.data) samples += samples_of(batch);
  std::set<std::string> types;
  for (const Tensor& tensor : plane.center) {
    parameters += tensor.numel();
    types.insert(c10::toString(tensor.scalar_type()));
  }
  Notes notes{{"plane", plane.how},
              {"directions", tensors::hexadecimal(plane.hash())},
              {"weights", tensors::hexadecimal(weights_hash(problem))},
              {"data_hash", tensors::hexadecimal(data_hash(problem.data))},
              {"network", problem.model.type()},
              {"parameters", std::to_string(parameters)},
              {"dtype", joined(types)},
              {"samples", std::to_string(samples)},
              {"batch_norm", to_text(fields::value_of(problem.batch_norm))},
              {"torch", TORCH_VERSION},
              {"descent", DESCENT_VERSION}};
  const std::string statistics = statistics_of(problem, plane);
  if (!statistics.empty()) notes["statistics"] = statistics;
  if (plane.seed) notes["seed"] = std::to_string(*plane.seed);
  return notes;
}

uint64_t fingerprint(const EvaluateOptions& options) {
  tensors::Fingerprint result;
  for (const OptionInfo& option : fields::describe(options)) {
    const auto& apart = EvaluateOptions::kNotInResult;
    if (std::find(apart.begin(), apart.end(), option.name) != apart.end()) continue;
    result.add(option.name);
    result.add(to_text(option.value));
  }
  return result.value();
}

uint64_t fingerprint(const Problem& problem, const EvaluateOptions& options, const Notes& notes,
                     const Choice& choice, const Evaluator& evaluator, const Axis& x, const Axis& y,
                     const Center& center, Loop& loop) {
  tensors::Fingerprint job;
  job.add(static_cast<int64_t>(fingerprint(options)));
  for (const auto& [name, note] : notes) {
    job.add(name);
    job.add(note);
  }
  for (const uint64_t hash : center.hashes) job.add(static_cast<int64_t>(hash));
  job.add(static_cast<int64_t>(center.values));
  const Point corners[] = {{x.at(0), y.at(0)}, {x.at(x.n - 1), y.at(y.n - 1)}};
  std::vector<double> values(problem.metrics.size());
  for (const Point& corner : corners) {
    loop.glance(corner, values.data());
    for (const double value : values) job.add(value);
  }
  job.add(loop.samples_at_once());
  job.add(int64_t{loop.has_channels_last()});
  for (const Metric& metric : problem.metrics) {
    job.add(metric.name);
    job.add(static_cast<int64_t>(metric.traits.kernel));
  }
  for (const Axis* axis : {&x, &y}) {
    job.add(axis->lo);
    job.add(axis->hi);
    job.add(axis->n);
  }
  job.add(choice.kernel);
  if (choice.path == Path::Fused) job.add(choice.reason);  // its shortcuts
  job.add(evaluator.chunk());
  return job.value();
}

}  // namespace descent::landscape
