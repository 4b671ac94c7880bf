#include <algorithm>

#include <descent/tune/many/trainer.h>
#include <descent/tune/threads.h>

namespace descent {

TrainedMany train_many(const Network& network, const Metric& loss, const Batches& data,
                       std::string_view optimizer, const std::vector<Candidate>& candidates,
                       const TrainManyOptions& options) {
  const many::Job job(network, loss, data, optimizer, candidates, options);
  // Networks are what is done at once; LibTorch works on one thread in each.
  const OneThreadEach one_thread;
  const auto count = static_cast<int64_t>(candidates.size());
  many::Trainer trainer(job, count);
  const int64_t at_once = trainer.at_once(), pieces = (count + at_once - 1) / at_once;
  const int workers = trainer.workers(pieces);
  trainer.prepare(workers);
  TrainedMany result{.path = trainer.path(),
                     .reason = trainer.reason(),
                     .kernel = trainer.kernel(),
                     .check = trainer.check()};
  result.trainings.assign(candidates.size(), many::unmade());
  result.stopped = !tensors::for_each_item(
      workers, pieces,
      [&](int worker, int64_t piece, const tensors::Pulse& pulse) {
        const int64_t first = piece * at_once, n = std::min(at_once, count - first);
        auto made = trainer.train(
            worker,
            std::span(candidates).subspan(static_cast<size_t>(first), static_cast<size_t>(n)),
            pulse);
        std::move(made.begin(), made.end(), result.trainings.begin() + first);
      },
      options.on_progress);
  return result;
}

}  // namespace descent
