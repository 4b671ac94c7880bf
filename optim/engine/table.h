#pragma once
// A rule with its types erased: the one thing that the compiled engine sees of it. No LibTorch
// here.
#include <memory>

#include <descent/optim/engine/array.h>
#include <descent/optim/engine/isa.h>
#include <descent/optim/engine/rule.h>

namespace descent::engine {

inline constexpr int kMaxBuffers = 6;     ///< state tensors that one parameter may have
inline constexpr int64_t kBlock = 4096;   ///< elements; norms are summed block by block
inline constexpr int kLanes = 128;        ///< partial sums inside a block
inline constexpr int kMaxConstants = 24;  ///< numbers that one step may need
inline constexpr int kMaxScalars = 2;     ///< numbers remembered per parameter, besides its steps
inline constexpr int kMaxShared = 4;      ///< numbers remembered per group

/// Elements of one parameter that a kernel walks over.
struct Span {
  void* p;
  const void* g;
  std::array<void*, kMaxBuffers> s;
  int64_t n;
  bool is_far = false;  ///< they are part of a parameter that the caches do not hold
};

/// What every rule's step begins with, ahead of its own formula: g <- scale g, then, coupled,
/// g <- g + decay p, else p <- keep p.
template <class T>
struct Prologue {
  T scale, decay, keep;
};
inline constexpr int kPrologue = 3;

/// The loops of one form of a rule for one number type and one instruction set. `k` points to
/// Prologue<T> followed by the rule's Coefficients<T>.
struct Kernels {
  void (*sweep)(const Span&, const void* k) = nullptr;  ///< an elementwise rule's whole step
  /// A rule with norms: may advance the state; sums[0] and [1] become the sums of the two squares.
  void (*measure)(const Span&, const void* k, double* sums) = nullptr;
  void (*apply)(const Span&, const void* k, double trust) = nullptr;
};

/// One form of a rule on whole tensors.
struct ArrayKernels {
  void (*sweep)(Array& p, const Array& g, Array* s, const double* k) = nullptr;
  Pair<Array> (*measure)(const Array& p, const Array& g, Array* s, const double* k) = nullptr;
  void (*apply)(Array& p, const Array& g, Array* s, const double* k, double trust) = nullptr;
};

/// The number types of parameters that the loops take. Those of 16 bits are kept in memory and
/// computed in float.
enum class NumberType : uint8_t { Float, Double, BFloat16, Half };
constexpr bool has_16_bits(NumberType type) {
  return type == NumberType::BFloat16 || type == NumberType::Half;
}

struct RuleForm {
  std::array<bool, kMaxBuffers> buffers{};  ///< which of the rule's buffers it uses
  bool reads_twice = false;                 ///< has measure and apply instead of sweep
  int traffic = 0;  ///< bytes that a step has to read and write, a float32 parameter
  std::array<std::array<std::array<Kernels, 3>, 2>, 2> kernels{};  ///< [coupled][in double][Isa]
  std::array<ArrayKernels, 2> arrays{};                            ///< [coupled]
};

struct RuleTable {
  About about{};
  std::vector<std::string> buffers;        ///< Python's names
  std::optional<std::size_t> slow_buffer;  ///< holds slow weights; update does not see it
  std::vector<OptionInfo> defaults;
  std::vector<std::string> scalars;  ///< what is remembered per parameter besides its steps
  std::array<double, kMaxScalars> first_scalars{};
  std::vector<std::string> shared;  ///< what is remembered per group, or for all together
  std::array<double, kMaxShared> first_shared{};
  std::vector<RuleForm> forms;  ///< empty for a tensor algorithm
  bool divides_by_lr = false;
  bool rests_at_zero = false;   ///< a group whose rate is 0 takes no part
  bool decays_itself = false;   ///< with its decoupled decay
  bool couples_itself = false;  ///< with its coupled decay
  bool applies_keep = false;    ///< of the prologue

