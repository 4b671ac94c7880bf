#include <algorithm>
#include <cmath>

#include <descent/tune/methods/brackets.h>
#include <descent/tune/methods/method.h>
#include <descent/tune/methods/search.h>

namespace descent::search {

int64_t largest_bracket(int64_t resource, int64_t eta) {
  int64_t s = 0;
  for (int64_t power = eta; power <= resource; ++s) {
    if (power > resource / eta) return s + 1;
    power *= eta;
  }
  return s;
}

Bracket bracket_of(int64_t trials, int64_t rungs, int64_t resource, int64_t eta) {
  Bracket bracket;
  int64_t power = 1;
  for (int64_t s = 1; s < rungs; ++s) power *= eta;
  int64_t left = trials;
  for (; power >= 1; power /= eta, left /= eta)
    bracket.rounds.push_back({left, static_cast<double>(resource) / static_cast<double>(power)});
  return bracket;
}

std::vector<Bracket> hyperband_brackets(int64_t resource, int64_t eta) {
  const int64_t s_max = largest_bracket(resource, eta);
  std::vector<Bracket> brackets;
  for (int64_t s = s_max; s >= 0; --s) {
    int64_t power = 1;
    for (int64_t i = 0; i < s; ++i) power *= eta;
    const int64_t trials = ((s_max + 1) * power + s) / (s + 1);  // rounded up
    brackets.push_back(bracket_of(trials, s + 1, resource, eta));
  }
  return brackets;
}

namespace {

class OfHalving final : public Search {
 public:
  OfHalving(const char* key, std::vector<Bracket> brackets, const Setting& setting)
      : size_(setting.space.size()), seed_(setting.seed), brackets_(std::move(brackets)) {
    for (const Bracket& bracket : brackets_) cycle_ += bracket.rounds.front().trials;
    trials_ = setting.trials == 0 ? cycle_ : setting.trials;
    if (trials_ % cycle_ != 0)
      refuse(key, fields::out_of_range("trials", trials_,
                                       std::to_string(cycle_) + " or a multiple, all brackets"));
  }

  int64_t trials() const override { return trials_; }
  int64_t needs(int64_t number) const override { return place_of(number).first; }
  bool needs_reports() const override { return true; }
  std::string depends_on() const override {
    return brackets_.size() == 1 ? "trials = " + std::to_string(cycle_) : "";
  }

  Chosen choose(int64_t number, const Records&) const override {
    std::mt19937_64 bits = random_numbers(seed_, number);
    return {uniform_point(size_, bits)};
  }

  Verdict judge(int64_t number, int64_t decided, const Records& records) const override {
    const auto [bracket, first] = place_of(number);
    const auto& rounds = bracket->rounds;
    const auto done =
        static_cast<double>(records[static_cast<size_t>(number)].reports.back().step) + 1;
    if (std::none_of(rounds.begin(), rounds.end(), [&](const Round& round) {
          return static_cast<double>(decided) < round.resource && round.resource <= done;
        }))
      return Verdict::GoOn;
    std::vector<int64_t> among(static_cast<size_t>(rounds[0].trials));
    for (size_t i = 0; i < among.size(); ++i) among[i] = first + static_cast<int64_t>(i);
    const auto record_of = [&](int64_t trial) -> const TrialRecord* {
      return static_cast<size_t>(trial) < records.size() ? &records[static_cast<size_t>(trial)]
                                                         : nullptr;
    };
    for (size_t i = 0; i < rounds.size(); ++i) {
      if (!value_at(records[static_cast<size_t>(number)], rounds[i].resource)) return Verdict::GoOn;
      if (i + 1 == rounds.size()) return Verdict::Enough;
      std::vector<std::pair<double, int64_t>> ranks;
      for (const int64_t trial : among) {
        const TrialRecord* const record = record_of(trial);
        const double* const value = record ? value_at(*record, rounds[i].resource) : nullptr;
        if (!value && !(record && record->ended())) return Verdict::Wait;
        ranks.emplace_back(rank(value ? *value : record->value), trial);
      }
      std::sort(ranks.begin(), ranks.end());
      ranks.resize(std::min(ranks.size(), static_cast<size_t>(rounds[i + 1].trials)));
      among.clear();
      for (const auto& [value, trial] : ranks)
        if (value < kInfinity) among.push_back(trial);
      if (std::find(among.begin(), among.end(), number) == among.end()) return Verdict::GiveUp;
    }
    return Verdict::Enough;
  }

 private:
  struct Place {
    const Bracket* bracket;
    int64_t first;  ///< trial of the bracket
  };
  Place place_of(int64_t number) const {
    int64_t first = number / cycle_ * cycle_;
    for (const Bracket& bracket : brackets_) {
      if (number < first + bracket.rounds.front().trials) return {&bracket, first};
      first += bracket.rounds.front().trials;
    }
    return {&brackets_.front(), first};
  }

  size_t size_;
  uint64_t seed_;
  std::vector<Bracket> brackets_;
  int64_t cycle_ = 0, trials_ = 0;
};

}  // namespace

std::unique_ptr<Search> make_search(const Halving& options, const Setting& setting) {
  const int64_t s_max = largest_bracket(options.resource, options.eta);
  if (setting.trials == 0)
    return std::make_unique<OfHalving>(
        options.key, std::vector{hyperband_brackets(options.resource, options.eta).front()},
        setting);
  if (setting.trials < options.eta)
    refuse(options.key, fields::out_of_range("trials", setting.trials,
                                             "at least eta = " + std::to_string(options.eta)));
  const int64_t rungs = 1 + std::min(s_max, largest_bracket(setting.trials, options.eta));
  return std::make_unique<OfHalving>(
      options.key, std::vector{bracket_of(setting.trials, rungs, options.resource, options.eta)},
      setting);
}

std::unique_ptr<Search> make_search(const Hyperband& options, const Setting& setting) {
  return std::make_unique<OfHalving>(options.key, hyperband_brackets(options.resource, options.eta),
                                     setting);
}

}  // namespace descent::search
