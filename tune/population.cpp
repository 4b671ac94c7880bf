#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>
#include <mutex>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <descent/base/nearest.h>
#include <descent/base/random.h>
#include <descent/base/text.h>
#include <descent/sharing/pieces.h>
#include <descent/tune/methods/search.h>
#include <descent/tune/population.h>
#include <descent/tune/threads.h>

namespace descent {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument("Population: " + what);
}

/// A folder of this process alone, which gets its name when all is in it.
class Made {
 public:
  explicit Made(const std::filesystem::path& folder) : making_(folder / ("making-" + tag())) {
    std::filesystem::create_directories(making_);
  }
  ~Made() {
    std::error_code ignored;
    std::filesystem::remove_all(making_, ignored);
  }
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;
  const std::filesystem::path& path() const { return making_; }
  void become(const std::filesystem::path& whole) const { std::filesystem::rename(making_, whole); }

  /// What nothing else of any process is called.
  static std::string tag() {
    std::random_device bits;
    return std::to_string((uint64_t{bits()} << 32) | bits());
  }

 private:
  std::filesystem::path making_;
};

constexpr const char* kStep = "step-";  // begins the name of a folder of members

}  // namespace

void PopulationMember::save(const std::filesystem::path& /*folder*/) const {
  refuse("a member that several processes train needs save() and load()");
}
void PopulationMember::load(const std::filesystem::path& /*folder*/) {
  refuse("a member that several processes train needs save() and load()");
}

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
  kept_.resize(members_.size());
  check_store();
  losses_.assign(members_.size(), kInfinity);
}

void Population::run(int64_t steps) {
  if (steps < 0) refuse(fields::out_of_range("steps", steps, ">= 0"));
  for (const int64_t end = steps_ + steps; steps_ < end;) {
    const int64_t next = (steps_ / options_.interval + 1) * options_.interval;
    train(std::min(next, end) - steps_);
    if (steps_ == next && steps_ >= options_.burn_in) compare();
  }
  if (!options_.store || steps_ == 0) return;
  for (size_t i = 0; i < members_.size(); ++i) {
    members_[i]->load(kept_[i]);
    members_[i]->set(values_[i]);
  }
}

/// The table says whose it is, and the folder is there.
void Population::check_store() {
  if (!options_.store) {
    if (!options_.folder.empty())
      refuse("folder = " + options_.folder.string() +
             ", must be empty without a store, by which processes share it");
    return;
  }
  if (options_.folder.empty())
    refuse("folder is empty, must with a store name the folder through which members go");
  std::string ours = to_text(space_) + ", " + std::to_string(size()) +
                     " members, seed=" + std::to_string(options_.seed);
  for (const OptionInfo& option : fields::describe(options_))
    if (option.name != "threads") ours += ", " + option.name + "=" + to_text(option.value);
  for (const OptionValues& values : options_.first)
    for (const auto& [name, value] : values) ours += ", " + name + "=" + to_text(value);
  const std::string theirs = options_.store->set_once("population", ours);
  if (theirs != ours)
    refuse("the table is of another population: " + theirs + ", not " + ours +
           "; take another one, or a part of it");
  std::error_code error;
  std::filesystem::create_directories(options_.folder, error);
  if (!std::filesystem::is_directory(options_.folder))
    refuse("folder = " + options_.folder.string() + " is no folder and cannot be made one" +
           (error ? ": " + error.message() : ""));
}

void Population::train(int64_t steps) {
  if (options_.store)
    train_with_others(steps);
  else
    train_here(steps);
  steps_ += steps;
  if (steps > 0) history_.emplace_back(steps_, losses_);
}

void Population::on_threads(const std::function<void()>& work) const {
  std::mutex mutex;
  std::exception_ptr error;
  const auto guarded = [&] {
    try {
      work();
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
    }
  };
  if (options_.threads == 1) {
    guarded();
  } else {
    const OneThreadEach one_thread_each;
    std::vector<std::thread> threads;
    for (int64_t t = 0; t < std::min(options_.threads, size()); ++t)
      threads.emplace_back([&guarded] {
        OneThreadEach::here();
        guarded();
      });
    for (std::thread& thread : threads) thread.join();
  }
  if (error) std::rethrow_exception(error);
}

