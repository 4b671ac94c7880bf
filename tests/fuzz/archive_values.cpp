#include <array>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <ATen/ops/full.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/serialize/archive.h>

#include <descent/optim.h>

#include "optimizer.h"

namespace descent::fuzz {
namespace {

using torch::serialize::InputArchive;
using torch::serialize::OutputArchive;

/// What becomes of an entry of an archive.
enum class Change : uint8_t { LeaveOut, Rename, Whole, Real, Text, Numbers, Texts, Tensor, Alter };
constexpr uint8_t kChanges = 9;

struct Edit {
  Change change;
  int8_t number;
};

/// By the number of an entry, in the order in which an archive is walked. Three bytes of the input
/// make an edit.
using Edits = std::map<uint8_t, Edit>;

Edits edits_in(std::string_view bytes) {
  Edits edits;
  for (size_t k = 0; k + 3 <= bytes.size(); k += 3) {
    edits[static_cast<uint8_t>(bytes[k])] = {
        static_cast<Change>(static_cast<uint8_t>(bytes[k + 1]) % kChanges),
        static_cast<int8_t>(bytes[k + 2])};
  }
  return edits;
}

/// Another value of the same type.
c10::IValue altered(const c10::IValue& value, int8_t number) {
  const auto at = static_cast<uint8_t>(number);
  if (value.isInt()) return value.toInt() + number;
  if (value.isDouble()) return value.toDouble() * number;
  if (value.isString()) {
    std::string text = value.toStringRef();
    if (!text.empty()) text[at % text.size()] = static_cast<char>(number);
    return text;
  }
  if (value.isTensor()) return value.toTensor().reshape({-1}).repeat({at % 3}).to(at::kDouble);
  if (value.isIntList()) {
    auto list = value.toIntVector();
    if (list.empty()) return std::vector<int64_t>{number};
    if (number % 2 == 0)
      list.pop_back();
    else
      list[at % list.size()] = number;
    return list;
  }
  if (value.isDoubleList()) {
    auto list = value.toDoubleVector();
    if (!list.empty()) list.pop_back();
    return list;
  }
  return value;
}

c10::IValue changed(const c10::IValue& value, const Edit& edit) {
  const int64_t number = edit.number;
  switch (edit.change) {
    case Change::Whole:
      return number == -128 ? INT64_MIN : number == 127 ? INT64_MAX : number;
    case Change::Real:
      return number == 127 ? 1e300 : 0.1 * static_cast<double>(number);
    case Change::Text:
      return std::string(static_cast<size_t>(number & 7), 'x');
    case Change::Numbers:
      return std::vector<int64_t>(static_cast<size_t>(number & 7), number);
    case Change::Texts:
      return std::vector<std::string>(static_cast<size_t>(number & 7), "lr=1");
    case Change::Tensor:
      return at::full({number & 3, 3}, number, number % 2 == 0 ? at::kFloat : at::kLong);
    default:
      return altered(value, edit.number);
  }
}

/// A copy of an archive with edits; without the checksums of our own archives, as older ones are.
void copy(InputArchive& from, OutputArchive& to, const Edits& edits, uint8_t& entry) {
  for (const std::string& key : from.keys()) {
    if (key == "checked" || key == "checksums") continue;
    const auto edit = edits.find(entry++);
    c10::IValue value;
    from.read(key, value);
    if (edit != edits.end() && edit->second.change == Change::LeaveOut) continue;
    const bool keep = edit == edits.end() || edit->second.change == Change::Rename;
    const std::string name = edit != edits.end() && keep ? key + "x" : key;
    if (value.isModule() && keep) {
      InputArchive inner;
      OutputArchive copied(to.compilation_unit());
      from.read(key, inner);
      copy(inner, copied, edits, entry);
      to.write(name, copied);
      continue;
    }
    if (!keep) value = changed(value, edit->second);
    if (value.isModule()) continue;
    if (value.isTensor())
      to.write(name, value.toTensor(), /*is_buffer=*/true);
    else
      to.write(name, value);
  }
}

template <class T>
std::string bytes_of(const T& saver) {
  OutputArchive archive;
  saver.save(archive);
  std::ostringstream out;
  archive.save_to(out);
  return out.str();
}

void read_into(const std::string& bytes, const std::function<void(InputArchive&)>& load) {
  InputArchive archive;
  archive.load_from(bytes.data(), bytes.size());
  load(archive);
}

/// Loads the edited archive into a fresh object. One that refuses it writes what it wrote before;
/// one that takes it can be saved and loaded again.
template <class T>
void take_saved(const std::string& saved, const Edits& edits, T& fresh) {
  const std::string before = bytes_of(fresh);
  std::string edited;
  read_into(saved, [&](InputArchive& archive) {
    OutputArchive copied;
    uint8_t entry = 0;
    copy(archive, copied, edits, entry);
    std::ostringstream out;
    copied.save_to(out);
    edited = out.str();
  });
  try {
    read_into(edited, [&](InputArchive& archive) { fresh.load(archive); });
  } catch (const std::exception&) {
    expect(bytes_of(fresh) == before, "a refused archive changed something");
    throw;
  }
  const std::string taken = bytes_of(fresh);
  read_into(taken, [&](InputArchive& archive) { fresh.load(archive); });
  expect(bytes_of(fresh) == taken, "an archive is written in another way than it was read");
}

/// Of a rule, after a few steps.
std::string trained(const char* rule) {
  const MadeOptimizer optimizer = optimizer_of(rule);
  for (int k = 0; k < 7; ++k) step(*optimizer);
  return bytes_of(*optimizer);
}

/// Of LibTorch's class.
template <class Class>
std::string trained_by() {
  std::vector<at::Tensor> params{at::ones({2, 3}).requires_grad_(), at::ones({3}).requires_grad_()};
  Class optimizer(params);
  for (at::Tensor& p : params) p.mutable_grad() = at::ones(p.sizes());
  optimizer.step();
  return bytes_of(optimizer);
}

void take_optimizer(const std::string& saved, const char* rule, const Edits& edits) {
  const MadeOptimizer optimizer = optimizer_of(rule);
  take_saved(saved, edits, *optimizer);
  step(*optimizer);
}

void take_lookahead(const Edits& edits) {
  const auto make = [] {
    return Lookahead(AdamW({at::ones({2, 3}).requires_grad_(), at::ones({3}).requires_grad_()}),
                     {.k = 2});
  };
  static const std::string saved = [&] {
    Lookahead trained = make();
    for (at::Tensor& p : trained.param_groups()[0].params()) p.mutable_grad() = at::ones(p.sizes());
    for (int k = 0; k < 3; ++k) trained.step();
    return bytes_of(trained);
  }();
  Lookahead fresh = make();
  take_saved(saved, edits, fresh);
  for (at::Tensor& p : fresh.param_groups()[0].params()) p.mutable_grad() = at::ones(p.sizes());
  for (int k = 0; k < 2; ++k) fresh.step();
}

void take_scheduler(const Edits& edits) {
  const MadeOptimizer optimizer = optimizer_of("sgd");
  static const std::string saved = [&] {
    Scheduler scheduler(optimizer->as_libtorch(), StepLR{.step_size = 2, .gamma = 0.5});
    for (int k = 0; k < 3; ++k) scheduler.step();
    return bytes_of(scheduler);
  }();
  Scheduler fresh(optimizer->as_libtorch(), StepLR{.step_size = 2, .gamma = 0.5});
  take_saved(saved, edits, fresh);
  fresh.step();
}

void take_plateau(const Edits& edits) {
  const MadeOptimizer optimizer = optimizer_of("sgd");
  static const std::string saved = [&] {
    ReduceLROnPlateau plateau(optimizer->as_libtorch(), {.patience = 1});
    for (int k = 0; k < 3; ++k) plateau.step(1);
    return bytes_of(plateau);
  }();
  ReduceLROnPlateau fresh(optimizer->as_libtorch(), {.patience = 1});
  take_saved(saved, edits, fresh);
  fresh.step(1);
}

void take_average(const Edits& edits) {
  const auto make = [] {
    return ExponentialMovingAverage({at::ones({2, 3}), at::ones({3}, at::kBFloat16)}, {});
  };
  static const std::string saved = [&] {
    auto average = make();
    average.update();
    return bytes_of(average);
  }();
  auto fresh = make();
  take_saved(saved, edits, fresh);
  fresh.update();
  fresh.copy_to();
}

void take_stopping(const Edits& edits) {
  const auto make = [] {
    return EarlyStopping({.patience = 1, .restore_best = true}, {at::ones({2, 3}), at::ones({3})});
  };
  static const std::string saved = [&] {
    EarlyStopping stopping = make();
    stopping.check(1);
    return bytes_of(stopping);
  }();
  EarlyStopping fresh = make();
  take_saved(saved, edits, fresh);
  fresh.check(2);
  fresh.restore();
}

constexpr std::array<void (*)(const Edits&), 10> kTakes{
    [](const Edits& edits) {
      static const std::string saved = trained("adamw");
      take_optimizer(saved, "adamw", edits);
    },
    [](const Edits& edits) {
      static const std::string saved = trained("nadam");  // has numbers beside its buffers
      take_optimizer(saved, "nadam", edits);
    },
    [](const Edits& edits) {
      static const std::string saved = trained("ranger");  // has slow weights
      take_optimizer(saved, "ranger", edits);
    },
    [](const Edits& edits) {
      static const std::string saved = trained_by<torch::optim::AdamW>();
      take_optimizer(saved, "adamw", edits);
    },
    [](const Edits& edits) {
      static const std::string saved = trained_by<torch::optim::Adam>();
      take_optimizer(saved, "adam", edits);
    },
    take_lookahead,
    take_scheduler,
    take_plateau,
    take_average,
    take_stopping};

}  // namespace

/// The first byte chooses an archive, ours or LibTorch's; the others are edits of its entries. The
/// zip archive itself and its checksums are right.
void take(std::string_view bytes) {
  if (bytes.empty()) return;
  kTakes[static_cast<uint8_t>(bytes[0]) % kTakes.size()](edits_in(bytes.substr(1)));
}

}  // namespace descent::fuzz
