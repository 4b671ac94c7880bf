#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <descent/base/random.h>
#include <descent/tune/methods/search.h>

namespace descent::search {

Verdict Search::judge(int64_t, int64_t, const Records&) const { return Verdict::GoOn; }

std::mt19937_64 random_numbers(uint64_t seed, int64_t number) {
  const auto n = static_cast<uint64_t>(number);
  std::seed_seq sequence{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32),
                         static_cast<uint32_t>(n), static_cast<uint32_t>(n >> 32)};
  return std::mt19937_64(sequence);
}

std::vector<double> uniform_point(size_t size, std::mt19937_64& bits) {
  std::vector<double> point(size);
  for (double& x : point) x = uniform(bits);
  return point;
}

int64_t learnt_from(int64_t number, int64_t startup, int64_t batch) {
  return number < startup ? 0 : startup + (number - startup) / batch * batch;
}

double rank(double value) { return std::isfinite(value) ? value : kInfinity; }

size_t best_trial(const Records& records, int64_t trials, bool of_means) {
  struct Sum {
    double values = 0;
    int64_t count = 0;
  };
  std::map<std::vector<double>, Sum> sums;
  if (of_means)
    for (int64_t t = 0; t < trials; ++t) {
      Sum& sum = sums[records[static_cast<size_t>(t)].point];
      sum.values += rank(records[static_cast<size_t>(t)].value);
      ++sum.count;
    }
  // Where all means are infinite, the values themselves decide.
  const auto score = [&](const TrialRecord& record) {
    if (!of_means) return std::pair(rank(record.value), 0.0);
    const Sum& sum = sums.at(record.point);
    const double mean = sum.values / static_cast<double>(sum.count);
    return std::pair(mean, mean < kInfinity ? 0.0 : rank(record.value));
  };
  size_t best = 0;
  for (int64_t t = 1; t < trials; ++t)
    if (score(records[static_cast<size_t>(t)]) < score(records[best]))
      best = static_cast<size_t>(t);
  return best;
}

const double* value_at(const TrialRecord& record, double resource) {
  const auto& reports = record.reports;
  const auto found = std::partition_point(
      reports.begin(), reports.end(),
      [resource](const Report& report) { return static_cast<double>(report.step) + 1 < resource; });
  return found == reports.end() ? nullptr : &found->value;
}

}  // namespace descent::search
