#include <algorithm>
#include <cmath>

#include <descent/tune/methods/method.h>
#include <descent/tune/methods/search.h>

namespace descent::search {
namespace {

class OfRandom final : public Search {
 public:
  OfRandom(const RandomSearch& options, const Setting& setting)
      : options_(options),
        space_(setting.space),
        trials_(setting.trials == 0 ? std::max(kTrials, options.rounds) : setting.trials),
        seed_(setting.seed) {
    if (trials_ < options.rounds)
      refuse(options.key, fields::out_of_range(
                              "trials", trials_,
                              "at least one a round, rounds = " + std::to_string(options.rounds)));
  }

  int64_t trials() const override { return trials_; }
  int64_t needs(int64_t number) const override { return first_of(round_of(number)); }
  bool takes_means() const override { return options_.noisy; }
  std::string depends_on() const override {
    return options_.rounds == 1 ? "" : "trials = " + std::to_string(trials_);
  }

  Chosen choose(int64_t number, const Records& records) const override {
    const int64_t round = round_of(number);
    std::mt19937_64 bits = random_numbers(seed_, number);
    std::vector<double> point = uniform_point(space_.size(), bits);
    const int64_t before = first_of(round);
    if (before == 0) return {point};
    const std::vector<double>& best = best_of(records, before);
    if (options_.noisy && number == before) return {best};
    const double width = std::pow(options_.shrink, static_cast<double>(round));
    for (size_t i = 0; i < point.size(); ++i) {
      if (space_.is_list(i)) continue;
      const double lo = std::clamp(best[i] - width / 2, 0.0, 1 - width);
      point[i] = lo + width * point[i];
    }
    return {point};
  }

 private:
  int64_t first_of(int64_t round) const { return round * trials_ / options_.rounds; }
  int64_t round_of(int64_t number) const {
    int64_t round = number * options_.rounds / trials_;
    while (round + 1 < options_.rounds && first_of(round + 1) <= number) ++round;
    return round;
  }

  /// The best point of the first trials.
  const std::vector<double>& best_of(const Records& records, int64_t trials) const {
    return records[best_trial(records, trials, options_.noisy)].point;
  }

  RandomSearch options_;
  const Space& space_;
  int64_t trials_;
  uint64_t seed_;
};

}  // namespace

std::unique_ptr<Search> make_search(const RandomSearch& options, const Setting& setting) {
  return std::make_unique<OfRandom>(options, setting);
}

}  // namespace descent::search
