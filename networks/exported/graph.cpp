#include <algorithm>

#include <ATen/ScalarOps.h>
#include <ATen/core/List.h>
#include <ATen/core/grad_mode.h>

#include <descent/networks/exported/graph.h>
#include <descent/networks/refuse.h>
#include <descent/tensors/autocast.h>

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

/// What is not to happen in this setting, or happens otherwise. False: the call is passed over.
bool adjust(const Call& call, const Setting& setting, Values& stack) {
  const Switch& mode = call.mode;
  const std::optional<bool> on =
      mode.momentum && setting.batch_norm ? setting.batch_norm : setting.training;
  if (mode.counts_batches) return on.value_or(true);
  if (mode.flag && on) stack[*mode.flag] = *on;
  if (mode.rate && on && !*on) stack[*mode.rate] = 0.0;
  if (mode.momentum && setting.momentum) stack[*mode.momentum] = *setting.momentum;
  return true;
}

Values run_graphs(const Call& call, Values values, const Setting& setting) {
  switch (call.kind) {
    case Call::Kind::Condition: {
      const IValue choice = std::move(values.front());
      values.erase(values.begin());
      const bool yes = choice.isBool() ? choice.toBool() : choice.toTensor().item<bool>();
      return (yes ? call.body : call.other)->run(std::move(values), setting);
    }
    case Call::Kind::GradMode: {
      const at::AutoGradMode mode(call.enables);
      return call.body->run(std::move(values), setting);
    }
    default: {
      const tensors::Autocast mode(call.enables, call.autocast_type, call.autocast_device);
      return call.body->run(std::move(values), setting);
    }
  }
}

/// Runs the call on the stack, which then holds its results. False: it is passed over.
bool execute(const Call& call, Values& frame, const Setting& setting, Values& stack) {
  stack.assign(call.constants.begin(), call.constants.end());
  if (call.kind == Call::Kind::Operation) {
    for (const Argument& argument : call.arguments) {
      IValue& place = stack[argument.position];
      if (argument.is_last_use) {
        place = std::move(frame[static_cast<size_t>(argument.references[0].slot)]);
      } else {
        place = argument.in(frame);
      }
    }
    for (const size_t position : call.devices) stack[position] = setting.device;
    if (call.mode.follows() && !adjust(call, setting, stack)) return false;
    call.operation->callBoxed(stack);
    return true;
  }
  for (const Argument& argument : call.arguments) stack.push_back(argument.in(frame));
  if (call.kind == Call::Kind::Sizes) {
    IValue result = call.sizes->function(stack);
    stack.assign(1, std::move(result));
  } else {
    stack = run_graphs(call, std::move(stack), setting);
  }
  return true;
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

}  // namespace

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

Values Graph::run(Values arguments, const Setting& setting) const {
  if (arguments.size() != inputs.size()) {
    refuse("a graph of the program takes ", inputs.size(), " values and got ", arguments.size());
  }
  Values frame(slots);
  for (size_t k = 0; k < inputs.size(); ++k) frame[inputs[k]] = std::move(arguments[k]);
  Values stack;
  const Call* now = nullptr;
  try {
    for (const Call& call : calls) {
      now = &call;
      if (execute(call, frame, setting, stack)) {
        if (stack.size() != call.results.size()) {
          refuse(call.target, " gave ", stack.size(), " results where the program has ",
                 call.results.size());
        }
        for (size_t k = 0; k < stack.size(); ++k) keep(call, call.results[k], stack[k], frame);
      } else {  // it counts batches, in eval mode
        keep(call, call.results[0], stack[0], frame);
      }
      for (const size_t slot : call.freed) frame[slot] = IValue();
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
