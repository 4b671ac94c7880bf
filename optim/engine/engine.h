#pragma once
// How a step is carried out. Private to the engine. A step has three phases:
//
// 1. collect(): makes one item for each parameter that has a gradient, and refuses what has to be
//    refused. Nothing has changed yet.
// 2. prepare(): creates missing state, counts the steps, and computes the numbers that the step
//    needs, once for each group and step count.
// 3. run(): works through blocks of 4096 elements in one parallel region. What no loop can take
//    goes to the tensor pass.
//
// The list of items is made anew in every step. That costs a few nanoseconds for each tensor, and is
// always right, whatever the user did to groups, parameters, gradients and state in between.
#include <vector>

#include <ATen/core/Tensor.h>

#include <descent/base/pass.h>
#include <descent/optim/engine/low_precision.h>
#include <descent/optim/engine/norms.h>
#include <descent/optim/engine/skips.h>
#include <descent/optim/optimizer/optimizer.h>

namespace descent::tensors {
class Numbers;
}
namespace descent::engine {
class Finding;
}
namespace descent {

/// Appends a parameter's sizes to what Scalars::block() holds.
void append_sizes(std::vector<int64_t>& block, const at::Tensor& p);

struct OptimizerBase::Engine {
  explicit Engine(const engine::RuleTable& table)
      : rule(table), holders(engine::holders_of(table)) {
    if (make_device_steps_ != nullptr) device_steps_ = make_device_steps_(*this);
  }
  /// The loss is the closure's, where the rule needs it.
  void step(OptimizerBase& optimizer, double loss);
  /// Calls the closure with the parameters where the rule wants the gradient, and puts them back.
  at::Tensor loss_ahead(OptimizerBase& optimizer,
                        const torch::optim::Optimizer::LossClosure& closure);
  bool looks_ahead(OptimizerBase& optimizer) const;

  /// A copy of options that are this rule's; LibTorch's own become ours, with the rest from `rest`
  /// and these base options.
  std::unique_ptr<torch::optim::OptimizerOptions> adopted(
      const torch::optim::OptimizerOptions& options, const void* rest,
      const BaseOptions& base) const;
  /// The state of `p` in its slot; LibTorch's own object becomes ours there.
  ParamState& adopt(std::unique_ptr<torch::optim::OptimizerParamState>& slot,
                    const at::Tensor& p) const;
  /// The same object as this library sees it; null if it is of another class.
  GroupOptions* own_part(torch::optim::OptimizerOptions& options);

  const engine::RuleTable& rule;
  const engine::Holders& holders;
  int64_t steps = 0;             ///< of the optimizer, for rules with slow weights
  engine::OpenSteps open_steps;  ///< among these
  bool training = true;          ///< false between eval() and train()
  /// What each group remembers; of a rule that weighs, the first one's is that of all. The numbers
  /// are in the order of rule.shared.
  std::vector<std::array<double, engine::kMaxShared>> shared;
  std::array<double, engine::kMaxShared>& shared_of(size_t group);
  /// Why a group with these options cannot stand beside the first one, or "".
  std::string beside_first(const OptimizerBase& optimizer, const GroupOptions& options) const;
  void before_replay(OptimizerBase& optimizer);
  void change_mode(OptimizerBase& optimizer, bool to_training);
  void update_hessian(OptimizerBase& optimizer);
  /// Of each group, what it held when it was last used.
  struct KnownOptions {
    std::shared_ptr<void> own{};  ///< the rule's Options
    BaseOptions base{};
  };
  std::vector<KnownOptions> options_known;

 private:
  /// A parameter that has a gradient. Small, because there is one for each.
  struct Item {
    const at::Tensor* parameter = nullptr;  ///< or the real view of a complex one
    const at::Tensor* gradient = nullptr;   ///< in the parameter's layout from `prepare` on
    ParamState* state = nullptr;
    int64_t n = 0;             ///< elements that the loops have to do, 0 for the tensor pass
    uint32_t first_block = 0;  ///< in the list of all blocks
    uint32_t group = 0;        ///< in which the parameter stands
    uint32_t numbers = 0;      ///< index of its numbers
    std::optional<engine::NumberType> type{};  ///< none: the tensor pass takes it
    bool contiguous : 1 = false;               ///< the parameter, in row-major order
    bool ready : 1 = false;                    ///< it has its places already, ahead of `prepare`
    bool fresh : 1 = false;                    ///< a buffer had to be created
    bool reads_twice : 1 = false;              ///< a rule with norms
    bool mixed : 1 = false;                    ///< its numbers are not all of one type: `layouts_`
    bool on_cuda : 1 = false;                  ///< kernels step it
    bool present : 1 = false;                  ///< only what a sparse gradient holds takes part
  };

