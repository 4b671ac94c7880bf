#include <iterator>

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include <descent/networks/exported/higher_order.h>
#include <descent/networks/refuse.h>
#include <descent/tensors/autocast.h>

namespace descent::networks {
namespace {

using at::Tensor;
using c10::IValue;
using Tensors = std::vector<Tensor>;

class Runner {
 public:
  Runner(const Call& call, Values values, const Setting& setting, Counted& counted)
      : call_(call), values_(std::move(values)), setting_(setting), counted_(counted) {}

  Values run() {
    using Kind = Call::Kind;
    switch (call_.kind) {
      case Kind::Condition: {
        const bool yes = truth(values_.front());
        values_.erase(values_.begin());
        return graph(yes ? 0 : 1, std::move(values_));
      }
      case Kind::WhileLoop:
        return while_loop();
      case Kind::Scan:
        return scan();
      case Kind::AssociativeScan: {
        Tensors all;
        for (const IValue& value : part(0)) all.push_back(value.toTensor());
        return of(associative_scan(all));
      }
      case Kind::Map:
        return map();
      case Kind::GradMode: {
        const at::AutoGradMode mode(call_.enables);
        return graph(0, std::move(values_));
      }
      case Kind::Autocast: {
        const tensors::Autocast mode(call_.enables, call_.autocast_type, call_.autocast_device);
        return graph(0, std::move(values_));
      }
      default:
        return graph(0, std::move(values_));
    }
  }

 private:
  Values graph(size_t k, Values values) const {
    return call_.graphs[k]->run(std::move(values), setting_, counted_);
  }

  static bool truth(const IValue& value) {
    return value.isBool() ? value.toBool() : value.toTensor().item<bool>();
  }

  static Values of(const Tensors& tensors) { return {tensors.begin(), tensors.end()}; }

  static void append(Values& all, const Values& more) {
    all.insert(all.end(), more.begin(), more.end());
  }

  /// One of the lists of operands.
  Values part(size_t k) const {
    auto first = values_.begin();
    for (size_t before = 0; before < k; ++before) {
      first += static_cast<std::ptrdiff_t>(call_.operands[before]);
    }
    return {first, first + static_cast<std::ptrdiff_t>(call_.operands[k])};
  }

  void check_count(const Values& results, size_t least) const {
    if (results.size() >= least) return;
    refuse(call_.target, " has a graph that gives ", results.size(), " values, must give ", least);
  }

  Values while_loop() const {
    Values carried = part(0);
    const size_t count = carried.size();
    const Values fixed = part(1);
    for (bool is_first = true;; is_first = false) {
      Values inputs = carried;
      append(inputs, fixed);
      const Values goes_on = graph(0, inputs);
      check_count(goes_on, 1);
      if (truth(goes_on[0])) {
        carried = graph(1, std::move(inputs));
        check_count(carried, count);
        continue;
      }
      if (!is_first) return carried;
      for (IValue& value : carried) {
        if (value.isTensor()) value = value.toTensor().clone();
      }
      return carried;
    }
  }

  /// The k-th slice of each tensor, between what stands before and behind it.
  static Values with_slice(Values before, const Values& tensors, int64_t k, const Values& behind) {
    for (const IValue& tensor : tensors) before.emplace_back(tensor.toTensor().select(0, k));
    append(before, behind);
    return before;
  }

  int64_t length_of(const Values& tensors) const {
    const int64_t length =
        tensors.empty() || tensors[0].toTensor().dim() == 0 ? 0 : tensors[0].toTensor().size(0);
    if (length == 0) refuse(call_.target, " has no slices to run over");
    return length;
  }

  /// Adds what one slice gives to what those before gave; outputs that are None stay so.
  static void collect(std::vector<Tensors>& all, const Values& results, size_t first) {
    all.resize(results.size() - first);
    for (size_t k = first; k < results.size(); ++k) {
      if (results[k].isTensor()) all[k - first].push_back(results[k].toTensor());
    }
  }

  static void append_stacked(Values& results, const std::vector<Tensors>& all) {
    for (const Tensors& slices : all) {
      results.push_back(slices.empty() ? IValue() : IValue(at::stack(slices)));
    }
  }

  Values scan() const {
    Values carried = part(0);
    const size_t count = carried.size();
    const Values over = part(1), fixed = part(2);
    const int64_t length = length_of(over);
    std::vector<Tensors> outputs;
    for (int64_t k = 0; k < length; ++k) {
      Values results = graph(0, with_slice(std::move(carried), over, k, fixed));
      check_count(results, count);
      collect(outputs, results, count);
      results.resize(count);
      carried = std::move(results);
    }
    append_stacked(carried, outputs);
    return carried;
  }

  Values map() const {
    const Values over = part(0), fixed = part(1);
    const int64_t length = length_of(over);
    std::vector<Tensors> outputs;
    for (int64_t k = 0; k < length; ++k) {
      collect(outputs, graph(0, with_slice({}, over, k, fixed)), 0);
    }
    Values results;
    append_stacked(results, outputs);
    return results;
  }

  Tensors combined(const Tensors& left, const Tensors& right) const {
    Values inputs = of(left);
    append(inputs, of(right));
    append(inputs, part(1));
    const Values results = graph(0, std::move(inputs));
    check_count(results, left.size());
    Tensors tensors;
    for (size_t k = 0; k < left.size(); ++k) tensors.push_back(results[k].toTensor());
    return tensors;
  }

  /// Of each tensor its rows from `first` on, but for `last` at its end.
  static Tensors rows(const Tensors& tensors, int64_t first, int64_t last, int64_t step) {
    Tensors parts;
    for (const Tensor& tensor : tensors) {
      parts.push_back(tensor.slice(0, first, tensor.size(0) - last, step));
    }
    return parts;
  }

  /// Pairs of neighbours are combined, which gives the odd places once they are scanned, and these
  /// with their next neighbours give the even ones: the order in which Python adds.
  Tensors associative_scan(const Tensors& all) const {
    const int64_t length = length_of(of(all));
    if (length < 2) return all;
    const Tensors odd = associative_scan(combined(rows(all, 0, 1, 2), rows(all, 1, 0, 2)));
    const Tensors even = combined(rows(odd, 0, length % 2 == 0 ? 1 : 0, 1), rows(all, 2, 0, 2));
    Tensors scanned;
    for (size_t k = 0; k < all.size(); ++k) {
      const Tensor evens = at::cat({all[k].slice(0, 0, 1), even[k]});
      const int64_t pairs = odd[k].size(0);
      const Tensor woven = at::stack({evens.slice(0, 0, pairs), odd[k]}, 1).flatten(0, 1);
      scanned.push_back(length % 2 == 0 ? woven : at::cat({woven, evens.slice(0, pairs)}));
    }
    return scanned;
  }

  const Call& call_;
  Values values_;
  const Setting& setting_;
  Counted& counted_;
};

}  // namespace

Values run_graphs(const Call& call, Values values, const Setting& setting, Counted& counted) {
  return Runner(call, std::move(values), setting, counted).run();
}

}  // namespace descent::networks
