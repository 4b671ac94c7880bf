#include <algorithm>
#include <utility>

#include <ATen/ops/empty.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <descent/optim/engine/skips.h>

namespace descent::engine {

Skips::Skips(size_t members, std::vector<at::Device> devices)
    : members_(members), devices_(std::move(devices)) {
  for (const at::Device device : devices_)
    counts_.push_back(at::empty({1}, at::TensorOptions(device).dtype(at::kInt)));
}

const at::Tensor& Skips::count(at::Device device) const {
  const auto found = std::find(devices_.begin(), devices_.end(), device);
  return counts_.at(static_cast<size_t>(found - devices_.begin()));
}

void Skips::listen() {
  while (!answers_.empty() && answers_.front().event.query()) hear();
  while (open() > kMostOpen && !answers_.empty()) {
    answers_.front().event.synchronize();
    hear();
  }
}

void Skips::hear() {
  known_ = *answers_.front().count.const_data_ptr<int32_t>();
  heard_ = answers_.front().begun;
  answers_.pop_front();
}

// All devices skip the same steps, so one speaks for all.
void Skips::begin() {
  const at::Device device = devices_.front();
  stream_ = c10::impl::VirtualGuardImpl(device.type()).getStream(device);
  if (begun_ == 0)
    for (const at::Tensor& count : counts_) count.zero_();
  ++begun_;
}

void Skips::ask() {
  if (open() == 0 || (!answers_.empty() && answers_.back().begun == begun_)) return;
  const at::Tensor& there = counts_.front();
  const c10::StreamGuard guard(*stream_);
  at::Tensor here = at::empty({1}, at::TensorOptions().dtype(at::kInt).pinned_memory(true));
  here.copy_(there, /*non_blocking=*/true);
  c10::Event event(devices_.front().type());
  event.record(*stream_);
  answers_.push_back({std::move(here), std::move(event), begun_});
}

void Skips::settle() {
  ask();
  if (!answers_.empty()) answers_.back().event.synchronize();
  while (!answers_.empty()) hear();
}

void OpenSteps::join(int64_t& count, std::shared_ptr<Skips> skips) {
  settle(count);
  skips_ = std::move(skips);
  known_ = skips_->known();
}

void OpenSteps::update(int64_t& count) {
  if (skips_ == nullptr) return;
  count -= skips_->known() - known_;
  known_ = skips_->known();
}

void OpenSteps::settle(int64_t& count) {
  if (skips_ == nullptr) return;
  skips_->settle();
  update(count);
}

}  // namespace descent::engine