void Population::train_here(int64_t steps) {
  std::atomic<size_t> next{0};
  on_threads([&] {
    try {
      for (size_t i = next++; i < members_.size(); i = next++)
        losses_[i] = members_[i]->train(steps_, steps);
    } catch (...) {
      next = members_.size();
      throw;
    }
  });
}

// A member's value in the table is a name and its loss; what it is then stands in a folder of that
// name. If two processes train one member, the first to say so counts for all.
void Population::train_with_others(int64_t steps) {
  namespace fs = std::filesystem;
  Store store = *options_.store;
  const std::string name = kStep + std::to_string(steps_ + steps);
  const fs::path folder = options_.folder / name;
  const auto key = [&](int64_t i) { return name + "/member/" + std::to_string(i); };
  fs::create_directories(folder);
  const auto work = [&](int64_t i) {
    PopulationMember& member = *members_[static_cast<size_t>(i)];
    const std::string tag = Made::tag();
    try {
      if (steps_ > 0) member.load(kept_[static_cast<size_t>(i)]);
      member.set(values_[static_cast<size_t>(i)]);
      const double loss = member.train(steps_, steps);
      const Made made(options_.folder);
      member.save(made.path());
      made.become(folder / tag);
      store.set_once(key(i), tag + " " + digits(loss));
    } catch (...) {
      // Who is slow may find that others are further, and have removed what it needs.
      if (!store.has(key(i))) throw;
    }
  };
  sharing::Pieces pieces(store, name, size());
  std::atomic<bool> failed{false};
  on_threads([&] {
    try {
      sharing::do_pieces(pieces, work, [&] {
        if (failed) throw std::runtime_error("another thread has failed");
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      });
    } catch (...) {
      failed = true;
      throw;
    }
  });
  for (int64_t i = 0; i < size(); ++i) {
    const std::string text = store.get(key(i));
    const size_t space = text.find(' ');
    kept_[static_cast<size_t>(i)] = folder / text.substr(0, space);
    losses_[static_cast<size_t>(i)] = std::get<double>(value_from_text(text.substr(space + 1)));
  }
  // Members go on from here, and those of slow processes from where these steps began.
  for (const auto& entry : fs::directory_iterator(options_.folder)) {
    const std::string other = entry.path().filename().string();
    std::error_code ignored;
    if (other.starts_with(kStep) && std::stoll(other.substr(5)) < steps_)
      fs::remove_all(entry.path(), ignored);
  }
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
    if (options_.store)
      kept_[member] = kept_[from];
    else
      members_[member]->copy(*members_[from]);
    ways_[member] = ways_[from];
    losses_[member] = losses_[from];
    values_[member] = explored(values_[from], bits);
    if (!options_.store) members_[member]->set(values_[member]);
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
      const double factor = options_.factors[first ? 0 : 1];
      double moved = x * factor;
      // A whole number that rounding would leave where it is moves by one.
      if (count > 0 && factor != 1 && std::round(moved) == x)
        moved = x + ((factor > 1) == (x >= 0) ? 1 : -1);
      point[i] = space_.place_near(i, moved);
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

namespace {

/// values[i] from steps[i] on.
struct Replayed {
  static constexpr const char* name = "Replayed";
  std::vector<int64_t> steps;
  std::vector<double> values;
  DESCENT_OPTIONS((steps, non_negative), (values, finite))
  double at(double /*base*/, int64_t n) const {
    const auto next = std::upper_bound(steps.begin() + 1, steps.end(), n);
    return values[static_cast<size_t>(next - steps.begin()) - 1];
  }
};

}  // namespace

Schedule replayed(const std::vector<Population::Change>& changes, std::string_view name) {
  if (changes.empty() || changes.front().step != 0)
    refuse("replayed: no values from step 0 on, must be those of schedule()");
  Replayed schedule;
  for (const Population::Change& change : changes) {
    std::vector<std::string> names;
    for (const auto& [known, value] : change.values) {
      names.push_back(known);
      if (known != name) continue;
      const double* const x = std::get_if<double>(&value);
      if (!x) refuse("replayed: " + known + " = " + to_text(value) + ", must be a number");
      schedule.steps.push_back(change.step);
      schedule.values.push_back(*x);
    }
    if (schedule.steps.empty() || schedule.steps.back() != change.step)
      refuse("replayed: has no " + std::string(name) + did_you_mean(name, names));
  }
  return schedule;
}

}  // namespace descent
