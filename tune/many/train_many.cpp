#include <descent/tune/many/trainer.h>
#include <descent/tune/threads.h>

namespace descent {

TrainedMany train_many(const Network& network, const Metric& loss, const Batches& data,
                       std::string_view optimizer, const std::vector<Candidate>& candidates,
                       const TrainManyOptions& options) {
  const many::Job job(network, loss, data, optimizer, candidates, options);
  // Networks are what is done at once; LibTorch works on one thread in each.
  const OneThreadEach one_thread;
  many::Trainer trainer(job);
  const auto count = static_cast<int64_t>(candidates.size());
  const int workers = trainer.workers(count);
  trainer.prepare(workers);
  TrainedMany result{.path = trainer.path(),
                     .reason = trainer.reason(),
                     .kernel = trainer.kernel(),
                     .check = trainer.check()};
  result.trainings.assign(candidates.size(), many::unmade());
  result.stopped = !tensors::for_each_item(
      workers, count,
      [&](int worker, int64_t item, const tensors::Pulse& pulse) {
        const auto k = static_cast<size_t>(item);
        result.trainings[k] = trainer.train(worker, candidates[k], pulse);
      },
      options.on_progress);
  return result;
}

}  // namespace descent
