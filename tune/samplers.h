#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <descent/base/fields.h>

namespace torch::serialize {
class InputArchive;
class OutputArchive;
}  // namespace torch::serialize

namespace descent {

/// How far a sampler is.
struct SamplerPlace {
  int64_t epoch = 0;   ///< passes over the data ahead of this one
  int64_t sample = 0;  ///< samples of this pass that were handed out
  int64_t step = 0;    ///< batches that were handed out in all, which curricula go by
  bool operator==(const SamplerPlace&) const = default;
};

/// A sampler for torch::data::make_data_loader, which takes copies: all copies are one sampler, so
/// that it can be asked and saved while a loader has it. LibTorch's own samplers begin anew at the
/// loader's begin(); these go on there after load() and go_to().
///
///   ShuffledSampler sampler(size, /*seed=*/1);
///   auto loader = torch::data::make_data_loader(std::move(dataset), sampler, /*batch_size=*/32);
///   for (auto& batch : *loader) { ...; sampler.save(archive); }     // at any batch
///
/// A loader with workers asks ahead of the batches that it gives: there count the batches, and use
/// go_to({epoch, batches * batch_size, steps}) in the place of save() and load().
class ResumedSampler {
 public:
  using BatchRequestType = std::vector<size_t>;

  /// What the loader calls: begins the next pass, but goes on after load() and go_to(), and in a
  /// new sampler. Throws std::invalid_argument for another size than that of the sampler.
  void reset(std::optional<size_t> size = {});
  /// The indices of a batch; the last one of a pass may be smaller. Nothing at the end.
  std::optional<std::vector<size_t>> next(size_t batch_size);

  SamplerPlace place() const;
  /// Throws std::invalid_argument for a place that is none.
  void go_to(const SamplerPlace& place);
  void save(torch::serialize::OutputArchive& archive) const;
  /// Throws std::invalid_argument for the archive of another sampler: size, seed, order or pacing.
  void load(torch::serialize::InputArchive& archive);

  struct Parts;  ///< what the copies share

 protected:
  explicit ResumedSampler(std::shared_ptr<Parts> parts) : parts_(std::move(parts)) {}

  std::shared_ptr<Parts> parts_;
};

/// Each pass in an order of its own, which seed and pass alone decide, on every machine.
class ShuffledSampler : public ResumedSampler {
 public:
  /// Throws std::invalid_argument unless there is a sample.
  explicit ShuffledSampler(int64_t size, uint64_t seed = 0);
};

/// How the share of the samples grows from which a curriculum draws, with the steps t (batches):
///   Linear   start + (1 - start) t / steps
///   Root     sqrt(start^2 + (1 - start^2) t / steps)
///   Stepwise start increase^floor(t / length)
/// and at most 1. Hacohen & Weinshall 2019, arXiv:1904.03626, and Platanios et al. 2019,
/// arXiv:1903.09848, for the root.
DESCENT_ENUM(Pacing, Linear, Root, Stepwise)

struct CurriculumOptions {
  Pacing pacing = Pacing::Linear;
  double start = 0.1;     ///< the share at first
  int64_t steps = 1000;   ///< until all samples take part; of Linear and Root
  double increase = 1.9;  ///< of Stepwise
  int64_t length = 100;   ///< steps between two increases; of Stepwise
  uint64_t seed = 0;
  DESCENT_OPTIONS((pacing), (start, positive_unit), (steps, at_least_one), (increase, above_one),
                  (length, at_least_one), (seed, not_text))
};

/// The share after so many steps.
double share(const CurriculumOptions& options, int64_t step);

/// From easy to hard: each batch is drawn from the easiest share of the samples, no sample twice in
/// a batch, and at least from as many samples as the batch has. A pass has as many batches as one
/// over all samples; seed and step alone decide on a batch.
class CurriculumSampler : public ResumedSampler {
 public:
  /// `difficulty` of each sample, as its loss under another network: low is easy. Throws
  /// std::invalid_argument for none, a NaN, and options out of range.
  explicit CurriculumSampler(const std::vector<double>& difficulty,
                             const CurriculumOptions& options = {});
};

}  // namespace descent
