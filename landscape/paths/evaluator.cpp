#include <descent/landscape/evaluate/refuse.h>
#include <descent/landscape/paths/evaluator.h>

namespace descent::landscape {

BatchWeights::BatchWeights(const char* who, std::span<const Metric> metrics, const Batches& data)
    : totals_(metrics.size(), 0.0) {
  for (const Data& batch : data) {
    for (size_t m = 0; m < metrics.size(); ++m) {
      const Metric& metric = metrics[m];
      const double weight =
          metric.count ? metric.count(batch.target) : static_cast<double>(samples_of(batch));
      weights_.push_back(weight);
      totals_[m] += weight;
    }
  }
  for (size_t m = 0; m < metrics.size(); ++m) {
    if (totals_[m] > 0) continue;
    refuse(who, ": no target of the data counts in ", metrics[m].name,
           ", so that it has no value; class indices of -100 are ignored");
  }
}

}  // namespace descent::landscape
