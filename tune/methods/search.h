#pragma once
// What a method is to a study. All of it follows from the records of trials, so that an interrupted
// study goes on with the trials that an uninterrupted one has.
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <descent/tune/methods/verdict.h>
#include <descent/tune/record.h>
#include <descent/tune/space.h>

namespace descent::search {

/// What a method is made for.
struct Setting {
  const Space& space;
  int64_t trials = 0;  ///< in all; 0: what the method needs
  int64_t given = 0;   ///< of these so many first ones have points of the user's
  uint64_t seed = 0;
  int64_t batch = 1;
};

using Records = std::vector<TrialRecord>;

/// Where a trial is, and what the method wants to be told of it later.
struct Chosen {
  std::vector<double> point;
  std::vector<double> memory{};
};

class Search {
 public:
  virtual ~Search() = default;

  /// How many trials the study has.
  virtual int64_t trials() const = 0;
  /// How many of the first trials must have ended before trial `number` can be chosen.
  virtual int64_t needs(int64_t number) const = 0;
  /// The point of a trial; records[i] is trial i, for all i < number, of which the first
  /// needs(number) have ended.
  virtual Chosen choose(int64_t number, const Records& records) const = 0;
  /// What becomes of a running trial by its reports, after `decided` steps of which it went on.
  virtual Verdict judge(int64_t number, int64_t decided, const Records& records) const;
  /// Whether trials must report.
  virtual bool needs_reports() const { return false; }
  /// Whether trials at one point are one, whose value is their mean.
  virtual bool takes_means() const { return false; }
  /// What the trials depend on besides space, seed and options of the method; "" if on nothing.
  virtual std::string depends_on() const { return ""; }
};

/// The random numbers of one trial, which no other trial shares.
std::mt19937_64 random_numbers(uint64_t seed, int64_t number);

/// A point drawn uniformly in the unit cube.
std::vector<double> uniform_point(size_t size, std::mt19937_64& bits);

/// How many trials a method has learnt from that draws `startup` points and then asks for batches.
int64_t learnt_from(int64_t number, int64_t startup, int64_t batch);

/// A value by which trials are ordered: what is not finite is the worst.
double rank(double value);

/// The index of the best of the first records, by the means of the values at one point if
/// `of_means`: of equals the first.
size_t best_trial(const Records& records, int64_t trials, bool of_means);

/// The value of the first report after which `resource` steps are done; null if there is none.
const double* value_at(const TrialRecord& record, double resource);

}  // namespace descent::search
