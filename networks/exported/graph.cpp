#include <algorithm>

#include <ATen/ScalarOps.h>
#include <ATen/core/List.h>

#include <descent/networks/exported/graph.h>
#include <descent/networks/exported/higher_order.h>
#include <descent/networks/exported/shortcuts.h>
#include <descent/networks/refuse.h>

namespace descent::networks {
namespace {

using at::Tensor;
using c10::IValue;

Tensor as_tensor(const IValue& value) {
  if (value.isTensor()) return value.toTensor();
  Tensor number = c10::scalar_to_tensor(value.toScalar());
  number.unsafeGetTensorImpl()->set_wrapped_number(true);
  return number;
}

double as_double(const IValue& value) {
  return value.isInt() ? static_cast<double>(value.toInt()) : value.toDouble();
}

void keep(const Call& call, const Call::Result& result, IValue& value, Values& frame) {
  if (!result.is_list) {
    if (result.slots[0] >= 0) frame[static_cast<size_t>(result.slots[0])] = std::move(value);
    return;
  }
  const c10::List<Tensor> tensors = value.toTensorList();
  if (tensors.size() != result.slots.size()) {
    refuse(call.target, " gave ", tensors.size(), " tensors where the program has ",
           result.slots.size());
  }
  for (size_t k = 0; k < tensors.size(); ++k) {
    frame[static_cast<size_t>(result.slots[k])] = tensors.get(k);
  }
}

/// One run of a graph.
class Run {
 public:
  Run(const Setting& setting, Counted& counted, Values& frame)
      : setting_(setting), counted_(counted), frame_(frame) {}

  void take(const Call& call) {
    if (&call == folded_) {  // its results are there
      folded_ = nullptr;
    } else if (execute(call)) {
      if (stack_.size() != call.results.size()) {
        refuse(call.target, " gave ", stack_.size(), " results where the program has ",
               call.results.size());
      }
      const Call& last = folded_ && folded_ == call.normalisation ? *folded_ : call;
      for (size_t k = 0; k < stack_.size(); ++k) keep(last, last.results[k], stack_[k], frame_);
    } else {  // it counts batches, in eval mode
      keep(call, call.results[0], stack_[0], frame_);
    }
    for (const size_t slot : call.freed) frame_[slot] = IValue();
  }

 private:
  /// Runs the call on the stack, which then holds its results. False: it is passed over.
  bool execute(const Call& call) {
    stack_.assign(call.constants.begin(), call.constants.end());
    if (call.kind == Call::Kind::Operation) {
      for (const Argument& argument : call.arguments) {
        IValue& place = stack_[argument.position];
        if (argument.is_last_use) {
          place = std::move(frame_[static_cast<size_t>(argument.references[0].slot)]);
        } else {
          place = argument.in(frame_);
        }
      }
      for (const size_t position : call.devices) stack_[position] = setting_.device;
      if (call.mode.follows() && !adjust(call)) return false;
      if (is_short_ && call.normalisation &&
          folds(call, stack_, *call.normalisation, frame_, setting_)) {
        fold(stack_, *call.normalisation, frame_);
        folded_ = call.normalisation;
      }
      const bool writes = is_short_ && call.in_place && may_write(stack_);
      (writes ? call.in_place : call.operation)->callBoxed(stack_);
      return true;
    }
    for (const Argument& argument : call.arguments) stack_.push_back(argument.in(frame_));
    if (call.kind == Call::Kind::Sizes) {
      IValue result = call.sizes->function(stack_);
      stack_.assign(1, std::move(result));
    } else if (call.kind == Call::Kind::Vmap) {
      IValue result = levels_.take(call.step, stack_);
      stack_.assign(1, std::move(result));
    } else {
      stack_ = run_graphs(call, std::move(stack_), setting_, counted_);
    }
    return true;
  }

  /// What is not to happen in this setting, or happens otherwise. False: the call is passed over.
  bool adjust(const Call& call) {
    const Switch& mode = call.mode;
    const std::optional<bool> on =
        mode.momentum ? setting_.training_of_batch_norm() : setting_.training;
    if (mode.counts_batches) return on.value_or(true);
    if (mode.flag && on) {
      IValue& flag = stack_[*mode.flag];
      if (*on && !flag.toBool() && !mode.counter.empty()) counted_.push_back(mode.counter);
      flag = *on;
    }
    if (mode.rate && on && !*on) stack_[*mode.rate] = 0.0;
    if (mode.momentum && setting_.momentum) stack_[*mode.momentum] = *setting_.momentum;
    return true;
  }

  const Setting& setting_;
  Counted& counted_;
  Values& frame_;
  Values stack_;
  VmapLevels levels_;
  const bool is_short_ = may_take_shortcuts();
  const Call* folded_ = nullptr;  ///< the normalisation that a convolution has taken along
};

}  // namespace

bool Call::is_one_of(std::span<const std::string_view> names) const {
  return operation && std::find(names.begin(), names.end(), operation_name()) != names.end();
}

const Argument* Call::argument_at(size_t position) const {
  const auto found =
      std::find_if(arguments.begin(), arguments.end(),
                   [&](const Argument& argument) { return argument.position == position; });
  return found != arguments.end() ? &*found : nullptr;
}

bool Argument::is_constant() const {
  return std::all_of(references.begin(), references.end(),
                     [](const Reference& one) { return one.is_constant(); });
}

IValue Argument::in(const Values& frame) const {
  const auto list = [&]<class T>(c10::List<T> all, const auto& take) {
    all.reserve(references.size());
    for (const Reference& one : references) all.push_back(take(one.in(frame)));
    return IValue(std::move(all));
  };
  switch (form) {
    case Form::One:
      return references[0].in(frame);
    case Form::NumberAsTensor:
      return as_tensor(references[0].in(frame));
    case Form::Ints:
      return list(c10::List<int64_t>(), [](const IValue& x) { return x.toInt(); });
    case Form::Floats:
      return list(c10::List<double>(), as_double);
    case Form::Bools:
      return list(c10::List<bool>(), [](const IValue& x) { return x.toBool(); });
    case Form::Tensors:
      return list(c10::List<Tensor>(), [](const IValue& x) { return x.toTensor(); });
    case Form::OptionalTensors:
      return list(c10::List<std::optional<Tensor>>(),
                  [](const IValue& x) { return x.toOptional<Tensor>(); });
  }
  return {};
}

Values Graph::run(Values arguments, const Setting& setting, Counted& counted) const {
  if (arguments.size() != inputs.size()) {
    refuse("a graph of the program takes ", inputs.size(), " values and got ", arguments.size());
  }
  Values frame(slots);
  for (size_t k = 0; k < inputs.size(); ++k) frame[inputs[k]] = std::move(arguments[k]);
  Run run(setting, counted, frame);
  const Call* now = nullptr;
  try {
    for (const Call& call : calls) {
      now = &call;
      run.take(call);
    }
  } catch (const std::invalid_argument&) {
    throw;  // of a graph within
  } catch (const std::exception& error) {
    refuse("its operation ", now->target, " failed: ", gist(error));
  }
  Values results;
  results.reserve(outputs.size());
  for (const Argument& output : outputs) results.push_back(output.in(frame));
  return results;
}

}  // namespace descent::networks
