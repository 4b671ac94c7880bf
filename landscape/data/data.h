#pragma once
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace descent {

/// One batch: samples along the first dimension of both.
struct Data {
  at::Tensor input;
  at::Tensor target;
  /// All inputs of a network that takes several, by name; `input` is one of them then, which has the
  /// samples of all.
  std::vector<std::pair<std::string, at::Tensor>> named{};
};

/// What a loss is measured on: one batch or several.
class Batches {
 public:
  Batches(Data batch) : batches_{std::move(batch)} {}  // NOLINT(google-explicit-constructor)
  Batches(at::Tensor input, at::Tensor target)
      : Batches(Data{std::move(input), std::move(target)}) {}
  Batches(std::vector<Data> batches)  // NOLINT(google-explicit-constructor)
      : batches_(std::move(batches)) {}

  auto begin() const { return batches_.begin(); }
  auto end() const { return batches_.end(); }
  size_t size() const { return batches_.size(); }
  const Data& operator[](size_t k) const { return batches_[k]; }

 private:
  std::vector<Data> batches_;
};

/// Everything that a DataLoader of torch::data gives in one pass, whose batches are Example<> (as
/// after .map(Stack<>())). Tensors are kept as they come: what a loader makes anew for each pass (a
/// random augmentation, say) is the same at every point of a landscape.
template <class Loader>
Batches collect(Loader& loader) {
  std::vector<Data> batches;
  for (auto& batch : loader) batches.push_back({batch.data, batch.target});
  return batches;
}

}  // namespace descent
