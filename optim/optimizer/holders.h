#pragma once
// The objects that hold a rule's options and states: LibTorch's classes with what this library adds
// to them. They need LibTorch's headers of the optimizers where LibTorch has the rule.
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>

#include <c10/util/Exception.h>

#include <descent/optim/optimizer/group_options.h>
#include <descent/optim/optimizer/libtorch_classes.h>
#include <descent/optim/optimizer/param_state.h>

namespace descent::engine {

/// LibTorch's part of the options of a rule that LibTorch does not have. Programs often set the rate
/// by a cast to one of LibTorch's classes, and forget the cast when they take another rule. The rate
/// is the first member of all these classes, so here it is the rate too. What lies behind it is as
/// large as the largest of them and holds a pattern, by which anything else that was written so is
/// noticed.
class LrOnlyOptions : public torch::optim::OptimizerOptions {
 public:
  explicit LrOnlyOptions(double lr = 0) : lr_(lr) {}
  double& lr() { return lr_; }
  const double& lr() const { return lr_; }
  double get_lr() const override { return lr_; }
  void set_lr(double lr) override { lr_ = lr; }

  /// Where the pattern was written over, as a sentence about LibTorch's classes; "" if nowhere.
  std::string foreign_writes() const;

 private:
  // As a double not a number; as a bool neither true nor false.
  static constexpr uint64_t kPattern = 0x7ff8'6573'6364'0202;
  double lr_;
  // The last word says whether LBFGSOptions has a line_search_fn: no.
  std::array<uint64_t, 11> guard_{kPattern, kPattern, kPattern, kPattern, kPattern, kPattern,
                                  kPattern, kPattern, kPattern, kPattern, 0};
};

/// Options of a rule that are also those of LibTorch's class `Class`.
template <class Class>
class HeldOptions : public LibTorch<Class>::Options, public GroupOptions {
  using Theirs = typename LibTorch<Class>::Options;

 public:
  HeldOptions(const RuleTable& rule, const void* from, const BaseOptions& base = {})
      : Theirs(0.0), GroupOptions(rule, from, base) {
    HeldOptions::write_theirs(own());
  }
  HeldOptions(const RuleTable& rule, const Theirs& theirs, const void* rest)
      : Theirs(theirs), GroupOptions(rule, rest) {}

  std::unique_ptr<torch::optim::OptimizerOptions> clone() const override {
    return std::make_unique<HeldOptions>(*this);
  }
  double get_lr() const override { return Theirs::get_lr(); }
  void set_lr(double lr) override { Theirs::set_lr(lr); }

  /// As LibTorch's own object, and as one text where they say more than that.
  void serialize(torch::serialize::OutputArchive& archive) const override {
    if constexpr (LibTorch<Class>::key != nullptr) {
      Theirs::serialize(archive);
      if (!says_more_than_libtorch()) return;
    }
    write_text(archive);
  }
  void serialize(torch::serialize::InputArchive& archive) override {
    if (read_text(archive)) return;
    if constexpr (LibTorch<Class>::key != nullptr) Theirs::serialize(archive);
  }

 protected:
  void read_theirs(void* options) const override {
    if constexpr (LibTorch<Class>::key == nullptr) {
      *rule().lr(options) = this->lr();
    } else {
      size_t i = 0;
      LibTorch<Class>::each_option(static_cast<const Theirs&>(*this),
                                   [&](const char*, const auto& x) {
                                     copy(x, static_cast<char*>(options) + places()[i++]);
                                   });
    }
  }
  void write_theirs(const void* options) override {
    if constexpr (LibTorch<Class>::key == nullptr) {
      this->lr() = *rule().lr(const_cast<void*>(options));
    } else {
      size_t i = 0;
      LibTorch<Class>::each_option(static_cast<Theirs&>(*this), [&](const char*, auto& x) {
        copy_back(static_cast<const char*>(options) + places()[i++], x);
      });
    }
  }
  std::string foreign_writes() const override {
    if constexpr (LibTorch<Class>::key == nullptr) return LrOnlyOptions::foreign_writes();
    return "";
  }

