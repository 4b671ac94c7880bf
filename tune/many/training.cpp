#include <algorithm>
#include <limits>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <c10/util/StringUtil.h>

#include <descent/base/text.h>
#include <descent/tensors/fingerprint.h>
#include <descent/tune/many/trainer.h>
#include <descent/tune/methods/search.h>
#include <descent/tune/threads.h>
#include <descent/tune/training.h>

namespace descent {
namespace {

/// Points beside the ends of the space, of which some are compared with single trainings.
constexpr int kTried = 12;

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument("tune: " + what); }

Candidate candidate_of(const Training& training, const OptionValues& values) {
  Candidate result{.options = training.options, .seed = training.seed, .scale = training.scale};
  for (const auto& [name, value] : values) {
    if (name != "scale") {
      result.options.emplace_back(name, value);
      continue;
    }
    const double* const scale = std::get_if<double>(&value);
    if (scale == nullptr) refuse("scale = " + to_text(value) + ", must be a number");
    result.scale = *scale;
  }
  return result;
}

/// The ends of the space, points of it, and each value of a list.
std::vector<Candidate> tried(const Training& training, const Space& space) {
  std::vector<std::vector<double>> points{std::vector<double>(space.size(), 0.0),
                                          std::vector<double>(space.size(), 1.0)};
  std::mt19937_64 bits(2402);
  for (int k = 0; k < kTried; ++k) points.push_back(search::uniform_point(space.size(), bits));
  for (size_t side = 0; side < space.size(); ++side)
    for (int64_t k = 0; space.is_list(side) && k < space.count(side); ++k) {
      points.push_back(search::uniform_point(space.size(), bits));
      points.back()[side] = (static_cast<double>(k) + 0.5) / static_cast<double>(space.count(side));
    }
  std::vector<Candidate> result;
  for (const auto& point : points)
    result.push_back(candidate_of(training, space.values(space.snapped(point))));
  return result;
}

/// In words that no other training has.
std::string about(const Training& training, const many::Job& job) {
  tensors::Fingerprint print;
  for (size_t k = 0; k < job.parameters.tensors.size(); ++k) {
    print.add(job.parameters.names[k]);
    print.add(job.parameters.tensors[k]);
    print.add(static_cast<int64_t>(job.frozen[k]));
  }
  for (const auto& [name, buffer] : job.model.buffers()) print.add(buffer);
  for (const Data& batch : training.data) {
    if (batch.input.defined()) print.add(batch.input);
    for (const auto& [name, input] : batch.named) print.add(input);
    print.add(batch.target);
  }
  print.add(training.schedule.text());
  print.add(training.limit);
  print.add(training.scale);
  print.add(static_cast<int64_t>(training.seed.has_value()));
  print.add(static_cast<int64_t>(training.seed.value_or(0)));
  std::string text = job.rule.about.key;
  for (const auto& [name, value] : training.options) text += ", " + name + "=" + to_text(value);
  return text + " on " + job.model.type() + ", " + job.loss.name + ", " +
         std::to_string(training.steps) + " steps, fingerprint " +
         tensors::hexadecimal(print.value());
}

/// The private memories of a trainer, each for one trial at a time.
class Places {
 public:
  Places(many::Trainer& trainer, int64_t count) {
    trainer.prepare(static_cast<int>(count));
    for (int place = 0; place < count; ++place) free_.push_back(place);
  }

  /// One that belongs to nobody else until the end of the scope.
  class Taken {
   public:
    explicit Taken(Places& places) : places_(places) {
      const std::lock_guard lock(places_.mutex_);
      place_ = places_.free_.back();
      places_.free_.pop_back();
    }
    ~Taken() {
      const std::lock_guard lock(places_.mutex_);
      places_.free_.push_back(place_);
    }
    Taken(const Taken&) = delete;
    Taken& operator=(const Taken&) = delete;
    int place() const { return place_; }

   private:
    Places& places_;
    int place_;
  };

 private:
  std::mutex mutex_;
  std::vector<int> free_;
};

}  // namespace

Study tune(Space space, const Training& training, StudyOptions options) {
  if (!options.optimizer.empty())
    refuse("options.optimizer = " + options.optimizer + ", must be empty: the training has one");
  for (const auto& [name, value] : training.options)
    for (const std::string& other : space.names())
      if (name == other)
        refuse("training.options has " + name + " = " + to_text(value) +
               ", which the space changes: give it in one of them");
  const auto threads =
      static_cast<int>(std::clamp<int64_t>(options.threads, 1, std::numeric_limits<int>::max()));
  {
    // Refuses what is wrong with the study alone, ahead of its files.
    StudyOptions alone = options;
    alone.journal.clear();
    alone.checkpoints.clear();
    alone.store.reset();
    const Study study(space, std::move(alone));
    if (search::make_search(options.method, {.space = space, .trials = options.trials})
            ->needs_reports())
      refuse("the method " + to_text(options.method) +
             " gives trials up by their reports, which trainings at once do not make; give tune() "
             "a function, or another method");
  }
  if (training.path == Path::Batched)
    refuse(
        "training.path = batched, must be auto, loop or fused: a study makes its trials one by "
        "one");
  const TrainManyOptions each{.steps = training.steps,
                              .threads = threads,
                              .path = training.path,
                              .schedule = training.schedule,
                              .limit = training.limit};
  const OneThreadEach one_thread;
  const std::vector<Candidate> candidates = tried(training, space);
  const many::Job job(training.network, training.loss, training.data, training.optimizer,
                      candidates, each, {.name = "tune", .options = "training"});
  many::Trainer trainer(job, 1);
  options.subject += (options.subject.empty() ? "" : ": ") + about(training, job);
  Places places(trainer, threads);
  return tune(
      std::move(space),
      [&](Trial& trial) {
        const Places::Taken taken(places);
        const Candidate candidate = candidate_of(training, trial.options());
        return trainer.train(taken.place(), {&candidate, 1}, {})[0].final;
      },
      std::move(options));
}

}  // namespace descent