  /// A group's options and what they select.
  struct Group {
    const void* options;  ///< the rule's Options
    const engine::RuleForm* form;
    bool coupled;
    engine::Prologue<double> prologue;
    bool rests;  ///< no parameter of it moves
    BaseOptions base;
    bool is_asked;             ///< by `base`, of every parameter
    const at::Tensor* params;  ///< the first
    int64_t before;            ///< so many in the groups before it
    double decay_per_rate;     ///< L/lr of decay_scale.h, where the base options say it
    double agreed_decay;       ///< L wd of cautious_decay ahead of the rule's text, or 0
  };

  /// Prologue and Coefficients of one group at one step, in both widths.
  struct Numbers {
    uint32_t group;
    uint32_t next;  ///< another one of the same bucket, kNone: there is none
    StepInfo at;
    std::array<double, engine::kMaxScalars> before, after;  ///< the parameter's scalars
    double agreed_decay;                                    ///< see agreed_decay.h; 0: none
    std::array<double, engine::kMaxConstants> doubles;
    std::array<float, engine::kMaxConstants> floats;
  };

  /// Steps by kernels for CUDA. cuda/step.cpp has them, where a library has kernels at all.
  struct DeviceSteps {
    virtual ~DeviceSteps() = default;
    virtual bool is_captured(at::Device device) const = 0;
    /// Steps what they take of the items.
    virtual void run() = 0;
    /// Why they cannot make all of a step that was collected and is not the host's alone, or "".
    virtual std::string obstacle(const engine::Finding* finding, bool captured) const = 0;
    /// Does so when the step is prepared and run, which counts it as it has to be.
    virtual void take_over(const engine::Finding* finding, bool captured) = 0;
    virtual void before_replay(OptimizerBase& optimizer) = 0;
  };
  class CudaSteps;
  using MakeDeviceSteps = std::unique_ptr<DeviceSteps> (*)(Engine&);
  static inline MakeDeviceSteps make_device_steps_ = nullptr;
  std::unique_ptr<DeviceSteps> device_steps_{};  ///< null: there are no kernels

  /// How the count and the numbers of a step are found: on the host; on the host for each number of
  /// skips that may be; or ahead of each replay.
  enum class Known : uint8_t { Surely, UpToSkips, InReplays };
  Known known_ = Known::Surely;

  /// The class of group options that own_part() saw last, and where ours lie in it, in bytes.
  const std::type_info* options_class_ = nullptr;
  std::ptrdiff_t own_options_ = 0;
  static constexpr uint32_t kNone = UINT32_MAX;
  // Kept from step to step, so that no step but the first allocates.
  std::vector<Item> items_;
  /// Where the loops find the items' numbers, `places_each_` for each item: parameter, gradient, and
  /// the buffers that its form uses.
  std::vector<void*> places_;
  size_t places_each_ = 0;
  /// Where collect() found the objects of each parameter in the last step, in 16 bytes from the
  /// parameter. They are asked for ahead of their turn, and never read by these addresses.
  std::vector<int32_t> trail_;
  std::vector<Group> groups_;
  double gradient_factor_ = 1;           ///< a part of each group's prologue
  std::vector<engine::Layout> layouts_;  ///< of each item, if one is `mixed`
  std::vector<Numbers> numbers_;
  std::vector<uint32_t> buckets_;  ///< by a hash of group and step count: a list of numbers
  std::vector<double> sums_;
  std::vector<at::Tensor> copies_;  ///< gradients brought into their parameter's layout
  std::vector<at::Tensor> reals_;   ///< views of complex parameters and their gradients, in turn
  std::vector<const at::Tensor*> complex_;  ///< the parameters of these views
  /// A hash of where all parameters lie, which were found not to share memory; 0: not yet.
  uint64_t found_apart_ = 0;
  // Items of elementwise forms come first; each kind has its own list of blocks.
  size_t elementwise_ = 0;
  uint32_t blocks_ = 0, norm_blocks_ = 0;
  uint64_t serial_ = 0;  ///< counts the steps
  /// Of a rule that weighs: what threads work on one by one.
  struct Piece {
    const Item* item;
    int64_t first, n;  ///< elements
  };
  std::vector<Piece> pieces_;
  engine::Isa isa_ = engine::Isa::Baseline;

