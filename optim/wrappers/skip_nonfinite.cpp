#include <descent/optim/wrappers/skip_nonfinite.h>
#include <descent/tensors/finite.h>
#include <descent/tensors/loss_of.h>
#include <descent/tensors/record.h>

namespace descent {

SkipNonfinite::SkipNonfinite(InnerOptimizer inner) : Wrapper("SkipNonfinite", std::move(inner)) {
  refuse_inside({Has::OtherClosures});
}

at::Tensor SkipNonfinite::step(LossClosure closure) {
  begin_step();
  refuse_inside({Has::OtherClosures});  // options may have changed
  at::Tensor loss = tensors::loss_of(closure);
  std::vector<at::Tensor> gradients;
  for (const auto& group : param_groups_)
    for (const auto& p : group.params())
      if (p.defined() && p.grad().defined()) gradients.push_back(p.grad());
  const bool finite = tensors::all_finite(gradients);
  if (finite) inner().step();
  ++n_;
  skipped_ += finite ? 0 : 1;
  in_a_row_ = finite ? 0 : in_a_row_ + 1;
  return loss;
}

void SkipNonfinite::save_own(tensors::RecordWriter& record) const {
  record.write("n", n_);
  record.write("skipped", skipped_);
  record.write("in_a_row", in_a_row_);
}

Wrapper::Change SkipNonfinite::read_own(const tensors::RecordReader& record) {
  const int64_t n = record.count("n"), skipped = record.count("skipped");
  const int64_t in_a_row = record.count("in_a_row");
  TORCH_CHECK(in_a_row <= skipped && skipped <= n,
              "SkipNonfinite: the archive has in_a_row = ", in_a_row, ", skipped = ", skipped,
              " and n = ", n, ", each must be at most the next one");
  return [this, n, skipped, in_a_row] {
    n_ = n;
    skipped_ = skipped;
    in_a_row_ = in_a_row;
  };
}

}  // namespace descent