  // The options, by address of the rule's Options struct.
  std::shared_ptr<void> (*make_options)(const void* from);  ///< a copy, or null: the defaults
  void (*assign)(void* options, const void* from);
  void* (*member)(void* options, std::string_view name);  ///< where it lies; null: there is none
  std::string (*problem)(const void* options);
  std::string (*set)(void* options, std::string_view name, const OptionValue& value);
  std::vector<OptionInfo> (*describe)(const void* options);
  double* (*lr)(void* options);

  // One step.
  int (*form)(const void* options);  ///< index into `forms`, if `problem` finds nothing
  Prologue<double> (*prologue)(const void* options);
  bool (*coupled)(const void* options);  ///< decays through the gradient, and not by 0
  /// What `prologue` decays by, divided by the rate.
  double (*weight_decay)(const void* options);
  bool (*takes_decay)(const void* options);
  /// Where `begin` puts lr and decay of a rule that decays in its update; -1: another rule.
  int lr_place = -1, decay_place = -1;
  int agreed_decay_place = -1;  ///< of the coefficient of that name; -1: the rule has none
  /// Fills in `coefficients`, changes `scalars` and returns how many coefficients there are.
  int (*begin)(const void* options, const StepInfo& at, double* scalars, const double* shared,
               double* coefficients) = nullptr;
  /// May change `scalars`.
  double (*trust)(const void* options, const Sums& sums, const StepInfo& at,
                  double* scalars) = nullptr;
  // The optional members of a rule, see rule.h; null where it has none.
  void (*advance)(const void* options, double* shared) = nullptr;
  std::optional<double> (*weigh)(const void* options, const Totals& totals,
                                 double* shared) = nullptr;
  std::vector<std::string> own;  ///< of a rule that weighs: options that groups may differ in
  bool (*alike)(const void* one, const void* other) = nullptr;  ///< in all options but these
  bool adds_values = false;
  bool needs_loss = false;
  bool beyond_half = false;  ///< its state is too small for half, whatever the gradients
  void (*change_mode)(const void* options, const TensorStep& step, bool training) = nullptr;
  const char* hessian = nullptr;
  double (*hessian_beta)(const void* options) = nullptr;
  void (*initial)(const void* options, const Array& p, Array* s) = nullptr;
  bool (*decays)(const void* options, const StepInfo& at) = nullptr;
  bool (*centralizes)(const void* options, int64_t dim) = nullptr;
  double (*look_ahead)(const void* options) = nullptr;
  SlowPull (*pull)(const void* options) = nullptr;
  void (*settle)(void* options) = nullptr;
  Sparse (*takes_sparse)(const void* options) = nullptr;
  bool sparse_only = false;
  SecondMoment (*second_moment)(const void* options, const StepInfo& at) = nullptr;
  /// Whether the step needs the norm of all gradients, and what they are scaled by then; null:
  /// never.
  bool (*needs_gradient_norm)(const void* options) = nullptr;
  double (*gradient_scale)(const void* options, double norm) = nullptr;

  // A tensor algorithm's step; null for the others.
  void (*tensor_update)(const void* options, const TensorStep& step) = nullptr;
  /// Whether the parameters of a group are one long vector to it.
  bool (*joins_group)(const void* options) = nullptr;
  /// What is wrong with a block, or "": "has 3 dimensions, must have 2".
  std::string (*block_problem)(const void* options, const TensorBlock& block) = nullptr;
  /// What is wrong with a state read from a file for this block, or "".
  std::string (*state_problem)(const void* options, const at::Tensor* s,
                               const TensorBlock& block) = nullptr;
};

/// Makes a rule known by its key, as DESCENT_COMPILE does for each rule that it compiles.
bool register_rule(const RuleTable& table);

/// The rules of this library; the build writes this function from the list in <descent/optim.h>. A
/// static archive links them because of it, even if nothing but the registry names them.
std::vector<const RuleTable*> library_rules();

}  // namespace descent::engine
