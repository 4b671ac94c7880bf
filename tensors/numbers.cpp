#include <ATen/ops/stack.h>

#include <descent/tensors/numbers.h>

namespace descent::tensors {

void Numbers::add(const at::Tensor& number) {
  if (number.is_cpu()) {
    values_.push_back(number.item<double>());
    return;
  }
  there_.push_back(number.reshape({}).to(at::kDouble, /*non_blocking=*/false, /*copy=*/true));
  places_.push_back(values_.size());
  values_.push_back(0);
}

const std::vector<double>& Numbers::read() {
  while (!there_.empty()) {
    const at::Device device = there_.front().device();
    std::vector<at::Tensor> together, others;
    std::vector<size_t> places, of_others;
    for (size_t i = 0; i < there_.size(); ++i) {
      const bool here = there_[i].device() == device;
      (here ? together : others).push_back(there_[i]);
      (here ? places : of_others).push_back(places_[i]);
    }
    const at::Tensor all = at::stack(together).cpu();
    for (size_t i = 0; i < places.size(); ++i) values_[places[i]] = all.const_data_ptr<double>()[i];
    there_ = std::move(others);
    places_ = std::move(of_others);
  }
  return values_;
}

}  // namespace descent::tensors
