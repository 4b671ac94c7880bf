#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <utility>

#include <descent/base/random.h>
#include <descent/tune/methods/search.h>
#include <descent/tune/population.h>
#include <descent/tune/threads.h>

namespace descent {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument("Population: " + what);
}

}  // namespace

Population::Population(Space space, int64_t members, const Make& make, Options options)
    : space_(std::move(space)), options_(std::move(options)) {
  if (const std::string wrong = fields::problem(options_); !wrong.empty()) refuse(wrong);
  if (members < 2) refuse(fields::out_of_range("members", members, "at least 2"));
  const auto part =
      static_cast<int64_t>(std::ceil(options_.quantile * static_cast<double>(members)));
  if (2 * part > members)
    refuse(fields::out_of_range("quantile", options_.quantile,
                                "so small that the best and the worst of " +
                                    std::to_string(members) + " members are others"));
  if (static_cast<int64_t>(options_.first.size()) > members)
    refuse(std::to_string(options_.first.size()) + " first values for " + std::to_string(members) +
           " members");
  if (!make) refuse("no function is given, which makes a member");
  for (int64_t i = 0; i < members; ++i) {
    std::mt19937_64 bits = search::random_numbers(options_.seed, -1 - i);
    const auto given = static_cast<size_t>(i);
    values_.push_back(space_.values(given < options_.first.size()
                                        ? space_.point(options_.first[given])
                                        : search::uniform_point(space_.size(), bits)));
  }
  for (int64_t i = 0; i < members; ++i) {
    const OptionValues& values = values_[static_cast<size_t>(i)];
    members_.push_back(make(i));
    if (!members_.back()) refuse("member " + std::to_string(i) + " is null");
    members_.back()->set(values);
    ways_.push_back({{0, values}});
  }
  first_values_ = values_;
  losses_.assign(members_.size(), kInfinity);
}

void Population::run(int64_t steps) {
  if (steps < 0) refuse(fields::out_of_range("steps", steps, ">= 0"));
  for (const int64_t end = steps_ + steps; steps_ < end;) {
    const int64_t next = (steps_ / options_.interval + 1) * options_.interval;
    train(std::min(next, end) - steps_);
    if (steps_ == next && steps_ >= options_.burn_in) compare();
  }
}

void Population::train(int64_t steps) {
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;
  const auto work = [&] {
    try {
      for (size_t i = next++; i < members_.size(); i = next++)
        losses_[i] = members_[i]->train(steps_, steps);
    } catch (...) {
      next = members_.size();
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
    }
  };
  if (options_.threads == 1) {
    work();
  } else {
    const OneThreadEach one_thread_each;
    std::vector<std::thread> threads;
    for (int64_t t = 0; t < std::min(options_.threads, size()); ++t)
      threads.emplace_back([&work] {
        OneThreadEach::here();
        work();
      });
    for (std::thread& thread : threads) thread.join();
  }
  if (error) std::rethrow_exception(error);
  steps_ += steps;
  if (steps > 0) history_.emplace_back(steps_, losses_);
}

void Population::compare() {
  const size_t n = members_.size();
  std::mt19937_64 bits = search::random_numbers(options_.seed, steps_);
  const auto below = [&bits](size_t count) {
    return std::min(static_cast<size_t>(uniform(bits) * static_cast<double>(count)), count - 1);
  };
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return search::rank(losses_[a]) < search::rank(losses_[b]);
  });
  // Who copies whom is decided ahead of all copies, by what the members are now.
  std::vector<std::pair<size_t, size_t>> pairs;
  if (options_.exploit == Exploit::Truncation) {
    const auto part = static_cast<size_t>(std::ceil(options_.quantile * static_cast<double>(n)));
    for (size_t i = n - part; i < n; ++i) pairs.emplace_back(order[i], order[below(part)]);
  } else if (options_.exploit == Exploit::BinaryTournament) {
    for (size_t i = 0; i < n; ++i) {
      const size_t drawn = below(n - 1), other = drawn < i ? drawn : drawn + 1;
      if (search::rank(losses_[other]) < search::rank(losses_[i])) pairs.emplace_back(i, other);
    }
    // A member that is copied must not have changed: the worst copy first.
    std::stable_sort(pairs.begin(), pairs.end(), [&](const auto& a, const auto& b) {
      return search::rank(losses_[a.first]) > search::rank(losses_[b.first]);
    });
  }
  for (const auto& [member, from] : pairs) {
    members_[member]->copy(*members_[from]);
    ways_[member] = ways_[from];
    losses_[member] = losses_[from];
    values_[member] = explored(values_[from], bits);
    members_[member]->set(values_[member]);
    ways_[member].push_back({steps_, values_[member]});
    copies_.push_back(
        {steps_, static_cast<int64_t>(member), static_cast<int64_t>(from), values_[member]});
  }
}

OptionValues Population::explored(const OptionValues& values, std::mt19937_64& bits) const {
  std::vector<double> point = space_.point(values);
  for (size_t i = 0; i < point.size(); ++i) {
    const bool anew = uniform(bits) < options_.resample;
    const double u = uniform(bits);
    if (anew) {
      point[i] = u;
      continue;
    }
    const bool first = u < 0.5;
    const auto count = static_cast<double>(space_.count(i));
    if (space_.is_list(i)) {
      point[i] = std::clamp(point[i] + (first ? 1 : -1) / count, 0.5 / count, 1 - 0.5 / count);
    } else {
      const double x = std::get<double>(values[i].second);
      point[i] = space_.place_near(i, x * options_.factors[first ? 0 : 1]);
    }
  }
  return space_.values(point);
}

int64_t Population::best() const {
  return std::min_element(losses_.begin(), losses_.end(),
                          [](double a, double b) { return search::rank(a) < search::rank(b); }) -
         losses_.begin();
}

std::vector<Population::Change> Population::schedule() const {
  return ways_[static_cast<size_t>(best())];
}

}  // namespace descent
