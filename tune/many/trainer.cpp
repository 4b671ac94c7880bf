#include <algorithm>
#include <utility>

#include <ATen/Parallel.h>

#include <descent/tune/many/self_check.h>
#include <descent/tune/many/trainer.h>
#include <descent/tune/threads.h>

namespace descent::many {

Trainer::Trainer(const Job& job)
    : job_(job), threads_(job.options.threads > 0 ? job.options.threads : at::get_num_threads()) {
  OneThreadEach::here();
  TrainManyOptions compared = job.options;
  compared.keep_losses = true;
  compared.keep_weights = false;
  const Job checking(job, compared);
  Single single(checking);
  const Tensors predictions = single.predictions();
  reason_ = "asked for";
  if (job.options.path == Path::Loop) return;
  std::string why_not;
  if (const auto fast = ChainTraining::of(checking, predictions, &why_not)) {
    fast->prepare(1);
    why_not = self_check(checking, *fast, single, &check_);
    if (why_not.empty()) {
      fast_ = ChainTraining::of(job, predictions, &why_not);
      reason_ = fast_->description();
      return;
    }
  }
  if (job.options.path == Path::Fused)
    job.refuse(job.caller.options + ".path is fused, but " + why_not);
  reason_ = "not fused: " + why_not;
}

int Trainer::workers(int64_t trainings) const {
  return static_cast<int>(std::clamp<int64_t>(trainings, 1, threads_));
}

void Trainer::prepare(int workers) {
  if (fast_) return fast_->prepare(workers);
  while (singles_.size() < static_cast<size_t>(workers))
    singles_.push_back(std::make_unique<Single>(job_));
}

Trained Trainer::train(int worker, const Candidate& candidate, const tensors::Pulse& pulse) {
  OneThreadEach::here();
  const Tensors initial = job_.initial(candidate);
  return fast_ ? fast_->train(worker, candidate, initial, job_.options.steps, pulse)
               : singles_[static_cast<size_t>(worker)]->train(candidate, initial,
                                                              job_.options.steps, pulse);
}

}  // namespace descent::many
