#pragma once
// A step on CUDA as the engine asks for it: what the kernels of a rule are called with, its types
// erased. Nothing of CUDA here.
#include <span>

#include <descent/optim/engine/table.h>

namespace descent::engine {
struct Layout;
}
namespace descent::engine::cuda {

/// How the numbers of a parameter lie in memory: parameter and gradient in one type, and all
/// buffers in the same or, of two, in float; or as each parameter's Layout says.
enum class Format : uint8_t {
  Float,
  Double,
  BFloat16,
  Half,
  BFloat16FloatState,
  HalfFloatState,
  Mixed
};
inline constexpr int kFormats = 7;

/// A parameter that has a gradient.
struct Work {
  void* const* places;  ///< parameter, gradient and the buffers that the form uses, on the device
  int64_t n;            ///< elements
  uint32_t set;         ///< which of Launch::sets
  const Layout* layout = nullptr;  ///< of Mixed
};

/// The numbers of one group at one step.
struct Set {
  const void* constants;  ///< Prologue and Coefficients in the type that the format computes in
  const void* options;    ///< the rule's Options
  StepInfo at;
  double agreed_decay = 0;  ///< see agreed_decay.h; of Double and Mixed
  uint64_t seed = 0;        ///< see Draw; of Mixed
};

/// What a captured launch reads ahead of all else. The host writes it ahead of each replay.
struct Replay {
  int32_t is_ready;  ///< 0: nothing happens; the replay that has happened makes it 0
  int32_t known;     ///< as Launch::known
};

/// What one call of the kernels does. All pointers but those of `work` and `sets` are to memory of
/// the device, whose context is current.
struct Launch {
  std::span<const Work> work;
  std::span<const Set> sets;
  const float* found_inf = nullptr;      ///< null, or not 0 there: nothing happens
  const float* inverse_scale = nullptr;  ///< null, or what gradients are multiplied by ahead of all
  /// Where the device may have skipped steps: how many it has; how many of these the host knew when it
  /// made `sets`; and how many sets stand there for each Work::set, of no more skips, of one more, ...
  const int32_t* skipped = nullptr;
  int32_t known = 0;
  uint32_t candidates = 1;
  /// Of a captured launch: where it finds its sets, those of `judge` apart, in the place of `sets`.
  const Replay* replay = nullptr;
  const char* sets_there = nullptr;
  const char* questions_there = nullptr;
  double* sums = nullptr;  ///< of a form that reads twice: two for each kBlock elements of a tensor
  void* judged = nullptr;  ///< and what `judge` makes of each tensor that has elements
  void* stream = nullptr;  ///< a cudaStream_t
};

/// Starts kernels and waits for none; what CUDA says against it, or null.
using Start = const char* (*)(const Launch&);

/// One form of a rule. As Kernels of table.h.
struct FormLaunches {
  Start sweep = nullptr;
  Start measure = nullptr;                          ///< fills in `sums`
  Start apply = nullptr;                            ///< of ratios in `judged`
  uint32_t set_bytes = 0;                           ///< of Launch::sets_there for each set,
  void (*put_set)(char* to, const Set&) = nullptr;  ///< which this writes
};

struct RuleLaunches {
  std::vector<std::array<std::array<FormLaunches, kFormats>, 2>>
      forms;  ///< [form][coupled][Format]
  /// Of a rule with norms, [computes in double]: makes `judged` of `sums`.
  std::array<Start, 2> judge{};
  uint32_t question_bytes = 0;                           ///< of Launch::questions_there for each
  void (*put_question)(char* to, const Set&) = nullptr;  ///< set, which this writes
  /// Whether `judged` are the ratios that `apply` takes, of the type that the format computes in.
  /// Else they are two sums in double for each tensor: the rule's answer changes what it remembers.
  bool judges = false;
  /// Why the current device cannot run them, in CUDA's words, or null: an old driver, or a GPU that
  /// they were not compiled for.
  const char* (*problem)() = nullptr;
};

/// Defined where the kernels of the rule are compiled (compile.h).
template <class Rule>
const RuleLaunches& launches_of();

/// How many parameters kernels have stepped since the program started, each step counted.
int64_t parameters_stepped();

/// Makes the kernels of a rule known, as DESCENT_COMPILE does where they are compiled.
bool register_launches(const RuleTable& rule, const RuleLaunches& launches);

}  // namespace descent::engine::cuda
