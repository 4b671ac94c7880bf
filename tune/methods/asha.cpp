#include <algorithm>
#include <cmath>

#include <descent/tune/methods/method.h>
#include <descent/tune/methods/search.h>

namespace descent::search {
namespace {

class OfAsha final : public Search {
 public:
  OfAsha(const Asha& options, const Setting& setting)
      : options_(options),
        size_(setting.space.size()),
        trials_(setting.trials == 0 ? kTrials : setting.trials),
        seed_(setting.seed) {}

  int64_t trials() const override { return trials_; }
  int64_t needs(int64_t) const override { return 0; }
  bool needs_reports() const override { return true; }

  Chosen choose(int64_t number, const Records&) const override {
    std::mt19937_64 bits = random_numbers(seed_, number);
    return {uniform_point(size_, bits)};
  }

  Verdict judge(int64_t number, int64_t decided, const Records& records) const override {
    const TrialRecord& own = records[static_cast<size_t>(number)];
    const auto eta = static_cast<double>(options_.eta);
    const auto done = static_cast<double>(own.reports.back().step) + 1;
    double resource = static_cast<double>(options_.min_resource) *
                      std::pow(eta, static_cast<double>(options_.bracket));
    // Of rungs that one report has passed at once, the highest counts.
    while (resource * eta <= done) resource *= eta;
    if (done < resource || static_cast<double>(decided) >= resource) return Verdict::GoOn;
    const double value = rank(*value_at(own, resource));
    if (value == kInfinity) return Verdict::GiveUp;
    std::vector<double> recorded;
    for (int64_t i = 0; i <= number; ++i) {
      const TrialRecord& record = records[static_cast<size_t>(i)];
      if (const double* const there = value_at(record, resource))
        recorded.push_back(rank(*there));
      else if (!record.ended())
        return Verdict::Wait;
    }
    const size_t k = std::max<size_t>(1, recorded.size() / static_cast<size_t>(options_.eta));
    std::nth_element(recorded.begin(), recorded.begin() + static_cast<std::ptrdiff_t>(k - 1),
                     recorded.end());
    return value > recorded[k - 1] ? Verdict::GiveUp : Verdict::GoOn;
  }

 private:
  Asha options_;
  size_t size_;
  int64_t trials_;
  uint64_t seed_;
};

}  // namespace

std::unique_ptr<Search> make_search(const Asha& options, const Setting& setting) {
  return std::make_unique<OfAsha>(options, setting);
}

}  // namespace descent::search