 private:
  /// Where LibTorch's options lie in the rule's Options, in bytes and in LibTorch's order. A class of
  /// LibTorch's belongs to one rule.
  const std::array<std::ptrdiff_t, 8>& places() const {
    static const std::array<std::ptrdiff_t, 8> found = [this] {
      std::array<std::ptrdiff_t, 8> list{};
      const std::shared_ptr<void> options = rule().make_options(nullptr);
      size_t i = 0;
      LibTorch<Class>::each_option(
          static_cast<const Theirs&>(*this), [&](const char* name, const auto&) {
            void* const place = rule().member(options.get(), name);
            TORCH_CHECK(place != nullptr, rule().about.name, ": the key ", rule().about.key,
                        " is that of a rule of LibTorch's, which has an option ", name,
                        "; must be another key or have it");
            list.at(i++) = static_cast<char*>(place) - static_cast<char*>(options.get());
          });
      return list;
    }();
    return found;
  }

  template <class T>
  static void copy(const T& from, void* to) {
    *static_cast<T*>(to) = from;
  }
  static void copy(const std::tuple<double, double>& from, void* to) {
    *static_cast<std::array<double, 2>*>(to) = {std::get<0>(from), std::get<1>(from)};
  }
  template <class T>
  static void copy_back(const void* from, T& to) {
    to = *static_cast<const T*>(from);
  }
  static void copy_back(const void* from, std::tuple<double, double>& to) {
    const auto& pair = *static_cast<const std::array<double, 2>*>(from);
    to = {pair[0], pair[1]};
  }
};

/// The state of a rule that LibTorch does not have.
struct PlainState : torch::optim::OptimizerParamState {
  int64_t& step() { return step_; }

 private:
  template <class Class>
  friend class HeldState;
  int64_t step_ = 0;
  std::array<at::Tensor, kMaxBuffers> buffers_{};
};

/// A state of a rule that is also one of LibTorch's class `Class`.
template <class Class>
class HeldState final : public LibTorch<Class>::State, public ParamState {
  using Theirs = typename LibTorch<Class>::State;

 public:
  HeldState(const Holders& holders, const at::Tensor& p) : ParamState(holders, p) {}
  HeldState(const Holders& holders, const Theirs& theirs, const at::Tensor& p)
      : Theirs(theirs), ParamState(holders, p) {}

  std::unique_ptr<torch::optim::OptimizerParamState> clone() const override {
    static_cast<void>(ParamState::step());  // which is right from then on
    auto copy = std::make_unique<HeldState>(*this);
    copy->clone_buffers();
    return copy;
  }
  void serialize(torch::serialize::OutputArchive& archive) const override { write(archive); }
  void serialize(torch::serialize::InputArchive& archive) override { read(archive); }

  /// Fills in where things lie.
  void locate(Holders& holders) {
    const auto place = [this](const void* part) {
      return static_cast<const char*>(part) -
             reinterpret_cast<const char*>(static_cast<const ParamState*>(this));
    };
    holders.own = -place(static_cast<torch::optim::OptimizerParamState*>(this));
    if constexpr (requires(Theirs & s) { s.step(); })
      holders.step = place(&Theirs::step());
    else
      holders.step = place(&own_step_);
    [[maybe_unused]] size_t more = 0;
    for (size_t b = 0; b < holders.rule->buffers.size(); ++b) {
      const void* found = nullptr;
      if constexpr (LibTorch<Class>::key == nullptr)
        found = &this->buffers_[b];
      else
        LibTorch<Class>::each_buffer(static_cast<Theirs&>(*this),
                                     [&](std::string_view name, const at::Tensor& buffer) {
                                       if (name == holders.rule->buffers[b]) found = &buffer;
                                     });
      if constexpr (LibTorch<Class>::more_buffers != 0)
        if (found == nullptr) found = &more_.at(more++);
      holders.buffers[b] = place(found);
    }
  }

 private:
  // An array of nothing would take 8 bytes of each state.
  struct NoMore {};
  [[no_unique_address]] std::conditional_t<LibTorch<Class>::more_buffers == 0, NoMore,
                                           std::array<at::Tensor, LibTorch<Class>::more_buffers>>
      more_;
  struct None {};
  [[no_unique_address]] std::conditional_t < requires(Theirs& s) { s.step(); }
  , None, int64_t > own_step_{};
};

}  // namespace descent::engine
