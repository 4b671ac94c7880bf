#include <algorithm>
#include <cmath>
#include <numeric>

#include <descent/base/random.h>
#include <descent/tune/methods/method.h>
#include <descent/tune/methods/parzen.h>
#include <descent/tune/methods/search.h>
#include <descent/tune/methods/tpe_point.h>

namespace descent::search {

std::vector<double> tpe_point(const Tpe& options, const std::vector<int64_t>& counts,
                              const std::vector<std::vector<double>>& points,
                              const std::vector<double>& values,
                              const std::function<double()>& uniform) {
  std::vector<size_t> order(points.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return rank(values[a]) < rank(values[b]); });
  const auto best =
      std::min(static_cast<size_t>(std::ceil(options.gamma * static_cast<double>(points.size()))),
               static_cast<size_t>(options.most_below));
  std::vector<bool> is_best(points.size(), false);
  for (size_t i = 0; i < best; ++i) is_best[order[i]] = true;
  std::vector<std::vector<double>> parts[2];
  for (size_t i = 0; i < points.size(); ++i) parts[is_best[i] ? 0 : 1].push_back(points[i]);
  const Parzen below(parts[0], counts), above(parts[1], counts);

  std::vector<double> chosen;
  double most = -kInfinity;
  for (int64_t i = 0; i < options.candidates; ++i) {
    std::vector<double> candidate = below.draw(uniform);
    const double gain = below.log_density(candidate) - above.log_density(candidate);
    if (i > 0 && !(gain > most)) continue;
    most = gain;
    chosen = std::move(candidate);
  }
  return chosen;
}

namespace {

class OfTpe final : public Search {
 public:
  OfTpe(const Tpe& options, const Setting& setting)
      : options_(options),
        trials_(setting.trials == 0 ? std::max(kTrials, options.startup + 1) : setting.trials),
        batch_(setting.batch),
        seed_(setting.seed) {
    if (trials_ <= options.startup)
      refuse(options.key,
             fields::out_of_range("trials", trials_,
                                  "more than startup = " + std::to_string(options.startup)));
    for (size_t i = 0; i < setting.space.size(); ++i)
      counts_.push_back(setting.space.is_list(i) ? setting.space.count(i) : 0);
  }

  int64_t trials() const override { return trials_; }
  int64_t needs(int64_t number) const override {
    return learnt_from(number, options_.startup, batch_);
  }

  Chosen choose(int64_t number, const Records& records) const override {
    std::mt19937_64 bits = random_numbers(seed_, number);
    if (number < options_.startup) return {uniform_point(counts_.size(), bits)};
    std::vector<std::vector<double>> points;
    std::vector<double> values;
    for (int64_t i = 0; i < needs(number); ++i) {
      points.push_back(records[static_cast<size_t>(i)].point);
      values.push_back(records[static_cast<size_t>(i)].value);
    }
    return {tpe_point(options_, counts_, points, values, [&] { return uniform(bits); })};
  }

 private:
  Tpe options_;
  std::vector<int64_t> counts_;
  int64_t trials_, batch_;
  uint64_t seed_;
};

}  // namespace

std::unique_ptr<Search> make_search(const Tpe& options, const Setting& setting) {
  return std::make_unique<OfTpe>(options, setting);
}

}  // namespace descent::search
