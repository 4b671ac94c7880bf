#pragma once
#include <string>
#include <variant>
#include <vector>

#include <torch/optim/optimizer.h>

#include <descent/optim/schedules/reduce_lr_on_plateau.h>

namespace descent {

/// Every |element| of every gradient is at most tol. Never true while no parameter has a gradient.
struct GradientTest {
  static constexpr const char* name = "GradientTest";
  double tol = 1e-6;
  DESCENT_OPTIONS((tol, non_negative))
};

/// No element of a parameter has changed by more than tol since the check before, or since the
/// Convergence was made.
struct StepTest {
  static constexpr const char* name = "StepTest";
  double tol = 1e-9;
  DESCENT_OPTIONS((tol, non_negative))
};

/// As many checks have been made.
struct MaxIter {
  static constexpr const char* name = "MaxIter";
  int64_t max_iter = 0;  ///< must be given
  DESCENT_OPTIONS((max_iter, at_least_one))
};

using ConvergenceTest = std::variant<GradientTest, StepTest, MaxIter>;

/// Says when to stop, and why.
///
///   descent::Convergence done(params, {descent::GradientTest{1e-8}, descent::MaxIter{1000}});
///   do opt.step(closure); while (!done.check());
///   std::cout << done.reason();
class Convergence {
 public:
  /// Throws c10::Error if a test's number is out of range, or there is no test or no parameter.
  Convergence(std::vector<at::Tensor> params, std::vector<ConvergenceTest> tests);

  /// Asks the tests in their order, once after each step. NaN is never small enough.
  bool check();

  /// The name of the first test that held at the last check, "MaxIter"; "" if none did.
  const std::string& reason() const { return reason_; }
  /// Checks so far.
  int64_t n() const { return n_; }

 private:
  bool holds(const GradientTest& test) const;
  bool holds(const StepTest& test) const;
  bool holds(const MaxIter& test) const { return n_ >= test.max_iter; }

  std::vector<at::Tensor> params_;
  std::vector<ConvergenceTest> tests_;
  std::vector<at::Tensor> before_;  ///< only for a StepTest
  std::string reason_;
  int64_t n_ = 0;
};

struct EarlyStoppingOptions {
  int64_t patience = 0;  ///< checks without improvement that are borne
  double min_delta = 0;  ///< an improvement by no more than |min_delta| is none
  MetricMode mode = MetricMode::Min;
  std::optional<double> baseline = {};  ///< must be improved on too before waiting starts afresh
  bool restore_best = false;            ///< keeps the best weights and puts them back at the stop
  int64_t start_from = 0;               ///< checks that are ignored at first
  DESCENT_OPTIONS((patience, non_negative), (min_delta, finite), (mode), (baseline, finite),
                  (restore_best), (start_from, non_negative))
};

/// Stops training when a metric no longer improves; decides as keras.callbacks.EarlyStopping.
///   check e < start_from: ignored
///   improved: a + |min_delta| < best, for Max a - |min_delta| > best, or best is unset
///   wait += 1;  improved: best = a, and wait = 0 if a improves on the baseline, or there is none
///   not improved: stop when wait >= patience and e > 0
/// So patience 0 and 1 both stop at the first bad check after the first. Other than in Keras, NaN
/// never improves, not even on nothing.
///
///   descent::EarlyStopping stop({.patience = 5, .restore_best = true}, net->parameters());
///   for (...) { ...; if (stop.check(validation_loss)) break; }
class EarlyStopping {
 public:
  using Options = EarlyStoppingOptions;

  /// `weights` are what restore_best keeps: parameters, and buffers if they are trained as well.
  /// Throws c10::Error for options out of range, and for restore_best without weights.
  explicit EarlyStopping(const Options& options = {}, std::vector<at::Tensor> weights = {});

  /// Takes the metric of one more check and says whether to stop, with the best weights restored.
  bool check(double metric);

  /// Puts the best weights back, as for training that ends of itself. Nothing without any.
  void restore();

  const Options& options() const { return options_; }
  const std::optional<double>& best() const { return best_; }
  /// The check that gave the best metric, from 0.
  int64_t best_check() const { return best_check_; }
  int64_t wait() const { return wait_; }
  /// Checks so far.
  int64_t n() const { return n_; }

  /// Saves counts, best metric and best weights.
  void save(torch::serialize::OutputArchive& archive) const;
  /// Throws c10::Error, with nothing changed, for archives of other settings or weights of other
  /// sizes.
  void load(torch::serialize::InputArchive& archive);

 private:
  bool improves(double metric, const std::optional<double>& on) const;
  void remember();
  void check_weights() const;

  Options options_;
  std::vector<at::Tensor> weights_, best_weights_;
  std::optional<double> best_;
  int64_t n_ = 0, wait_ = 0, best_check_ = 0;
};

}  // namespace descent
