#include <algorithm>
#include <utility>

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include <descent/tune/many/self_check.h>
#include <descent/tune/many/trainer.h>
#include <descent/tune/threads.h>

namespace descent::many {

Trainer::Trainer(const Job& job, int64_t trainings)
    : job_(job), threads_(job.options.threads > 0 ? job.options.threads : at::get_num_threads()) {
  OneThreadEach::here();
  TrainManyOptions compared = job.options;
  compared.keep_losses = true;
  compared.keep_weights = false;
  const Job checking(job, compared);
  Single single(checking);
  const Tensors predictions = single.predictions();
  const Path asked = job.options.path;
  std::string reasons;
  // `make` gives the trainings of a path for a job, or nothing and the reason.
  const auto try_path = [&](Path path, const auto& make) {
    if (fast_ || (asked != Path::Auto && asked != path)) return;
    const std::string name = to_text(fields::value_of(path));
    std::string why_not;
    try {
      if (const auto fast = make(checking, &why_not)) {
        fast->prepare(1);
        why_not = self_check(checking, *fast, single, &check_);
        if (why_not.empty()) fast_ = make(job, &why_not);
      }
    } catch (const c10::Error& error) {
      why_not = std::string("it failed: ") + error.what_without_backtrace();
    } catch (const std::exception& error) {
      why_not = std::string("it failed: ") + error.what();
    }
    if (fast_) return;
    if (asked == path) job.refuse(job.caller.options + ".path is " + name + ", but " + why_not);
    reasons += (reasons.empty() ? "not " : "; not ") + name + ": " + why_not;
  };
  try_path(Path::Fused, [&](const Job& its, std::string* why_not) {
    return chain_training(its, predictions, why_not);
  });
  try_path(Path::Batched, [&](const Job& its, std::string* why_not) {
    return batched_training(its, single, trainings, why_not);
  });
  reason_ = fast_             ? fast_->description() + (reasons.empty() ? "" : "; " + reasons)
            : reasons.empty() ? "asked for"
                              : reasons;
}

int Trainer::workers(int64_t calls) const {
  return static_cast<int>(std::clamp<int64_t>(calls, 1, threads_));
}

void Trainer::prepare(int workers) {
  if (fast_) return fast_->prepare(workers);
  while (singles_.size() < static_cast<size_t>(workers))
    singles_.push_back(std::make_unique<Single>(job_));
}

std::vector<Trained> Trainer::train(int worker, std::span<const Candidate> candidates,
                                    const tensors::Pulse& pulse) {
  OneThreadEach::here();
  if (fast_) return fast_->train(worker, candidates, job_.options.steps, pulse);
  std::vector<Trained> result;
  for (const Candidate& candidate : candidates)
    result.push_back(singles_[static_cast<size_t>(worker)]->train(
        candidate, job_.initial(candidate), job_.options.steps, pulse));
  return result;
}

}  // namespace descent::many