  void collect(OptimizerBase& optimizer);
  void collect_groups(OptimizerBase& optimizer);
  void* const* places_of(const Item& item) const {
    return places_.data() + places_each_ * static_cast<size_t>(&item - items_.data());
  }
  void** places_of(Item& item) {
    return places_.data() + places_each_ * static_cast<size_t>(&item - items_.data());
  }
  const engine::Layout& layout_of(const Item& item) const {
    return layouts_[static_cast<size_t>(&item - items_.data())];
  }
  engine::Layout layout_for(const Item& item) const;
  engine::Draw draw_for(const Item& item) const;
  bool point_at_memory(Item& item, void** places, int32_t* trail);
  bool point_at_buffers(Item& item, void** places, int32_t* trail);
  void point_at_all(Item& item);
  void sort_by_readings();
  void check_memory_of(const at::Tensor& p, bool contiguous, const at::Tensor& gradient,
                       uint32_t group, size_t position) const;
  const at::Tensor& owner(const Item& item) const;
  void take_real_views(Item& item, uint32_t group, size_t position);
  void make_complex_again();
  /// Ends the real views of a step, however it ends.
  struct RealViews {
    ~RealViews() { engine.make_complex_again(); }
    Engine& engine;
  };
  void check_sparse(const at::Tensor& p, const at::Tensor& gradient, uint32_t group,
                    size_t position) const;
  void check_pulled(OptimizerBase& optimizer, const at::Tensor& p, uint32_t group,
                    size_t position) const;
  void check_apart(const OptimizerBase& optimizer);
  std::optional<engine::NumberType> type_for_loops(const at::Tensor& parameter, bool contiguous,
                                                   const BaseOptions& base) const;
  void ensure_state(OptimizerBase& optimizer, Item& item) const;
  void prepare(OptimizerBase& optimizer);
  uint32_t numbers_for(uint32_t group, const StepInfo& at, const ParamState& state);
  void set_decay(Group& group, double lr) const;
  void set_decay(Numbers& numbers) const;
  void set_stable_decay();
  const void* constants(const Item& item) const;
  const engine::Kernels& kernels(const Item& item) const;
  template <class Work>
  void with_loops(const Item& item, const Work& work) const;

  void run(double loss);
  void run_jointly(double loss);
  template <class Work>
  void for_each_piece(const Work& work) const;
  void run_elementwise(int64_t thread, int64_t threads) const;
  void run_with_norms(int64_t thread, int64_t threads);
  engine::Span span(const Item& item, int64_t first, int64_t n) const;
  // Of `n` elements from `first` on.
  void sweep(const Item& item, int64_t first, int64_t n) const;
  void measure(const Item& item, int64_t first, int64_t n, double* sums) const;
  void apply(const Item& item, int64_t first, int64_t n, double trust) const;
  double trust(const Item& item, double first_squares, double second_squares, bool remembers) const;

  /// False: the step is skipped.
  bool decide_who_knows();

  double gradient_squares(const Item& item) const;
  void scale_gradients();
  struct WholeTensors;
  void step_tensors();
  void step_tensor(const Item& item) const;
  void step_present(const Item& item) const;
  /// The two readings of a rule with norms in the tensor pass.
  void measure_tensor(const Item& item, tensors::Numbers& sums) const;
  void apply_tensor(const Item& item, double ratio) const;
  void run_tensor_algorithm(OptimizerBase& optimizer);
  void pull_slow_weights(OptimizerBase& optimizer);
};

}  // namespace descent
