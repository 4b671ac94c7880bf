#pragma once
// What every update rule has to do, as functions that return what is wrong: the contract suite
// calls them on all registered rules, the tests of tests on rules that are wrong on purpose.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include <descent/optim.h>

namespace checks {

using descent::OptionValues;
using descent::engine::RuleTable;

/// One sentence for each thing that is wrong; empty: nothing is.
using Failures = std::vector<std::string>;

/// A choice of options, named after what it changes: "nesterov=true, momentum=0.5".
struct Setting {
  std::string name;
  OptionValues options;
};

/// The names of the passes that this CPU runs.
std::vector<std::string> passes();

/// Takes a pass as long as it lives.
class PassScope {
 public:
  explicit PassScope(const std::string& name) { descent::set_pass(name); }
  ~PassScope() { descent::set_pass("auto"); }
  PassScope(const PassScope&) = delete;
  PassScope& operator=(const PassScope&) = delete;
};

/// Takes a number of threads as long as it lives.
class ThreadScope {
 public:
  explicit ThreadScope(int threads) : before_(torch::get_num_threads()) {
    torch::set_num_threads(threads);
  }
  ~ThreadScope() { torch::set_num_threads(before_); }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

/// Whether an option may be without a value, which is written "none".
bool may_be_none(const descent::OptionInfo& option);

/// The values of an enum as its option's `allowed` text lists them; empty for other options.
std::vector<std::string> choices(const descent::OptionInfo& option);

/// Settings away from the defaults. All have a weight decay and a larger rate where the rule knows
/// them; each of the others changes one more option, every enum value and flag once, as far as the
/// rule accepts it alone.
std::vector<Setting> settings(const RuleTable& rule);
/// Those that change two more options together.
std::vector<Setting> paired_settings(const RuleTable& rule);

/// The ones and then the others.
OptionValues joined(OptionValues options, const OptionValues& more);
/// The options of a setting inside the rule's own struct, to ask the table about them.
std::shared_ptr<void> options_of(const RuleTable& rule, const OptionValues& options);
bool has_option(const RuleTable& rule, const std::string& name);
/// Whether it is one of BaseOptions, which every rule takes beside its own.
bool is_base_option(const RuleTable& rule, const std::string& name);
/// Those of `options` that are base options.
descent::BaseOptions base_options_of(const RuleTable& rule, const OptionValues& options);
/// Whether the base options among these do not fit the rule or a parameter of that type.
bool is_refused(const RuleTable& rule, const OptionValues& options, at::ScalarType type);
/// Whether the rule has a flag of that name and these options set it.
bool is_set(const RuleTable& rule, const OptionValues& options, const std::string& name);
/// The rule's block is a whole group under these options.
bool joins_group(const RuleTable& rule, const OptionValues& options);
/// Whether the rule draws random numbers that go by a parameter's position in the optimizer.
bool draws_by_position(const RuleTable& rule);
bool needs_gradient_norm(const RuleTable& rule, const OptionValues& options);
/// The tightest that two orders of the same operations may differ by: 0 where a rule is
/// elementwise.
double tolerance_of(const RuleTable& rule, const OptionValues& options, at::ScalarType type);
/// One step with the gradients that are there; the closure is for rules that look ahead.
void take_step(torch::optim::Optimizer& optimizer);

using Shape = std::vector<int64_t>;
using Shapes = std::vector<Shape>;
extern const Shapes kSmallShapes;

/// Standard normal numbers, the same for the same seed.
at::Tensor noise(at::IntArrayRef sizes, at::ScalarType type, int64_t seed);
/// Leaf tensors of noise.
std::vector<at::Tensor> parameters(const Shapes& shapes, at::ScalarType type, int64_t seed = 0);
/// Gives every parameter the gradient of step t.
void set_gradients(const std::vector<at::Tensor>& params, int64_t t, double factor = 1);

/// An optimizer of the rule. Parameters that it refuses because of their sizes stand in a group of
/// their own, with algorithm = adamw, as users of Muon put them.
std::unique_ptr<descent::OptimizerBase> make_fitting(const RuleTable& rule,
                                                     const std::vector<at::Tensor>& params,
                                                     const OptionValues& options = {});

/// An optimizer and its parameters.
struct Training {
  std::vector<at::Tensor> params;
  std::unique_ptr<descent::OptimizerBase> optimizer;

  Training(const RuleTable& rule, const OptionValues& options, std::vector<at::Tensor> parameters);
  /// Steps from .. to, both included.
  void steps(int64_t from, int64_t to);
  /// Parameters, buffers and step counts, copied.
  std::vector<at::Tensor> everything() const;
};
/// Parameters, buffers and step counts of any optimizer of this library, copied.
std::vector<at::Tensor> everything(descent::OptimizerBase& optimizer);

bool same_bits(const at::Tensor& a, const at::Tensor& b);
/// Whether two snapshots hold the same bits: "" or where they differ.
std::string difference(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b);
/// As difference(), within tolerance * max(1, |b|); 0 means the same bits.
std::string difference(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b,
                       double tolerance);

/// Runs a check on all settings, each failure with its setting's name in front.
Failures on_all(const std::vector<Setting>& settings,
                const std::function<Failures(const OptionValues&)>& check);

// The checks. Tensor algorithms, which have one way only, have nothing to compare in the first.
Failures gives_the_same_bits_on_every_pass(const RuleTable& rule, const OptionValues& options,
                                           const Shapes& shapes, at::ScalarType type,
                                           int64_t steps);
Failures gives_the_same_bits_on_any_number_of_threads(const RuleTable& rule,
                                                      const OptionValues& options,
                                                      const Shapes& shapes, at::ScalarType type,
                                                      int64_t steps);
Failures computes_16_bits_as_float(const RuleTable& rule, const OptionValues& options,
                                   at::ScalarType type);
Failures takes_any_layout(const RuleTable& rule, const OptionValues& options, const Shape& plane,
                          at::ScalarType type);
Failures follows_a_change_of_layout(const RuleTable& rule, const OptionValues& options,
                                    at::ScalarType type);
Failures ignores_parameters_without_gradient(const RuleTable& rule, const OptionValues& options);
Failures never_writes_gradients(const RuleTable& rule, const OptionValues& options);
/// Gradients that are overwritten in place from step to step do as well as new ones.
Failures keeps_no_gradients_memory(const RuleTable& rule, const OptionValues& options,
                                   at::ScalarType type);
Failures stays_at_rate_zero(const RuleTable& rule, const OptionValues& options);
Failures decays_as_its_mode_says(const RuleTable& rule, const OptionValues& options);
Failures ascends_as_it_descends_on_the_opposite(const RuleTable& rule, const OptionValues& options);
Failures does_not_see_how_parameters_are_grouped(const RuleTable& rule,
                                                 const OptionValues& options);
Failures continues_from_an_archive(const RuleTable& rule, const OptionValues& options,
                                   at::ScalarType type);

/// Zeros, numbers too small to be squared and a first step give no NaN and no infinity.
Failures stays_finite(const RuleTable& rule, const OptionValues& options);
/// Every option but `exempt` makes a difference somewhere.
Failures ignores_no_option(const RuleTable& rule, const std::vector<std::string>& exempt);

/// Follows the golden trajectory of that name in that file, recorded of another rule or of this
/// one.
Failures follows_the_recording(const RuleTable& rule, const std::string& file,
                               const std::string& name);

}  // namespace checks
